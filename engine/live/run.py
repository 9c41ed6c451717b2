"""What the parts of a live run share: account, orders, files, clock, and who is told."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from itertools import takewhile
from typing import Any

import numpy as np

from engine.account import SIDE_NAMES
from engine.events import Alarm, LiveEvent, Noted, TradeBooked
from engine.live.asked import Asked
from engine.live.books import Booking, Books
from engine.live.clock import Clock
from engine.live.closings import Closing, closing, side_lots
from engine.live.desk import Desk
from engine.live.filters import Filters
from engine.live.history import History
from engine.live.hits import Hits
from engine.live.kernel import Kernel
from engine.live.memory import Memory
from engine.live.orders import held_qty
from engine.live.store import RunStore
from engine.params import StrategyParams
from engine.trades import LABELS, SIDE_OF_CODE
from exchange.broker import Broker, Fill, ListedMarket, plain
from exchange.timeframe import timeframe_ms
from indicators.regime import REGIME_NAMES

Tell = Callable[[LiveEvent], None]


class Run:
    """One bot: an account in one symbol, its strategy's state, and the ways in and out.

    Args:
        broker: the exchange.
        listed: the market and its filters.
        params: of the strategy.
        memory: where the run stands.
        history: the candles up to the bar before the one under way.
        store: its files.
        clock: the exchange's.
        tell: gets every event; must be quick and must not raise.

    Attributes:
        grid_doubted: an order was refused as one that can never be taken; the exchange may list
            another tick, step or minimum notional by now.
    """

    def __init__(
        self,
        broker: Broker,
        listed: ListedMarket,
        params: StrategyParams,
        memory: Memory,
        history: History,
        store: RunStore,
        clock: Clock,
        tell: Tell,
    ) -> None:
        self.broker = broker
        self.listed = listed
        self.params = params
        self.memory = memory
        self.history = history
        self.store = store
        self.clock = clock
        self.tell = tell
        self.kernel = Kernel(params, listed.market, memory.kernel)
        self.asked = Asked(memory, self.kernel)
        self.desk = Desk(broker, listed.market, memory, store.journal, tell, clock.now_ms)
        self.books = Books(memory, self.kernel, params, self._not_asked_for)
        self.length_ms = timeframe_ms(memory.timeframe)
        self.grid_doubted = False
        self._hits = Hits()
        self._waiting: list[Fill] = []
        self._lots = [side_lots(self.kernel.state, side) for side in range(2)]
        self._alarms: dict[str, bool] = {}
        self._recent: set[str] = set()

    @property
    def bar_end_ms(self) -> int:
        """When the bar under way closes."""
        return self.memory.opened_ms + self.length_ms

    def unrealised(self, price: float) -> tuple[float, float]:
        """Open result of long and short at a price, USDT."""
        long, short = self.kernel.state[0]["sides"]
        return (
            (price - float(long["avg_entry"])) * float(long["qty"]),
            (float(short["avg_entry"]) - price) * float(short["qty"]),
        )

    def go_by(self, listed: ListedMarket) -> bool:
        """Take over what the exchange lists now; True, told and on disk if the grid is another.

        Lots keep their quantities; what is laid from now on, and laid again, is on the new grid.
        """
        memory, market = self.memory, listed.market
        known = memory.filters[-1] if memory.filters else None
        self.listed = listed
        if known is not None and known.are_of(market):
            return False
        now = Filters.of(market, memory.bar)
        memory.filters.append(now)
        self.desk.market = market
        self.kernel.go_by(self.params, market)
        self.save()
        if known is not None:
            words = f"the exchange lists {now.words}; it was {known.words}"
            stuck = self.less_than_a_step()
            if stuck:
                words += f"; {stuck} can be closed by hand only"
            self.alarm(f"filters {words}", words, passing=True)
        return True

    def less_than_a_step(self) -> str:
        """What our lots hold beyond whole steps, bought under a finer one: `0.003 long`, or ""."""
        held = [held_qty(self.kernel.state, side) for side in range(len(SIDE_NAMES))]
        rests = [qty % self.listed.market.step for qty in held]
        return " and ".join(
            f"{plain(rest)} {name}" for rest, name in zip(rests, SIDE_NAMES, strict=True) if rest
        )

    def save(self) -> None:
        """Put everything on disk."""
        self.store.save(self.memory, self.clock.now_ms())
        for said in self.store.restored():
            self.alarm(said, said, passing=True)

    def alarm(self, key: str, text: str, *, passing: bool = False) -> None:
        """Tell of a trouble, once until it is over; `passing`: with a bar in which it is not told
        again it is over."""
        self._recent.add(key)
        if key not in self._alarms:
            self._alarms[key] = passing
            self.tell(Alarm(self.clock.now_ms(), key, text))

    def note(self, text: str) -> None:
        """Tell of something that is not as it should be, and that has no end to be told of."""
        self.tell(Noted(self.clock.now_ms(), text, warning=True))

    def all_clear(self, key: str) -> None:
        """Tell that a trouble is over, if it was there."""
        if key in self._alarms:
            del self._alarms[key]
            self.tell(Alarm(self.clock.now_ms(), key, "over", over=True))

    def new_bar(self) -> None:
        """A bar has ended: what is passing and was not told of in it is over."""
        for key in [key for key, passing in self._alarms.items() if passing]:
            if key not in self._recent:
                self.all_clear(key)
        self._recent.clear()

    async def read_fills(self) -> None:
        """Ask for the trades that are not booked."""
        self._waiting = await self.broker.trades_since(self.memory.last_trade_id)

    def book_fills(self, until_ms: int | None = None) -> bool:
        """Book what was read, up to a time; True if anything was. It is on disk afterwards."""
        due = list(takewhile(lambda f: until_ms is None or f.time_ms < until_ms, self._waiting))
        self._waiting = self._waiting[len(due) :]
        booked = False
        for booking in self.books.book(due):
            self.write_trades(booking)
            booked = True
        if booked:
            self._tell_hits()
            self.memory.forget_orders()
            self.save()
        return booked

    def _tell_hits(self) -> None:
        """Alarms of stops; what closes more in the same bar makes it the same alarm, told anew."""
        for alarm in self._hits.alarms(self.listed.market.tick):
            self._alarms[alarm.key] = True
            self._recent.add(alarm.key)
            self.tell(alarm)

    def _not_asked_for(self, fill: Fill, text: str) -> None:
        self.alarm(f"trade {fill.trade_id}", text, passing=True)

    def write_trades(self, booking: Booking | None = None) -> None:
        """Append the rows that the kernel has written to the trade files, and tell of them."""
        rows = list(self._rows(booking))
        if rows:
            self.store.write_trades(rows)
            for row in rows:
                self._hits.take(row)
                self.tell(TradeBooked(row))

    def _rows(self, booking: Booking | None) -> Iterable[dict[str, Any]]:
        fill = booking.last if booking else None
        for row in self.kernel.new_trades():
            bar_ms = int(row["time"])
            at_ms = fill.time_ms if fill else bar_ms
            closed = self._closed(int(row["side"]), float(row["pnl"]), bar_ms)
            yield {
                "timestamp": at_ms,
                "datetime": f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%dT%H:%M:%S}",
                "price": float(row["price"]),
                "qty": float(row["qty"]),
                "label": LABELS[row["label"]],
                "regime": REGIME_NAMES[int(row["regime"])],
                "pnl": float(row["pnl"]),
                "side": SIDE_OF_CODE[int(row["side"])],
                "fee": float(row["fee"]),
                "funding": float(row["funding"]),
                "bar": int(row["bar"]),
                "bar_time": bar_ms,
                "trade_id": fill.trade_id if fill else None,
                "client_id": fill.client_id if fill else None,
                "entry_price": closed.entry_price if closed else None,
                "hold_hours": closed.hold_hours if closed else None,
                "r": closed.r if closed else None,
            }

    def _closed(self, side: int, pnl: float, bar_ms: int) -> Closing | None:
        """What has left a side since the last row of the trade log; -1 is neither side."""
        if side < 0:
            return None
        before, now = self._lots[side], side_lots(self.kernel.state, side)
        self._lots[side] = now
        if float(now["qty"].sum()) >= float(before["qty"].sum()):
            return None
        known = self.params.atr_sl_mult * self.history.features().atr
        return closing(before, now, pnl, bar_ms, np.append(np.nan, known))
