"""The egress guard: no URL that somebody sets leads to a private place, however it is written."""

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from precedent.errors import BadInput, Misconfigured
from precedent.security.egress import Egress, is_public

PRIVATE = (
    "127.0.0.1", "127.1", "127.0.1", "127.255.255.254", "2130706433", "0x7f000001", "0x7f.0.0.1", "0x7f.1",
    "0177.0.0.1", "017700000001", "0", "0.0.0.0", "0.0.0.1", "10.0.0.1", "10.255.255.255", "100.64.0.1",
    "100.100.100.200", "169.254.169.254", "169.254.170.2", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376",
    "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.0.1",
    "192.168.255.255", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1",
    "239.255.255.255", "240.0.0.1", "255.255.255.255", "168.63.129.16", "[::]", "[::1]", "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::ffff:0:127.0.0.1]", "[::127.0.0.1]", "[64:ff9b::127.0.0.1]",
    "[64:ff9b:1::1]", "[100::1]", "[2001::1]", "[2001:db8::1]", "[2002:7f00:1::]", "[2002:a9fe:a9fe::]",
    "[3fff::1]", "[5f00::1]", "[fc00::1]", "[fd00:ec2::254]", "[fe80::1]", "[fe80::1%25lo]", "[fec0::1]",
    "[ff02::1]", "localhost", "LOCALHOST", "localhost.", "ip6-localhost",
)  # fmt: skip
"""Hosts that are none of the public internet."""

ODD = (
    "", "http://", "http:///x", "//example.com/", "example.com", "file:///etc/passwd", "gopher://127.0.0.1:25/x",
    "ftp://example.com/", "dict://127.0.0.1:11211/", "ldap://example.com", "javascript:alert(1)", "data:text/plain,x",
    "git://example.com/x", "ssh://git@example.com/x", "http://user:word@1.1.1.1/", "http://1.1.1.1@127.0.0.1/",
    "http://127.0.0.1#@1.1.1.1/", "http://1.1.1.1\\@127.0.0.1/", "http://1.1.1.1 .example/", "http://1.1.1.1\t/",
    "http://1.1.1.1\r\nHost: x/", "http://1.1.1.1:99999/", "http://1.1.1.1:x/", "http://[::1/", "http://[1.1.1.1]/",
    "http://\u2460\u2461\u2466.\u24ea.\u24ea.\u2460/",
    "http://\uff11\uff12\uff17.0.0.1/", "http://127\u30020\u30020\u30021/", "http://loc%61lhost/", "http://%31%32%37.0.0.1/",
    "http://1.1.1.1%00.example/", "http://-x.example/", "http://a..b/", "http://" + "a" * 64 + ".example/",
    "http://no-such-host.invalid/", "http://" + "a." * 2000 + "example/", "http://1.1.1.1.5/", "http://1.1.1.256/",
)  # fmt: skip
"""URLs that are none, or that two parsers may read in two ways."""


@pytest.mark.parametrize("host", PRIVATE)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_url_to_a_private_place_is_refused_however_it_is_written(host: str, scheme: str) -> None:
    with pytest.raises(BadInput):
        Egress().check(f"{scheme}://{host}/path")


@pytest.mark.parametrize("url", ODD)
def test_what_is_no_url_or_can_be_read_in_two_ways_is_refused(url: str) -> None:
    with pytest.raises(BadInput):
        Egress().check(url)


def test_a_public_address_is_allowed_with_its_port() -> None:
    found = Egress().check("https://1.1.1.1:8443/x?y#z")
    assert (found.host, found.port, found.addresses) == ("1.1.1.1", 8443, ("1.1.1.1",))
    assert Egress().check("http://[2606:4700::1111]/").addresses == ("2606:4700::1111",)
    assert Egress().check("https://1.1.1.1/").port == 443


def test_an_operator_allows_a_network_or_a_name_and_nothing_beside() -> None:
    allowed = Egress(["10.20.0.0/16", "localhost", "::1"])
    assert allowed.check("http://10.20.1.2/").addresses == ("10.20.1.2",)
    assert allowed.check("http://[::1]/").host == "::1"
    assert "127.0.0.1" in allowed.check("http://LOCALHOST/").addresses
    with pytest.raises(BadInput, match="PRECEDENT_EGRESS_PRIVATE"):
        allowed.check("http://10.21.0.1/")


