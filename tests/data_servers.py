"""Servers on loopback that tables are read from: PostgreSQL by TCP, REST, files by HTTP, and a bucket."""

import json
import re
import select
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

import sqlalchemy as sa


@contextmanager
def by_tcp(url: str) -> Iterator[str]:
    """Give the URL of a PostgreSQL that is reached by a socket of the file system, by TCP."""
    parsed = sa.make_url(url)
    path = f"{parsed.query['host']}/.s.PGSQL.5432"

    class Forward(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.socket(socket.AF_UNIX) as other:
                other.connect(path)
                pair = {self.request: other, other: self.request}
                while True:
                    for readable in select.select(list(pair), [], [])[0]:
                        if not (data := readable.recv(1 << 16)):
                            return
                        pair[readable].sendall(data)

    with _serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Forward, bind_and_activate=True)) as port:
        yield f"postgresql://localhost:{port}/{parsed.database}"


@contextmanager
def _serving(server: socketserver.BaseServer) -> Iterator[int]:
    server.daemon_threads = True  # type: ignore[attr-defined]
    server.block_on_close = False  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield int(cast("tuple[str, int]", server.server_address)[1])
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Http:
    """Answers by HTTP as the test says; remembers what was asked."""

    def __init__(
        self, answer: Callable[[str, dict[str, list[str]], dict[str, str]], tuple[int, Any, dict[str, str]]]
    ) -> None:
        self.answer, self.seen = answer, list[tuple[str, str, dict[str, str]]]()

    @contextmanager
    def serving(self) -> Iterator[str]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                headers = {name.lower(): value for name, value in self.headers.items()}
                outer.seen.append((self.command, self.path, headers))
                status, body, more = outer.answer(unquote(parts.path), parse_qs(parts.query), headers)
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                for name, value in {
                    "Content-Type": "application/json",
                    "Content-Length": str(len(data)),
                    **more,
                }.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(data)

            do_HEAD = do_GET

            def log_message(self, *_: object) -> None:
                pass

        with _serving(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as port:
            yield f"http://localhost:{port}"


def bucket(objects: dict[str, bytes]) -> Http:
    """Return a bucket `lake` as S3 answers for it: listing and getting."""

    def answer(path: str, query: dict[str, list[str]], headers: dict[str, str]) -> tuple[int, Any, dict[str, str]]:
        xml = {"Content-Type": "application/xml"}
        if path.rstrip("/") == "/lake":
            prefix = query.get("prefix", [""])[0]
            found = "".join(
                f"<Contents><Key>{escape(key)}</Key><LastModified>2026-11-01T00:00:00.000Z</LastModified>"
                f"<ETag>&quot;{hash(data) & 0xFFFFFFFF:x}&quot;</ETag><Size>{len(data)}</Size></Contents>"
                for key, data in objects.items()
                if key.startswith(prefix)
            )
            told = f"<ListBucketResult><Name>lake</Name><IsTruncated>false</IsTruncated>{found}</ListBucketResult>"
            return 200, f'<?xml version="1.0"?>{told}'.encode(), xml
        data = objects.get(path.removeprefix("/lake/"))
        if data is None:
            return 404, b"<Error><Code>NoSuchKey</Code></Error>", xml
        tag = {"ETag": f'"{hash(data) & 0xFFFFFFFF:x}"', "Last-Modified": "Sun, 01 Nov 2026 00:00:00 GMT"}
        if part_of := re.fullmatch(r"bytes=(\d+)-(\d+)?", headers.get("range", "")):
            start, end = int(part_of[1]), int(part_of[2] or len(data) - 1)
            part = data[start : end + 1]
            return 206, part, tag | {"Content-Range": f"bytes {start}-{start + len(part) - 1}/{len(data)}"}
        return 200, data, tag

    return Http(answer)
