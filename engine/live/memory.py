"""What a live run must know again after `kill -9`: one document, whole or not at all."""

import json
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal, cast

from engine.account import SIDE_NAMES, State, from_json, new_state, to_json
from engine.live.filters import Filters
from engine.live.kernel import Exit, Order
from engine.live.orders import Purpose, Sent, order_in
from exchange.client_ids import ClientId
from exchange.errors import DataError

FORMAT = 1

Phase = Literal["deciding", "laid"]
"""Of the bar under way. `deciding`: its exits may not all be executed; `laid`: its orders are
known, and whatever does not rest yet is to be sent."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A market exit under way.

    `order` names the lot as in `Purpose`, None the side; `stop` tells an exit of the decision from
    a stop whose price was passed before it could rest; `attempt` counts refusals.
    """

    side: int
    order: Order | None
    qty: Decimal
    label: int
    step: int
    stop: bool = False
    attempt: int = 0

    def purpose(self, bar: int) -> Purpose:
        """An exit's order: unique in its bar by side, label and step."""
        return Purpose(self.side, "exit", (bar, self.label, self.step))


@dataclass(slots=True)
class Memory:
    """A run's state between two bars and inside one.

    `run` is part of every order id. `bar` counts candles from `first_ms`, the first that the run's
    indicators saw; the bar under way opens at `opened_ms`. `last_trade_id` is the newest fill that
    was booked, `funded_until_ms` the newest settlement. `not_ours` is what each side of the account
    holds beyond the lots. `journal_seq`: what the journal says after it is younger than this.

    `began` is the first bar that was under way, None where an older version began the run and did
    not record it. `filters` are those that the exchange listed then, and each change since.
    `levels` are those of the grid that was laid last, see `engine.live.absent.Level`.
    `held_back`: a pause has kept entries from resting at some time in the bar under way.
    `naked_since_ms`: since when a position has no stop for all of it, None while all have one;
    `unprotected_ms`: how long that was before, in all; `naked_until_ms`: when it ended last. All by
    the exchange's clock.
    `doubted_ms`: a bar that had opened by then may have been decided by a state that is lost.

    `beyond`: what the exchange's wallet holds beyond this run's, USDT, None before they were
    compared; `unexplained`: by how much it has changed for no reason that this run knows.
    """

    run: str
    symbol: str
    timeframe: str
    params: dict[str, Any]
    capital: float
    first_ms: int
    bar: int
    opened_ms: int
    kernel: State
    phase: Phase = "laid"
    began: int | None = None
    held_back: bool = False
    exit_step: int = 0
    pending: Pending | None = None
    last_trade_id: int | None = None
    funded_until_ms: int = 0
    peak_equity: float = 0.0
    journal_seq: int = 0
    doubted_ms: int = 0
    beyond: float | None = None
    unexplained: float = 0.0
    naked_since_ms: int | None = None
    unprotected_ms: int = 0
    naked_until_ms: int = 0
    paused: list[str] = field(default_factory=list)
    not_ours: list[Decimal] = field(default_factory=lambda: [Decimal(0), Decimal(0)])
    filters: list[Filters] = field(default_factory=list)
    levels: list[tuple[int, int | None, float | None, str]] = field(default_factory=list)
    orders: dict[str, Sent] = field(default_factory=dict)
    revisions: dict[Purpose, int] = field(default_factory=dict)

    @classmethod
    def fresh(
        cls,
        run: str,
        symbol: str,
        timeframe: str,
        params: dict[str, Any],
        capital: float,
        first_ms: int,
    ) -> "Memory":
        """A run that has done nothing yet."""
        state = new_state(capital)
        memory = cls(run, symbol, timeframe, params, capital, first_ms, 0, 0, state)
        memory.peak_equity = capital
        return memory

    def new_id(self, purpose: Purpose) -> ClientId:
        """An id that no order has had."""
        revision = self.revisions.get(purpose, 0)
        self.revisions[purpose] = revision + 1
        return purpose.client_id(self.run, revision)

    def saw_id(self, client_id: ClientId) -> None:
        """An id that is in use, whoever remembers it."""
        purpose = Purpose.of(client_id)
        revision = purpose.revision_of(client_id)
        self.revisions[purpose] = max(self.revisions.get(purpose, 0), revision + 1)

    def forget_revisions(self, wanted: set[Purpose]) -> None:
        """Drop what no order will be laid for again."""
        live = {sent.purpose for sent in self.orders.values()} | wanted
        recent = self.bar - 1
        self.revisions = {
            purpose: revision
            for purpose, revision in self.revisions.items()
            if purpose in live or purpose.order[0] >= recent
        }

    @property
    def alive(self) -> list[Sent]:
        """Orders that exist, or may, or have traded and are not accounted for."""
        return [sent for sent in self.orders.values() if sent.lives]

    def forget_orders(self) -> None:
        """Drop the orders that are gone and accounted for; a pending exit must find its own."""
        exit_ = None if self.pending is None else self.pending.purpose(self.bar)
        kept = [sent for sent in self.orders.values() if sent.lives or sent.purpose == exit_]
        self.orders = {str(sent.client_id): sent for sent in kept}

    def to_document(self) -> dict[str, Any]:
        """A document fit for JSON that `from_document` reads."""
        pending = self.pending
        return {
            "format": FORMAT,
            "run": self.run,
            "symbol": self.symbol,
            "timeframe": self.timeframe,
            "params": self.params,
            "capital": self.capital,
            "first_ms": self.first_ms,
            "began": self.began,
            "bar": self.bar,
            "opened_ms": self.opened_ms,
            "phase": self.phase,
            "exit_step": self.exit_step,
            "pending": None
            if pending is None
            else {
                "side": pending.side,
                "order": None if pending.order is None else list(pending.order),
                "qty": str(pending.qty),
                "label": pending.label,
                "step": pending.step,
                "stop": pending.stop,
                "attempt": pending.attempt,
            },
            "last_trade_id": self.last_trade_id,
            "funded_until_ms": self.funded_until_ms,
            "peak_equity": self.peak_equity,
            "journal_seq": self.journal_seq,
            "naked_since_ms": self.naked_since_ms,
            "unprotected_ms": self.unprotected_ms,
            "naked_until_ms": self.naked_until_ms,
            "paused": self.paused,
            "held_back": self.held_back,
            "doubted_ms": self.doubted_ms,
            "beyond": self.beyond,
            "unexplained": self.unexplained,
            "filters": [filters.to_json() for filters in self.filters],
            "not_ours": [str(qty) for qty in self.not_ours],
            "levels": [list(level) for level in self.levels],
            "orders": [sent.to_json() for sent in self.orders.values()],
            "revisions": [
                [SIDE_NAMES[purpose.side], purpose.role, list(purpose.order), revision]
                for purpose, revision in self.revisions.items()
            ],
            "account": json.loads(to_json(self.kernel)),
        }

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> "Memory":
        """What `to_document` wrote.

        Raises:
            DataError: another format, or parts that are missing or cannot be.
        """
        if document.get("format") != FORMAT:
            raise DataError(f"the state is of format {document.get('format')!r}, not {FORMAT}")
        try:
            return cls._read(document)
        except (KeyError, TypeError, ValueError, ArithmeticError) as error:
            raise DataError(f"the state cannot be read ({error!r})") from error

    @classmethod
    def _read(cls, document: dict[str, Any]) -> "Memory":
        memory = cls(
            run=document["run"],
            symbol=document["symbol"],
            timeframe=document["timeframe"],
            params=dict(document["params"]),
            capital=float(document["capital"]),
            first_ms=int(document["first_ms"]),
            began=None if document.get("began") is None else int(document["began"]),
            bar=int(document["bar"]),
            opened_ms=int(document["opened_ms"]),
            kernel=from_json(json.dumps(document["account"])),
            phase=cast(Phase, document["phase"]),
            held_back=bool(document.get("held_back", False)),
            exit_step=int(document["exit_step"]),
            last_trade_id=document["last_trade_id"],
            funded_until_ms=int(document["funded_until_ms"]),
            peak_equity=float(document["peak_equity"]),
            journal_seq=int(document["journal_seq"]),
            doubted_ms=int(document.get("doubted_ms", 0)),
            beyond=None if document.get("beyond") is None else float(document["beyond"]),
            unexplained=float(document.get("unexplained", 0.0)),
            paused=[str(reason) for reason in document["paused"]],
            filters=[Filters.from_json(row) for row in document.get("filters", ())],
            not_ours=[Decimal(text) for text in document["not_ours"]],
            levels=[_level(row) for row in document.get("levels", ())],
        )
        since = document.get("naked_since_ms")
        memory.naked_since_ms = None if since is None else int(since)
        memory.unprotected_ms = int(document.get("unprotected_ms", 0))
        memory.naked_until_ms = int(document.get("naked_until_ms", 0))
        if memory.phase not in ("deciding", "laid") or len(memory.not_ours) != len(SIDE_NAMES):
            raise ValueError(f"phase {memory.phase!r}, {len(memory.not_ours)} sides")
        if document["pending"] is not None:
            memory.pending = _pending(document["pending"])
        for row in document["orders"]:
            sent = Sent.from_json(row)
            memory.orders[str(sent.client_id)] = sent
        for name, role, order, revision in document["revisions"]:
            purpose = Purpose(SIDE_NAMES.index(name), role, order_in(order))
            memory.revisions[purpose] = int(revision)
        return memory


def pending_of(wanted: Exit, order: Order | None, qty: Decimal) -> Pending:
    """The exit that the kernel wants, with the lot's own name instead of its row."""
    return Pending(wanted.side, order, qty, wanted.label, wanted.step)


def _pending(document: dict[str, Any]) -> Pending:
    order = document["order"]
    return Pending(
        side=int(document["side"]),
        order=None if order is None else order_in(order),
        qty=Decimal(document["qty"]),
        label=int(document["label"]),
        step=int(document["step"]),
        stop=bool(document["stop"]),
        attempt=int(document["attempt"]),
    )


def _level(row: list[Any]) -> tuple[int, int | None, float | None, str]:
    side, number, price, why = row
    known = None if number is None else int(number)
    return int(side), known, None if price is None else float(price), str(why)