def test_a_pattern_allows_names_below_and_not_the_name_beside() -> None:
    with pytest.raises(BadInput):
        Egress(["*.host"]).check("http://localhost/")
    with pytest.raises(BadInput):
        Egress(["*.localhost"]).check("http://localhost/")


@pytest.mark.parametrize("private", ["10.0.0.0/99", "http://x", "a b", "", "*."])
def test_what_is_neither_network_nor_name_is_told_at_start(private: str) -> None:
    with pytest.raises(Misconfigured, match="PRECEDENT_EGRESS_PRIVATE"):
        Egress([private])


@given(st.ip_addresses(v=4))
def test_what_python_calls_private_is_never_public(address: object) -> None:
    import ipaddress

    known = ipaddress.ip_address(str(address))
    if known.is_private or known.is_loopback or known.is_multicast or known.is_link_local or known.is_reserved:
        assert not is_public(known)
        mapped = ipaddress.ip_address(f"::ffff:{known}")
        with pytest.raises(BadInput):
            Egress().check(f"http://[{mapped}]/")


@given(st.text(max_size=60))
def test_any_text_gives_a_target_or_our_own_error(text: str) -> None:
    for url in (text, f"http://{text}"):
        if "." in text or text.isascii():
            continue  # a name could be asked of the system's resolver
        with pytest.raises(BadInput):
            Egress().check(url)


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.seen.append(self.path)  # type: ignore[attr-defined]
        self.send_response(302 if self.path == "/redirect" else 200)
        self.send_header("Location", f"http://127.0.0.2:{self.server.server_port}/inside")  # type: ignore[attr-defined]
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving() -> Iterator[HTTPServer]:
    with HTTPServer(("0.0.0.0", 0), _Handler) as server:
        server.seen = []  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def speak(code: str, *allowed: str) -> str:
    """Run code in a process that enforces the guard; return what it printed."""
    start = f"from precedent.security.egress import Egress\nEgress({list(allowed)!r}).enforce()\n"
    done = subprocess.run([sys.executable, "-c", start + code], capture_output=True, text=True, timeout=60, check=False)
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    "code",
    [
        "import httpx; httpx.get(URL, trust_env=False)",
        "import urllib.request; urllib.request.urlopen(URL)",
        "import urllib3; urllib3.PoolManager(retries=False).request('GET', URL)",
        "import asyncio; asyncio.run(asyncio.open_connection('127.0.0.1', PORT))",
        "import socket; socket.socket().connect(('127.0.0.1', PORT))",
        "import socket; socket.socket().connect_ex(('localhost', PORT))",
        "import socket; socket.socket(socket.AF_INET6).connect(('::ffff:127.0.0.1', PORT))",
        "import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', PORT))",
        "import socket; socket.socket(type=socket.SOCK_DGRAM).sendmsg([b'x'], [], 0, ('127.0.0.1', PORT))",
        "import socket; socket.socket(socket.AF_UNIX).connect('/tmp/some.sock')",
    ],
)
def test_an_enforced_process_connects_to_no_private_address(code: str) -> None:
    with serving() as server:
        said = speak(
            f"URL, PORT = 'http://127.0.0.1:{server.server_port}/', {server.server_port}\n{code}\nprint('got through')"
        )
        assert "refused" in said
        assert "got through" not in said
        assert server.seen == []  # type: ignore[attr-defined]


def test_a_redirect_to_a_place_that_is_not_allowed_is_not_followed() -> None:
    code = "import httpx; print(httpx.get(URL, follow_redirects=True, trust_env=False))"
    with serving() as server:
        said = speak(f"URL = 'http://127.0.0.1:{server.server_port}/redirect'\n{code}", "127.0.0.1/32")
        assert "127.0.0.2 was refused" in said
        assert server.seen == ["/redirect"]  # type: ignore[attr-defined]


def test_an_allowed_name_is_reached_by_an_enforced_process() -> None:
    code = "import httpx; print(httpx.get(URL, trust_env=False))"
    with serving() as server:
        assert "200 OK" in speak(f"URL = 'http://localhost:{server.server_port}/'\n{code}", "localhost")
        assert "refused" in speak(f"URL = 'http://localhost:{server.server_port}/'\n{code}", "other.example")


def test_a_name_that_changes_its_address_after_the_check_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["93.184.215.14", "127.0.0.1"])
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda *_, **__: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), 80))]
    )
    guard = Egress()
    assert guard.check("http://turning.example/").addresses == ("93.184.215.14",)
    with pytest.raises(BadInput, match=r"127\.0\.0\.1"):
        guard.check("http://turning.example/")
