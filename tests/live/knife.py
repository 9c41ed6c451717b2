"""Cuts a run off at its Nth input or output: a request before it leaves or before its answer is
seen, a write before it is done or half done.

What is cut raises `Cut`, which no handler of errors catches, all the way out; then everything in
memory is dropped. What had reached the exchange and the disk stays: as after `kill -9`.
"""

import os
from typing import Any

from exchange.binance import BinanceBroker


class Cut(BaseException):
    """The end of a process."""


class Knife:
    """Counts inputs and outputs; `arm` it to cut at one of them.

    Attributes:
        count: inputs and outputs since it was armed.
        where: what the last cut hit.
    """

    def __init__(self) -> None:
        self.count = 0
        self.where = ""
        self._at: int | None = None

    def arm(self, at: int | None) -> None:
        """Cut at the `at`th input or output from now on, the first is 1; None: nowhere."""
        self.count, self._at = 0, at

    @property
    def is_armed(self) -> bool:
        return self._at is not None

    def point(self, where: str) -> None:
        """An input or output is about to be done.

        Raises:
            Cut: it is the one.
        """
        self.count += 1
        if self._at is not None and self.count >= self._at:
            self._at = None
            self.where = where
            raise Cut(where)

    def threaten(self, broker: BinanceBroker) -> None:
        """Make points of the broker's requests."""
        client = broker._client._ccxt  # the seam closest to the socket
        send = client.fetch

        async def fetch(url: str, method: str = "GET", *rest: Any, **more: Any) -> Any:
            name = f"{method} {url.partition('?')[0]}"
            self.point(f"before {name}")
            answer = await send(url, method, *rest, **more)
            self.point(f"after {name}")
            return answer

        client.fetch = fetch


class DangerousDisk:
    """The module `os` as `state` sees it, with a point at each thing that changes the disk."""

    def __init__(self, knife: Knife) -> None:
        self._knife = knife

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def pwrite(self, descriptor: int, data: memoryview, offset: int) -> int:
        self._knife.point("before a write")
        half = os.pwrite(descriptor, data[: len(data) // 2], offset)
        self._knife.point("in the middle of a write")
        return half + os.pwrite(descriptor, data[half:], offset + half)

    def replace(self, source: Any, target: Any) -> None:
        self._knife.point("before a file is replaced")
        os.replace(source, target)
        self._knife.point("after a file was replaced")

    def ftruncate(self, descriptor: int, size: int) -> None:
        self._knife.point("before a file is cut")
        os.ftruncate(descriptor, size)
