"""The process that reads one table: `python -m precedent.tables.child`.

Its input is an `Order`, its output one line, `Landed` or `Refused`. It has no database of ours and a scrubbed
environment, writes into one folder, connects to no private address, and ends with the process that started it.
"""

import os
import resource
import signal
import sys
import warnings
from typing import TYPE_CHECKING

import msgspec

from precedent import children
from precedent.errors import Fault, PrecedentError
from precedent.security.egress import Egress

from .landing import land
from .model import Kind, Landed, Order, Refused
from .reading import READERS, Place
from .reading.postgresql import told

if TYPE_CHECKING:
    import duckdb

ADDRESS_SPACE_BYTES = 6 << 30
"""Beyond DuckDB's own limit, for what libraries map and do not use."""

MAX_ERROR = 1_000


def main() -> None:
    """Read the table and say what was found."""
    output = children.answers()
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    output.write(msgspec.json.encode(_answer(order)))
    output.close()


def _answer(order: Order) -> Landed | Refused:
    import duckdb  # noqa: PLC0415  # loaded under the limits

    warnings.simplefilter("ignore")
    _limit(order)
    egress = Egress(order.egress_private)
    egress.enforce()
    try:
        with duckdb.connect(":memory:", config=_config(order)) as base:
            base.execute("SET TimeZone = 'UTC'")
            return land(Place(order, base=base, egress=egress), READERS[order.kind])
    except duckdb.Error as error:
        return _of_duckdb(order, error)
    except PrecedentError as error:
        return Refused(kind=Fault.of(error), error=str(error)[:MAX_ERROR])
    except OSError as error:
        return Refused(kind=Fault.TRANSIENT, error=f"{error.strerror}: {error.filename}"[:MAX_ERROR])
    except Exception as error:  # the child's boundary
        return Refused(kind=Fault.PERMANENT, error=f"{type(error).__name__}: {error}"[:MAX_ERROR])


def _config(order: Order) -> dict[str, str | bool | int | float | list[str]]:
    return {
        "memory_limit": f"{order.memory_mb}MB",
        "threads": min(2, os.cpu_count() or 1),
        "temp_directory": f"{order.folder}/spill",
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "allow_community_extensions": False,
    }


def _limit(order: Order) -> None:
    """Bound what this process may take; a file that grows beyond is an error of whoever writes it."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    spilled = 4 * order.max_bytes + (1 << 30)
    resource.setrlimit(resource.RLIMIT_FSIZE, (spilled, spilled))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE_BYTES, ADDRESS_SPACE_BYTES))


def _of_duckdb(order: Order, error: "duckdb.Error") -> Refused:
    import duckdb  # noqa: PLC0415  # see above

    said = " ".join(str(error).split())[:MAX_ERROR]
    if isinstance(error, duckdb.OutOfMemoryException):
        return Refused(kind=Fault.TRANSIENT, error=f"the memory for one table does not suffice: {said}")
    if order.kind is Kind.POSTGRESQL:
        found = told(error)
        return Refused(kind=Fault.of(found), error=str(found)[:MAX_ERROR])
    return Refused(kind=Fault.PERMANENT, error=said)


if __name__ == "__main__":
    main()
