"""The exchange's own record: every request, order event, trade and payment. The truth of a test."""

import contextlib
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from exchange.decimals import plain
from exchange.paper.account import Trade
from exchange.paper.book import Order
from exchange.paper.notices import BarClosed, Notice, OrderChanged, PriceMoved, StopChanged

_SECRET = ("signature",)
KEPT = 500_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: kind is request, order, trade, stop, wallet or fault; times in ms UTC."""

    number: int
    time_ms: int
    kind: str
    data: dict[str, Any] = field(default_factory=dict)

    def line(self) -> str:
        return json.dumps(
            {"number": self.number, "time": self.time_ms, "kind": self.kind, **self.data}
        )


class Ledger:
    """Keeps the last `kept` entries, and all of them in a JSONL file if one is named.

    A file that can no longer be written ends the record, not the exchange: the clients' orders
    are worth more than their log. `listeners` are told, in a line.
    """

    def __init__(self, path: Path | None = None, kept: int = KEPT) -> None:
        self.listeners: list[Callable[[str], object]] = []
        self.entries: deque[Entry] = deque(maxlen=kept)
        self._number = 0
        self._file = path.open("a", encoding="utf-8") if path else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        file, self._file = self._file, None
        if file:
            file.close()

    def note(self, kind: str, time_ms: int, **data: Any) -> None:
        """Add an entry."""
        self._number += 1
        entry = Entry(self._number, time_ms, kind, data)
        self.entries.append(entry)
        if self._file:
            try:
                self._file.write(entry.line() + "\n")
                self._file.flush()
            except OSError as error:
                self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        file, self._file = self._file, None
        if file is None:
            return
        with contextlib.suppress(OSError):  # what is left in the buffer fails once more
            file.close()
        for listener in self.listeners:
            listener(f"{file.name} cannot be written ({error.strerror}): it ends here")

    def note_request(
        self, time_ms: int, method: str, path: str, params: dict[str, str], status: int, code: int
    ) -> None:
        """A request and its answer; `code` is 0 where none was sent, status 0 where no answer."""
        shown = {name: value for name, value in params.items() if name not in _SECRET}
        self.note(
            "request", time_ms, method=method, path=path, params=shown, status=status, code=code
        )

    def note_notice(self, notice: Notice, time_ms: int) -> None:
        """What the venue told; prices that only moved are left out."""
        if isinstance(notice, OrderChanged):
            self.note("order", time_ms, change=notice.change, **_order(notice.order))
            if notice.trade:
                self.note("trade", time_ms, **trade_data(notice.trade))
        elif isinstance(notice, StopChanged):
            stop = notice.stop
            self.note(
                "stop",
                time_ms,
                status=str(stop.status),
                id=stop.id,
                client_id=stop.client_id,
                symbol=stop.symbol,
                side=stop.side,
                position_side=stop.position_side,
                trigger=plain(stop.trigger),
                quantity=plain(stop.quantity),
            )
        elif not isinstance(notice, PriceMoved | BarClosed):
            self.note("wallet", time_ms, reason=notice.reason)

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The data of all entries of a kind."""
        return [entry.data for entry in self.entries if entry.kind == kind]

    def requests(self, method: str | None = None, path: str | None = None) -> list[dict[str, Any]]:
        """Requests to a path, "/fapi/v1/order"; None: any."""
        return [
            data
            for data in self.of("request")
            if method in (None, data["method"]) and path in (None, data["path"])
        ]


def trade_data(trade: Trade) -> dict[str, Any]:
    """A trade as the ledger writes it; numbers are exact text."""
    order = trade.order
    return {
        "id": trade.id,
        "order_id": order.id,
        "client_id": order.client_id,
        "symbol": order.symbol,
        "side": order.side,
        "position_side": order.position_side,
        "price": plain(trade.price),
        "quantity": plain(trade.quantity),
        "fee": plain(trade.fee),
        "realised": plain(trade.realised),
        "maker": trade.maker,
        "market_ms": trade.time_ms,
    }


def _order(order: Order) -> dict[str, Any]:
    return {
        "id": order.id,
        "client_id": order.client_id,
        "symbol": order.symbol,
        "side": order.side,
        "position_side": order.position_side,
        "type": order.kind,
        "status": str(order.status),
        "price": plain(order.price),
        "quantity": plain(order.quantity),
        "filled": plain(order.filled),
    }
