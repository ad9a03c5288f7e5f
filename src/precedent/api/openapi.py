"""The description of the interface: one place for what every route has, so that no route can leave it out.

Every operation gets its summary, who may call it, the errors, and the schema of the struct it answers with.
"""

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from precedent.http.errors import ErrorAnswer

from .structs import answer_of

_ATTRIBUTE = re.compile(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", re.MULTILINE)
REF = "#/components/schemas/{name}"
TAGS = {
    "health": "Whether the server lives and is well.",
    "jobs": "Jobs: looking at them, running, pausing.",
    "runs": "What became of jobs.",
    "accounts": "Logins, accounts, tokens, teams.",
    "audit": "Who did what.",
    "uploads": "Transcripts from other machines.",
    "privacy": "Consent, erasure, retention.",
    "usage": "Tokens, cost, tools and time.",
    "sessions": "Sessions and what they say.",
    "findings": "Scrubbed secrets and friction.",
    "knowledge": "What people corrected, confirmed or defined, and its review.",
    "notes": "People's notes for their agents.",
    "marketplaces": "Plugins for agents: where they come from, what is trusted, and git for agents.",
    "data": "Tables of other systems, and questions about them.",
    "scripts": "Scheduled scripts and their runs.",
    "export": "Everything in one file.",
    "status": "What processors have done, and versions.",
}
PARAMETERS = {
    "name": "Its name.",
    "number": "Its number.",
    "key": "A person's key.",
    "token_id": "Number of a token.",
    "note_id": "Number of a note.",
    "agent": "Name of the agent that wrote it, for example claude-code.",
    "principal": "Only what they did.",
    "resource": "Only what was done to this.",
    "result": "Only what ended so.",
    "since": "First instant, UTC microseconds.",
    "until": "Instant after the last, UTC microseconds.",
    "plugin": "Name of a plugin.",
    "service": "What a git client wants: `git-upload-pack`.",
    "sha256": "The SHA-256 of a file's bytes, in hexadecimal digits.",
    "run_id": "Number of a run.",
    "job": "Only this job.",
    "before": "Only what is older than this number: `next` of the page before.",
    "limit": "Rows at most.",
    "processor": "Name of an installed processor.",
    "to": "Where to go after the login, a path of this server.",
    "state": "From the identity provider.",
    "code": "From the identity provider.",
    "error": "From the identity provider.",
    "iss": "From the identity provider.",
}
"""What a parameter is where its route does not say it."""
_ERROR = {"application/json": {"schema": {"$ref": REF.format(name="ErrorAnswer")}}}
RESPONSES = {
    "Refused": {"description": "The call cannot be answered as it is; `error.code` says why.", "content": _ERROR},
    "Failed": {"description": "The server failed or is not ready; 503 says when to try again.", "content": _ERROR},
}
SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A token, or the scheduler's secret."},
    "cookie": {"type": "apiKey", "in": "cookie", "name": "__Host-precedent", "description": "A login."},
}


class Described(FastAPI):
    """An application that describes itself fully."""

    def openapi(self) -> dict[str, Any]:
        """Return the description; made once."""
        if self.openapi_schema is None:
            _complete(self, super().openapi())
        return self.openapi_schema or {}


def _complete(web: FastAPI, schema: dict[str, Any]) -> None:
    components = schema.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    errors = ErrorAnswer.model_json_schema(ref_template=REF.replace("{name}", "{model}"))
    schemas |= errors.pop("$defs")
    schemas["ErrorAnswer"] = errors
    components["responses"] = RESPONSES
    components["securitySchemes"] = SCHEMES
    operations = list(_operations(web, schema))
    kinds = [answer_of(endpoint) for endpoint, _ in operations]
    answers, structs = msgspec.json.schema_components([kind for kind in kinds if kind], ref_template=REF)
    schemas |= {name: _explained(found) for name, found in structs.items()}
    shown = iter(answers)
    for (_, operation), kind in zip(operations, kinds, strict=True):
        _describe(operation)
        if kind is not None:
            well = next(code for code in operation["responses"] if code.startswith("2"))
            operation["responses"][well]["content"] = {"application/json": {"schema": next(shown)}}
    schema["tags"] = [{"name": name, "description": about} for name, about in TAGS.items()]
    components["schemas"] = dict(sorted(schemas.items()))


def _operations(web: FastAPI, schema: dict[str, Any]) -> Iterator[tuple[Callable[..., Any], dict[str, Any]]]:
    """Yield each route's function with its part of the description."""
    for route in iter_route_contexts(web.routes):
        shown = schema["paths"].get(route.path_format, {})
        for method in sorted(route.methods or ()):
            if method.lower() in shown and route.endpoint is not None:
                yield route.endpoint, shown[method.lower()]


def _describe(operation: dict[str, Any]) -> None:
    said, _, more = operation.get("description", "").strip().partition("\n")
    operation["summary"] = said.rstrip(".")
    operation["description"] = more.strip() or said
    for parameter in operation.get("parameters", ()):
        parameter.setdefault("description", PARAMETERS.get(parameter["name"], ""))
    responses = operation["responses"]
    responses.pop("422", None)
    responses["4XX"] = {"$ref": "#/components/responses/Refused"}
    responses["5XX"] = {"$ref": "#/components/responses/Failed"}
    access = operation.get("x-access", {"roles": []})
    operation["security"] = [{name: []} for name in SCHEMES] if access["roles"] else []


def _explained(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a struct's schema with what its docstring says of each field; an answer has all of its fields."""
    if "properties" not in schema:
        return schema
    about, _, said = inspect.cleandoc(schema.get("description", "")).partition("Attributes:\n")
    told = {name: " ".join(text.split()) for name, text in _ATTRIBUTE.findall(said)}
    shown = {
        name: each if "$ref" in each else each | ({"description": told[name]} if name in told else {})
        for name, each in schema["properties"].items()
    }
    return schema | {"description": about.strip(), "properties": shown, "required": list(shown)}
