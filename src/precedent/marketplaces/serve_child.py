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
from pathlib import Path
from typing import Any, cast

import msgspec

from precedent import children
from precedent.errors import NotFound, PrecedentError

from . import contents
from .manifests import MARKETPLACE
from .model import Offer, Served, ServeOrder

NAME = "precedent"
"""Of the marketplace that is served."""

AUTHOR = b"Precedent <precedent@localhost>"
BRANCH = b"refs/heads/main"
TREES = "precedent-trees.json"
"""In a person's repository: the trees of what they are given, which are not made again for each request."""

ADDRESS_SPACE_BYTES = 2 << 30
MAX_ERROR = 300


def main() -> None:
    """Serve one request."""
    output = children.answers()
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
            # Also for a pack: what somebody has lost meanwhile is not given to them because they ask late.
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
    """Add a commit if the person is given something else than before.

    Its time is that of the last trust in it, so that the same history of what is served has the same ids everywhere.
    """
    from dulwich.objects import Commit  # noqa: PLC0415  # see above

    tree, given = _tree(repository, order)
    head = repository.refs[BRANCH] if BRANCH in repository.refs else None
    if head is not None and repository[head].tree == tree:
        return
    commit = Commit()
    commit.tree = tree
    commit.parents = [head] if head is not None else []
    commit.author = commit.committer = AUTHOR
    times = [each.trusted_at // 1_000_000 for each in given]
    commit.author_time = commit.commit_time = max([*times, repository[head].commit_time if head is not None else 0])
    commit.author_timezone = commit.commit_timezone = 0
    commit.encoding = b"UTF-8"
    commit.message = f"{len(given)} plugins\n".encode()
    repository.object_store.add_object(commit)
    repository.refs[BRANCH] = commit.id
    repository.refs.set_symbolic_ref(b"HEAD", BRANCH)


def _tree(repository: Any, order: ServeOrder) -> tuple[bytes, list[Offer]]:
    """Return the id of the tree that holds all that is given, and what that is.

    A plugin whose files are not here, and were not given before, is left out until its marketplace is synced: it
    takes away none of the others.
    """
    from dulwich.objects import Blob, Tree  # noqa: PLC0415  # see above

    store, path = repository.object_store, Path(order.repository, TREES)
    before = _read_trees(path)
    trees: dict[str, str] = {}
    plugins, given = Tree(), list[Offer]()
    for offer in order.offers:
        number = trees.get(offer.content_hash) or before.get(offer.content_hash)
        if number is None or number.encode() not in store:
            try:
                number = _plugin_tree(store, contents.read(Path(order.contents), offer.content_hash))
            except NotFound as error:
                print(f"{offer.name} is not served: {error}", file=sys.stderr)
                continue
        trees[offer.content_hash] = number
        plugins.add(offer.name.encode(), 0o040000, cast("Any", number.encode()))
        given.append(offer)
    if trees != before:
        path.with_suffix(".new").write_bytes(msgspec.json.encode(trees))
        os.replace(path.with_suffix(".new"), path)
    blob, listed, root = Blob.from_string(_manifest(given)), Tree(), Tree()
    folder, name = MARKETPLACE.encode().split(b"/")
    listed.add(name, 0o100644, blob.id)
    root.add(folder, 0o040000, listed.id)
    if given:
        root.add(b"plugins", 0o040000, plugins.id)
    for each in (blob, listed, plugins, root):
        if each.id not in store:
            store.add_object(each)
    return bytes(root.id), given


def _read_trees(path: Path) -> dict[str, str]:
    """Return the trees of the plugins that were given last, by the digests of their files."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    except (OSError, msgspec.DecodeError):
        return {}  # they are made again


def _plugin_tree(store: Any, entries: list[contents.Entry]) -> str:
    """Store the files of a plugin and return the id of the tree that holds them."""
    from dulwich.index import commit_tree  # noqa: PLC0415  # see above
    from dulwich.objects import Blob  # noqa: PLC0415  # see above

    files: list[tuple[bytes, bytes, int]] = []
    for path, executable, data in entries:
        blob = Blob.from_string(data)
        if blob.id not in store:
            store.add_object(blob)
        files.append((path.encode(), blob.id, 0o100755 if executable else 0o100644))
    return bytes(commit_tree(store, cast("Any", files))).decode()


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
