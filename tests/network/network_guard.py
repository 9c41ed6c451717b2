"""Nothing leaves this machine: Python's own audit events tell of every connection and name look-up.

They come from below `socket.socket`, so no library can go round them by way of Python's sockets.
Whatever reaches for another machine is stopped with an OSError and noted, here and in the file that
GRIDTUI_NETWORK_LOG names, since programs outlive an OSError.
"""

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

LOG = "GRIDTUI_NETWORK_LOG"
_LOCAL = ("", "127.0.0.1", "::1", "localhost", "ip6-localhost")
_CONNECTS = ("socket.connect", "socket.sendto", "socket.sendmsg")
_LOOKS_UP = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr")

reached: list[str] = []
"""Hosts beyond this machine that this process has reached for."""

_state = {"watching": False, "open": False}


def watch() -> None:
    """Stop and note from now on; a proxy would hide where a connection goes, so there is none."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        del os.environ[name]
    if not _state["watching"]:
        _state["watching"] = True
        sys.addaudithook(_hear)


@contextmanager
def leave() -> Iterator[None]:
    """Connections to other machines are meant meanwhile."""
    _state["open"] = True
    try:
        yield
    finally:
        _state["open"] = False


def in_log() -> list[str]:
    """Hosts that any process with this log has reached for."""
    path = Path(os.environ.get(LOG, os.devnull))
    return path.read_text().split() if path.is_file() else []


def _hear(event: str, args: tuple[Any, ...]) -> None:
    if event in _CONNECTS and isinstance(args[0], socket.SocketType):
        is_internet = args[0].family in (socket.AF_INET, socket.AF_INET6)
        host = args[1][0] if is_internet and isinstance(args[1], tuple) else None
    elif event in _LOOKS_UP:
        host = args[0]
    else:
        return
    text = host.decode("ascii", "replace") if isinstance(host, bytes | bytearray) else host
    if text is None or text in _LOCAL or _state["open"]:
        return
    reached.append(text)
    if LOG in os.environ:
        with open(os.environ[LOG], "a") as log:
            log.write(f"{text}\n")
    raise OSError(f"a test reached for {text}")
