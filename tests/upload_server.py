"""A real API process that prints its port.

Arguments: data folder, database URL, port (0: any), versions of the interface as `MIN,CURRENT` that it says to speak
(none: what the program says).
"""

import socket
import sys
from pathlib import Path

import uvicorn
from starlette.responses import JSONResponse
from starlette.routing import Route

from precedent.app import App
from precedent.server import create
from precedent.settings import load


def main() -> None:
    """Serve until told to stop."""
    app = App(load(data_dir=Path(sys.argv[1]), database_url=sys.argv[2]))
    web = create(app)
    if len(sys.argv) > 4 and sys.argv[4]:
        given = [int(each) for each in sys.argv[4].split(",")]
        answer = {"version": "9.9.9", "api": {"min": given[0], "current": given[1]}}
        web.router.routes.insert(0, Route("/api/version", lambda _: JSONResponse(answer)))
    listening = socket.create_server(("127.0.0.1", int(sys.argv[3])))
    config = uvicorn.Config(web, http="httptools", loop="asyncio", log_level="warning", access_log=False)
    print(listening.getsockname()[1], flush=True)
    uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
