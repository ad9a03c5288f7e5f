"""The routes that clocks know: run a processor, run the collector."""

from fastapi import Request, Response
from starlette.concurrency import run_in_threadpool

from precedent.app import App
from precedent.embedding.finding import OFF
from precedent.errors import BadInput, Misconfigured
from precedent.http.access import Caller, Program, Routes
from precedent.jobs.records import COLLECTOR, EMBEDDINGS, HOUSEKEEPING, MEMORY, MODEL, PREFIX
from precedent.security import audit

from .runs import ANSWERS, JOBS, AskedTerms, ask, note

routes = Routes(prefix="/api/admin", tags=["jobs"])


@routes.add("POST", "/run-session-processor", JOBS, responses=ANSWERS)
async def run_session_processor(
    request: Request, program: Program, caller: Caller, processor: str, asked: AskedTerms
) -> Response:
    """Run a processor over the transcripts that are due."""
    name = PREFIX + processor
    if name not in program.jobs:
        fault = _not_usable(program, processor)
        result = "misconfigured" if isinstance(fault, Misconfigured) else "invalid"
        details = {"error": str(fault)}
        act = audit.Act(caller.name, f"run_session_processor:{processor}", f"job:{name}", result, details=details)
        await run_in_threadpool(note, program, request, act)
        raise fault
    return await ask(request, program, caller.name, name, asked)


def _not_usable(program: App, processor: str) -> Misconfigured | BadInput:
    """Say why a processor has no job: it cannot be loaded, or nobody installed it."""
    if processor in program.processors.faults:
        return Misconfigured(f"processor {processor!r} cannot be used: {program.processors.faults[processor]}")
    known = ", ".join(each.removeprefix(PREFIX) for each in program.jobs if each.startswith(PREFIX))
    return BadInput(f"no processor {processor!r} is installed; there are: {known}")


@routes.add("POST", "/run-session-collector", JOBS, responses=ANSWERS)
async def run_session_collector(request: Request, program: Program, caller: Caller, asked: AskedTerms) -> Response:
    """Collect what is new in people's transcripts."""
    return await ask(request, program, caller.name, COLLECTOR, asked)


@routes.add("POST", "/run-corporate-memory", JOBS, responses=ANSWERS)
async def run_corporate_memory(request: Request, program: Program, caller: Caller, asked: AskedTerms) -> Response:
    """Read what is new in people's notes for their agents."""
    return await ask(request, program, caller.name, MEMORY, asked)


@routes.add("POST", "/run-model-detection", JOBS, responses=ANSWERS)
async def run_model_detection(request: Request, program: Program, caller: Caller, asked: AskedTerms) -> Response:
    """Ask a language model about what is new in people's turns."""
    if MODEL not in program.jobs:
        raise BadInput('detection is by rules here; set detection = "llm" to ask a model')
    return await ask(request, program, caller.name, MODEL, asked)


@routes.add("POST", "/run-embeddings", JOBS, responses=ANSWERS)
async def run_embeddings(request: Request, program: Program, caller: Caller, asked: AskedTerms) -> Response:
    """Embed new items and turns, so that search finds them by meaning."""
    if EMBEDDINGS not in program.jobs:
        raise BadInput(OFF)
    return await ask(request, program, caller.name, EMBEDDINGS, asked)


@routes.add("POST", "/run-housekeeping", JOBS, responses=ANSWERS)
async def run_housekeeping(request: Request, program: Program, caller: Caller, asked: AskedTerms) -> Response:
    """Remove what is too old, compress old transcripts and sweep leftovers."""
    return await ask(request, program, caller.name, HOUSEKEEPING, asked)
