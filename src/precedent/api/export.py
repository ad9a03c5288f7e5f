"""`/api/export/usage`: every request with its place in one file, for admins; each export is in the audit log.

The file is written whole before the answer begins: a caller gets all of it, of one moment, or an error, and one who
reads slowly keeps no view of the database open. It has no name by then and goes away with the answer.
"""

import os
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, BinaryIO

from fastapi import Query, Request
from fastapi.responses import StreamingResponse
from pydantic import Field
from starlette.types import Receive, Scope, Send

from precedent.app import App
from precedent.errors import Exhausted
from precedent.http.access import Caller, Program, Routes, allow
from precedent.http.questions import MAX_TEXT, Filtered
from precedent.security import audit
from precedent.security.principals import Principal, Role
from precedent.usage.export import MEDIA_TYPES, Exported, Format
from precedent.usage.export import export as write_export

routes = Routes(prefix="/api/export", tags=["export"])
CHUNK_BYTES = 256 << 10
AT_A_TIME = 2
"""Exports that are written at a time in one process; a further one is told to come again."""
RETRY_S = 10


def turns() -> threading.BoundedSemaphore:
    """Return what lets `AT_A_TIME` exports of one application be written."""
    return threading.BoundedSemaphore(AT_A_TIME)


class ExportQuery(Filtered):
    """Which requests, in which format."""

    format: Format = Field(Format.CSV, description="Format of the file.")


_FILE = {
    200: {
        "description": "The file.",
        "content": {kind.split(";")[0]: {"schema": {"type": "string"}} for kind in MEDIA_TYPES.values()},
    }
}


@routes.add("GET", "/usage", allow(Role.ADMIN), response_class=StreamingResponse, responses=_FILE)
def export_usage(
    request: Request, program: Program, caller: Caller, question: Annotated[ExportQuery, Query()]
) -> StreamingResponse:
    """Export every request with its place as CSV, NDJSON or Parquet."""
    where = question.filter(None)
    free: threading.BoundedSemaphore = request.app.state.exports
    if not free.acquire(blocking=False):
        raise Exhausted(f"{AT_A_TIME} exports are being written already", retry_after_s=RETRY_S)
    try:
        with tempfile.TemporaryDirectory(dir=program.settings.data_dir, prefix=".export-") as folder:
            path = Path(folder, "export")
            with program.store.read() as tx:
                found = write_export(tx, where, to=path, form=question.format)
            file = path.open("rb", buffering=0)
    finally:
        free.release()
    try:
        _note(request, program, caller, found)
    except BaseException:
        file.close()
        raise
    headers = {
        "Content-Length": str(os.fstat(file.fileno()).st_size),
        "Content-Disposition": f'attachment; filename="precedent-usage.{question.format}"',
        "X-Row-Count": str(found.rows),
    }
    return _FileResponse(file, headers=headers, media_type=MEDIA_TYPES[question.format])


class _FileResponse(StreamingResponse):
    """Sends an open file and closes it, also when the caller went away before the first piece."""

    def __init__(self, file: BinaryIO, *, headers: Mapping[str, str], media_type: str) -> None:
        super().__init__(iter(lambda: file.read(CHUNK_BYTES), b""), headers=headers, media_type=media_type)
        self._file = file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._file.close()


def _note(request: Request, program: App, caller: Principal, found: Exported) -> None:
    act = audit.Act(
        caller.name,
        "export_usage",
        "usage",
        "ok",
        details={"query": request.url.query[:MAX_TEXT], "rows": found.rows, "size_bytes": found.size_bytes},
        request_id=request.state.request_id,
        address=request.client.host if request.client else "",
    )
    with program.store.write() as tx:
        audit.record(tx, act, now=program.clock.now())
