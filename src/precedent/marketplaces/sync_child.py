"""The process that reads repositories: `python -m precedent.marketplaces.sync_child`.

Each line of its input is a `SyncOrder`, each answer a line, `Synced` or `NotSynced`. It has no database and a scrubbed
environment, connects to no private address, and ends with the process that started it.
"""

import resource
import sys
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from precedent import children
from precedent.errors import Fault, PrecedentError, Terminal, TooLarge
from precedent.security.egress import Egress

from . import contents, manifests
from .model import MAX_REPOSITORY_BYTES, NotSynced, PluginFound, Synced, SyncOrder
from .trees import Tree

ADDRESS_SPACE_BYTES = 2 << 30
MAX_ERROR = 500
STAYING = ("404", "not found", "401", "403", "unauthorized", "forbidden", "410")


class RefMissing(Terminal):
    """The repository has not what is asked for."""


def main() -> None:
    """Answer orders until the input ends."""
    output = children.answers()
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE_BYTES, ADDRESS_SPACE_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_REPOSITORY_BYTES, MAX_REPOSITORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    warnings.simplefilter("ignore")
    enforced = False
    for line in sys.stdin.buffer:
        order = msgspec.json.decode(line, type=SyncOrder)
        egress = Egress(order.egress_private)
        if not enforced:
            egress.enforce()
            enforced = True
        output.write(msgspec.json.encode(_answer(order, egress)) + b"\n")
        output.flush()


def _answer(order: SyncOrder, egress: Egress) -> Synced | NotSynced:
    from dulwich.client import HTTPUnauthorized  # noqa: PLC0415  # loaded in this process only
    from dulwich.errors import GitProtocolError, NotGitRepository  # noqa: PLC0415
    from urllib3.exceptions import HTTPError  # noqa: PLC0415

    try:
        egress.check(order.url)
        return _sync(order)
    except PrecedentError as error:
        return _refused(Fault.of(error), str(error))
    except HTTPUnauthorized:
        return _refused(Fault.PERMANENT, "the repository asks for a login, or does not take ours (401)")
    except NotGitRepository:
        return _refused(Fault.PERMANENT, "there is no git repository at this URL (404)")
    except (HTTPError, OSError) as error:
        return _refused(Fault.TRANSIENT, f"the repository cannot be reached: {error}")
    except GitProtocolError as error:
        staying = any(each in str(error).lower() for each in STAYING)
        return _refused(Fault.PERMANENT if staying else Fault.TRANSIENT, f"the server of git said: {error}")
    except (MemoryError, RecursionError):
        pass  # what it holds is let go before anything is said
    except Exception as error:  # the child's boundary
        if not isinstance(error.__context__, MemoryError):  # otherwise what was open could not be closed either
            return _refused(Fault.PERMANENT, f"the repository cannot be read: {type(error).__name__}: {error}")
    return _refused(Fault.PERMANENT, "the repository takes too much memory to be read")


def _refused(kind: Fault, error: str) -> NotSynced:
    # A server's words may hold what no database takes.
    words = error.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
    return NotSynced(kind=kind, error=" ".join(words.split())[:MAX_ERROR])


def _sync(order: SyncOrder) -> Synced:
    from dulwich.errors import GitProtocolError  # noqa: PLC0415  # see above
    from dulwich.repo import Repo  # noqa: PLC0415

    from .fetching import BoundedClient  # noqa: PLC0415

    if order.pin and order.pin == order.commit_id:
        return Synced(unchanged=True, commit_id=order.pin)
    parts = urlsplit(order.url)
    client = BoundedClient(parts, login=order.login, secret=order.secret)
    path = parts.path.lstrip("/") + (f"?{parts.query}" if parts.query else "")
    wanted = order.pin.encode() if order.pin else _commit(client.get_refs(path).refs, order.ref)
    if wanted.decode() == order.commit_id:
        return Synced(unchanged=True, commit_id=order.commit_id)
    with Repo.init_bare(Path(order.folder, "repository.git"), mkdir=True) as repository:
        store = repository.object_store
        try:
            _fetch(client, path, repository, [wanted], depth=1)
        except GitProtocolError:
            if not order.pin:
                raise
            # Some servers give what their refs name and nothing else: the commit is among what these come from.
            heads = [each for each in client.get_refs(path).refs.values() if each is not None]
            _fetch(client, path, repository, heads, depth=None)
        found = _peeled(store, wanted)
        tree = Tree(store, found.tree)
        plugins = []
        for name, files, about in manifests.plugins(tree):
            digest = contents.digest(files)
            target = contents.path_of(Path(order.folder), digest)
            contents.write(files, target)
            plugins.append(PluginFound(name=name, content_hash=digest, file=str(target), about=about))
    return Synced(commit_id=wanted.decode(), plugins=plugins, defects=tree.defects)


def _fetch(client: Any, path: str, repository: Any, wanted: list[Any], *, depth: int | None) -> None:
    """Bring commits with all that belongs to them."""
    file, commit, abort = repository.object_store.add_pack()
    try:
        client.fetch_pack(
            path, lambda *_args, **_more: wanted, repository.get_graph_walker([]), _bounded(file.write), depth=depth
        )
    except BaseException:
        abort()
        raise
    commit()


def _commit(refs: "Mapping[Any, bytes | None]", ref: str) -> bytes:
    """Return the id that a branch or tag, or the head, leads to.

    Raises:
        RefMissing: there is none.
    """
    names = [f"refs/heads/{ref}", f"refs/tags/{ref}^{{}}", f"refs/tags/{ref}", ref] if ref else ["HEAD"]
    for name in names:
        if (found := refs.get(name.encode())) is not None:
            return found
    what = f"branch or tag {ref!r}" if ref else "head, and so nothing in it"
    raise RefMissing(f"the repository has no {what}")


def _peeled(store: Any, number: bytes) -> Any:
    """Return the commit that an id means, also by way of a tag."""
    from dulwich.objects import Commit, Tag  # noqa: PLC0415  # see above

    for _ in range(10):
        try:
            found = store[number]
        except KeyError as error:
            raise RefMissing(f"the repository has no commit {number.decode()[:40]}") from error
        if isinstance(found, Commit):
            return found
        if not isinstance(found, Tag):
            break
        number = found.object[1]
    raise RefMissing(f"{number.decode()[:40]} is no commit")


def _bounded(write: "Callable[[bytes], Any]") -> "Callable[[bytes], int]":
    """Return a function that writes as long as there is not too much."""
    total = 0

    def bounded(data: bytes) -> int:
        nonlocal total
        total += len(data)
        if total > MAX_REPOSITORY_BYTES:
            raise TooLarge(f"the repository is larger than {MAX_REPOSITORY_BYTES >> 20} MiB")
        write(data)
        return len(data)

    return bounded


if __name__ == "__main__":
    main()
