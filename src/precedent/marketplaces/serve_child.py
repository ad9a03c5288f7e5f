"""The process that serves a person's marketplace to git: `python -m precedent.marketplaces.serve_child`.

Its input is a `ServeOrder`, its output `Served`. Each person has a repository of their own, to which a commit is added
when they are given something else, so that a pull always goes forward. The tree follows from what is given alone.
"""

import fcntl
import io
import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any, cast

import msgspec

from precedent.errors import PrecedentError
from precedent.lifeline import end_with_parent

from . import contents
from .manifests import MARKETPLACE
from .model import Offer, Served, ServeOrder

NAME = "precedent"
"""Of the marketplace that is served."""

AUTHOR = b"Precedent <precedent@localhost>"
BRANCH = b"refs/heads/main"
ADDRESS_SPACE_BYTES = 2 << 30
MAX_ERROR = 300


def main() -> None:
    """Serve one request."""
    end_with_parent()
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE_BYTES, ADDRESS_SPACE_BYTES))
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=ServeOrder)
    try:
        found = Served(body=_serve(order))
    except PrecedentError as error:
        found = Served(error=str(error)[:MAX_ERROR])
    except Exception as error:  # what git clients send is foreign; the child's boundary
        found = Served(error=f"this is no request of git: {type(error).__name__}"[:MAX_ERROR])
    output.write(msgspec.json.encode(found))
    output.close()


def _serve(order: ServeOrder) -> bytes:
    from dulwich.protocol import ReceivableProtocol  # noqa: PLC0415  # loaded in this process only
    from dulwich.repo import Repo  # noqa: PLC0415
    from dulwich.server import DictBackend, UploadPackHandler  # noqa: PLC0415

    path = Path(order.repository)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with Path(f"{order.repository}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with Repo(str(path)) if path.exists() else Repo.init_bare(str(path), mkdir=True) as repository:
            if order.body is None:
                bring_up_to_date(repository, order)
            answer = io.BytesIO()
            protocol = ReceivableProtocol(io.BytesIO(order.body or b"").read, answer.write)
            handler: Any = UploadPackHandler(
                DictBackend(cast("Any", {b"/": repository})),
                ["/"],
                protocol,
                stateless_rpc=True,
                advertise_refs=order.body is None,
            )
            if order.body is None:
                protocol.write_pkt_line(b"# service=git-upload-pack\n")
                protocol.write_pkt_line(None)
            handler.handle()
            return answer.getvalue()


def bring_up_to_date(repository: Any, order: ServeOrder) -> None:
    """Add a commit if the person is given something else than before."""
    from dulwich.objects import Commit  # noqa: PLC0415  # see above

    tree = _tree(repository.object_store, order)
    head = repository.refs[BRANCH] if BRANCH in repository.refs else None
    if head is not None and repository[head].tree == tree:
        return
    commit = Commit()
    commit.tree = tree
    commit.parents = [head] if head is not None else []
    commit.author = commit.committer = AUTHOR
    commit.author_time = commit.commit_time = int(time.time())
    commit.author_timezone = commit.commit_timezone = 0
    commit.encoding = b"UTF-8"
    commit.message = f"{len(order.offers)} plugins\n".encode()
    repository.object_store.add_object(commit)
    repository.refs[BRANCH] = commit.id
    repository.refs.set_symbolic_ref(b"HEAD", BRANCH)


def _tree(store: Any, order: ServeOrder) -> bytes:
    """Store all files and return the id of the tree that holds them."""
    from dulwich.index import commit_tree  # noqa: PLC0415  # see above
    from dulwich.objects import Blob  # noqa: PLC0415  # see above

    files: list[tuple[bytes, bytes, int]] = []
    for offer in order.offers:
        for path, executable, data in contents.read(Path(order.contents), offer.content_hash):
            blob = Blob.from_string(data)
            if blob.id not in store:
                store.add_object(blob)
            files.append((f"plugins/{offer.name}/{path}".encode(), blob.id, 0o100755 if executable else 0o100644))
    manifest = Blob.from_string(_manifest(order.offers))
    store.add_object(manifest)
    files.append((MARKETPLACE.encode(), manifest.id, 0o100644))
    return bytes(commit_tree(store, cast("Any", files)))


def _manifest(offers: list[Offer]) -> bytes:
    """Return the list of plugins as Claude Code reads it."""
    listed = [
        {"name": each.name, "source": f"./plugins/{each.name}"}
        | ({"description": each.description} if each.description else {})
        | ({"version": each.version} if each.version else {})
        for each in offers
    ]
    found = {"name": NAME, "owner": {"name": "Precedent"}, "plugins": listed}
    return json.dumps(found, indent=2, ensure_ascii=False).encode() + b"\n"


if __name__ == "__main__":
    main()
