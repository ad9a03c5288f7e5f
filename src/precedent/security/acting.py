"""Who does something, from where: what every act that changes accounts is audited with."""

from typing import Any, NamedTuple

from . import audit
from .principals import COMMAND_LINE, Principal


class By(NamedTuple):
    """Who does something.

    Attributes:
        principal: they themselves.
        request_id: of the HTTP request.
        address: of the caller.
    """

    principal: Principal
    request_id: str = ""
    address: str = ""

    def act(self, action: str, resource: str, *, result: str = "ok", **details: Any) -> audit.Act:
        """Return the act for the audit log."""
        return audit.Act(
            self.principal.name,
            action,
            resource,
            result,
            details=details,
            request_id=self.request_id,
            address=self.address,
        )


BY_COMMAND_LINE = By(COMMAND_LINE)
