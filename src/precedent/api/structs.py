"""Routes that answer with the structs of services: their fields are written there and nowhere else."""

import functools
import inspect
from collections.abc import Callable
from typing import Any, get_type_hints

import msgspec
from fastapi.responses import JSONResponse

from precedent.http.access import Access, Routes


class StructResponse(JSONResponse):
    """JSON of a struct."""

    def render(self, content: Any) -> bytes:
        """Return the bytes."""
        return msgspec.json.encode(content)


class StructRoutes(Routes):
    """A router whose functions return structs; `openapi` describes them."""

    def add(
        self, method: str, path: str, access: Access, **more: Any
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Return a decorator that adds a route."""
        register = super().add(method, path, access, response_model=None, response_class=StructResponse, **more)

        def decorate(endpoint: Callable[..., Any]) -> Callable[..., Any]:
            @functools.wraps(endpoint)
            def answering(*args: Any, **kwargs: Any) -> StructResponse:
                return StructResponse(endpoint(*args, **kwargs), more.get("status_code", 200))

            register(answering)
            return endpoint

        return decorate


class Removed(msgspec.Struct, kw_only=True):
    """What was removed."""

    removed: str


def answer_of(endpoint: Callable[..., Any]) -> Any | None:
    """Return the struct type that a route's function returns; None when it returns something else."""
    kind = get_type_hints(inspect.unwrap(endpoint)).get("return")
    origin = getattr(kind, "__origin__", kind)
    return kind if isinstance(origin, type) and issubclass(origin, msgspec.Struct) else None
