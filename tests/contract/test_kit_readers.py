"""Every installed reader keeps what the kit's contract asks of one."""

from precedent import plugins
from precedent.testing import ReaderContract


def suite(agent: str) -> type[ReaderContract]:
    """Return the contract for an agent's reader, as somebody who wrote it would."""
    reader, _ = plugins.readers()[agent]
    return type(f"Test{agent.title().replace('-', '')}", (ReaderContract,), {"reader": reader, "__module__": __name__})


for _agent in plugins.readers():
    _suite = suite(_agent)
    globals()[_suite.__name__] = _suite
del _suite
