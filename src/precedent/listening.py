"""Opens the port of the API, or takes the open one that the parent process hands over."""

import os
import socket

from precedent.errors import Misconfigured

VARIABLE = "PRECEDENT_LISTEN_FD"
"""Tells a child which of its descriptors is the open port."""

WAITING = 512
"""Connections that wait at the port until the API takes them."""


def listen(host: str, port: int) -> socket.socket:
    """Open a port; 0 for any free one.

    Raises:
        Misconfigured: it is taken, or the address is none of this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        found = socket.socket(family, kind, protocol)
    except OSError as error:
        raise Misconfigured(f"PRECEDENT_HOST {host!r} is no address to listen on: {error.strerror}") from error
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind(address)
        found.listen(WAITING)
    except OSError as error:
        found.close()
        raise Misconfigured(
            f"cannot listen on {host}, port {port}: {error.strerror}; set PRECEDENT_PORT to a free one"
        ) from error
    return found


def port_of(host: str, port: int) -> socket.socket:
    """Return the open port that the parent process handed over, else open it.

    Raises:
        Misconfigured: see `listen`.
    """
    number = os.environ.get(VARIABLE, "")
    if not number.isdecimal():
        return listen(host, port)
    found = socket.socket(fileno=int(number))
    found.set_inheritable(False)
    return found
