"""The exchange's trades become lots, closings and rows of the trade log: once each, in order."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby

from engine.account import SIDE_NAMES
from engine.live.kernel import Kernel
from engine.live.memory import Memory
from engine.live.orders import Purpose, Sent
from engine.params import StrategyParams
from engine.trades import (
    EXTERNAL_CLOSE,
    LIQUIDATION,
    PRUNE_DEVIANCE,
    PRUNE_FUNDING,
    PRUNE_GAP,
    PRUNE_OFFSET,
    PRUNE_OLDEST,
    PRUNE_VAR_WARNING,
    STOP_LONG,
    STOP_SHORT,
)
from exchange.broker import Fill
from exchange.client_ids import ClientId

_FORCED = ("autoclose-", "adl_autoclose")
"""How the ids of orders begin with which the exchange closes a position itself."""

_PRUNES = frozenset(
    {
        PRUNE_DEVIANCE,
        PRUNE_OLDEST,
        PRUNE_GAP,
        PRUNE_FUNDING,
        PRUNE_OFFSET,
        PRUNE_VAR_WARNING,
    }
)
_LAST_STEP = 6
"""Of `engine.decide.next_exit`; exits that other rooms number begin far above it."""


@dataclass(frozen=True, slots=True)
class Booking:
    """Trades of one order that follow each other, taken together: mean price, summed fee."""

    fills: tuple[Fill, ...]

    @property
    def qty(self) -> Decimal:
        return sum((fill.qty for fill in self.fills), Decimal(0))

    @property
    def price(self) -> float:
        if len(self.fills) == 1:
            return float(self.fills[0].price)
        cost = sum((fill.price * fill.qty for fill in self.fills), Decimal(0))
        return float(cost / self.qty)

    @property
    def last(self) -> Fill:
        return self.fills[-1]


class Books:
    """Accounts for fills.

    Args:
        memory: gets what was booked; `last_trade_id` makes that once.
        kernel: stands at the bar to which the fills belong.
        params: fee rates, for fees that were paid in another coin.
        alarm: gets a trade that this run did not ask for, and what it did.
    """

    def __init__(
        self,
        memory: Memory,
        kernel: Kernel,
        params: StrategyParams,
        alarm: Callable[[Fill, str], None],
    ) -> None:
        self._memory = memory
        self._kernel = kernel
        self._params = params
        self._alarm = alarm
        self._stops_counted: set[str] = set()

    def book(self, fills: Iterable[Fill]) -> Iterator[Booking]:
        """Book fills in the order of their ids; those booked before are passed over.

        Yields:
            What was booked, one by one, right after it.
        """
        known = self._memory.last_trade_id
        fresh = [fill for fill in fills if known is None or fill.trade_id > known]
        fresh.sort(key=lambda fill: fill.trade_id)
        liquidated = False
        for _, same in groupby(fresh, key=lambda fill: fill.order_id):
            booking = Booking(tuple(same))
            forced = (booking.last.client_id or "").startswith(_FORCED)
            if forced and not liquidated:
                self._kernel.begin_liquidation()
                liquidated = True
            self._book(booking, forced)
            self._memory.last_trade_id = booking.last.trade_id
            yield booking

    def _book(self, booking: Booking, forced: bool) -> None:
        fill = booking.last
        side = SIDE_NAMES.index(fill.side)
        client_id = fill.ours
        if client_id is None or client_id.run != self._memory.run:
            self._book_foreign(booking, side, forced)
            return
        purpose = Purpose.of(client_id)
        sent = self._memory.orders.get(str(client_id))
        qty, price, fee = float(booking.qty), booking.price, self._fee(booking)
        if purpose.role == "entry":
            self._kernel.fill_entry(side, price, qty, fee, purpose.order)
        elif purpose.role in ("near take-profit", "far take-profit"):
            near = purpose.role == "near take-profit"
            self._kernel.fill_take_profit(side, purpose.order, near, price, qty, fee)
        else:
            self._book_exit(client_id, purpose, sent, (price, qty, fee))
        if sent is not None:
            sent.booked += booking.qty
            sent.filled = max(sent.filled, sent.booked)
            if sent.left <= 0:
                sent.status = "gone"

    def _book_exit(
        self,
        client_id: ClientId,
        purpose: Purpose,
        sent: Sent | None,
        traded: tuple[float, float, float],
    ) -> None:
        bar, label, _ = purpose.order
        pending = self._memory.pending
        own = pending is not None and pending.purpose(self._memory.bar) == purpose
        lot = pending.order if pending is not None and own else None
        if lot is None and sent is not None:
            lot = sent.lot
        first = sent.booked == 0 if sent else str(client_id) not in self._stops_counted
        self._stops_counted = {str(client_id)}
        price, qty, fee = traded
        self._kernel.fill_exit(purpose.side, lot, price, qty, fee, label, bar, first)
        if purpose.role == "exit" and purpose.order[2] <= _LAST_STEP:
            self._remember(purpose.side, label, bar)

    def _remember(self, side: int, label: int, bar: int) -> None:
        """What a decision leaves behind by naming an exit: a state may be older than it."""
        record = self._kernel.state[0]["sides"][side]
        if label in _PRUNES:
            record["last_prune"] = max(int(record["last_prune"]), bar)
        elif label in (STOP_LONG, STOP_SHORT) and record["lot_count"]:
            record["stage1_fired"] = 1

    def _book_foreign(self, booking: Booking, side: int, forced: bool) -> None:
        """Trades that this run did not ask for: a person's, another program's, the exchange's."""
        fill, qty = booking.last, booking.qty
        opens = (fill.order_side == "buy") == (fill.side == "long")
        not_ours = self._memory.not_ours
        self._memory.beyond = None
        what = f"{fill.order_side} {qty} {fill.side} at {booking.price:g}"
        if opens:
            not_ours[side] += qty
            self._alarm(fill, f"a trade that is not ours opened a position: {what}")
            return
        theirs = min(qty, not_ours[side])
        not_ours[side] -= theirs
        ours = float(qty - theirs)
        held = float(self._kernel.state[0]["sides"][side]["qty"])
        closed = min(ours, held)
        if closed > 0:
            label = LIQUIDATION if forced else EXTERNAL_CLOSE
            fee = self._fee(booking) * closed / float(qty)
            bar = self._kernel.bar
            self._kernel.fill_exit(side, None, booking.price, closed, fee, label, bar)
        who = "the exchange" if forced else "a trade that is not ours"
        self._alarm(fill, f"{who} closed {closed:g} of our position: {what}")

    def _fee(self, booking: Booking) -> float:
        """USDT; at the parameters' rate where it was paid in another coin."""
        memory, paid = self._memory, 0.0
        for fill in booking.fills:
            if fill.fee_asset == "USDT":
                paid += float(fill.fee)
            else:
                rate = self._params.fee_maker if fill.maker else self._params.fee_taker
                other = float(fill.price * fill.qty) * rate
                paid += other
                if memory.beyond is not None:
                    memory.beyond += other
        return paid
