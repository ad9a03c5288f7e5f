"""What every command starts from: the settings that were given, and the program made from them."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import typer

from precedent import settings

if TYPE_CHECKING:
    from precedent.app import App


@dataclass(frozen=True)
class Context:
    """The call's global options."""

    given: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def settings(self) -> settings.Settings:
        """All settings."""
        return settings.load(**self.given)

    @cached_property
    def app(self) -> "App":
        """The program."""
        # `precedent serve` needs the settings only, and lives for months.
        from precedent.app import App  # noqa: PLC0415

        return App(self.settings)

    def close(self) -> None:
        """Close what was opened."""
        if "app" in self.__dict__:
            self.app.close()


def context(ctx: typer.Context) -> Context:
    """Return what the top-level command put there."""
    found = ctx.find_object(Context)
    if found is None:
        raise RuntimeError("the top-level command sets the context")
    return found
