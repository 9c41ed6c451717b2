"""Nothing in these tests leaves the machine."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest

_LOCAL = ("127.0.0.1", "::1", "localhost")


@pytest.fixture(autouse=True)
def _only_this_machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail whoever connects beyond 127.0.0.1."""
    connect = socket.socket.connect
    beyond: list[Any] = []

    def guarded(self: socket.socket, address: Any) -> None:
        if isinstance(address, tuple) and address[0] not in _LOCAL:
            beyond.append(address)
            raise OSError(f"a test reached for {address}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
    yield
    assert not beyond
