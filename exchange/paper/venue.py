"""The market place: time, prices, orders and the account move here, and only here.

In lock step somebody calls `open_bar`, acts, and then `walk_bar` (or `step`, which stops after each
event, so that a client can react where the path stands). `open_bar` puts the price to the bar's
open and settles funding, but leaves the gap before it open: orders sent now are judged against the
open, and those that rested before it fill in the gap when the walk begins. A limit sent now that
crosses the open (and is not post-only) trades behind them, at the open. When the clock runs by
itself, `advance_to` does all of this in one go.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import count

from exchange.paper import execution
from exchange.paper.account import Account
from exchange.paper.book import Book
from exchange.paper.clock import Clock
from exchange.paper.faults import Faults
from exchange.paper.instrument import Instrument
from exchange.paper.limits import Quota
from exchange.paper.listen_keys import ListenKeys
from exchange.paper.margin import way_to_liquidation
from exchange.paper.matching import Meeting, next_in_gap, next_on_leg
from exchange.paper.memory import forget
from exchange.paper.notices import BarClosed, Listener, Notice, PriceMoved
from exchange.paper.numbers import between
from exchange.timeframe import HOUR_MS


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that the path did: kind fill, stop or liquidation; the order or stop it hit."""

    kind: str
    symbol: str
    id: int
    price: Decimal
    time_ms: int


class Venue:
    """See the module.

    Args:
        instruments: by symbol ("BTCUSDT"); their order settles what happens at one instant.
        account: the one account that trades here.
        clock: stands just before the first bar that `open_bar` opens.
        faults: asked for partial fills and for post-only orders that expire.
        slippage: share of the price that market orders lose.
        liquidation_fee: share of the notional.
        small_closes: whether orders that close may lie under the minimum notional. Binance exempts
            reduce-only orders, which do not exist in hedge mode.
        quota: what exchangeInfo says of the rate limits.
        first_id: of the next order or stop.
    """

    def __init__(
        self,
        instruments: Mapping[str, Instrument],
        account: Account,
        clock: Clock,
        faults: Faults,
        *,
        slippage: Decimal = Decimal("0.0005"),
        liquidation_fee: Decimal = Decimal("0.0125"),
        small_closes: bool = False,
        quota: Quota | None = None,
        first_id: int = 1001,
    ) -> None:
        self.instruments = dict(instruments)
        self.account = account
        self.clock = clock
        self.faults = faults
        self.slippage = slippage
        self.liquidation_fee = liquidation_fee
        self.small_closes = small_closes
        self.quota = quota or Quota()
        self.book = Book()
        self.listeners: list[Listener] = []
        self.listen_keys = ListenKeys()
        self.cancel_all_at: dict[str, int] = {}
        self.last_id = first_id - 1
        self._forgot_ms = 0
        self._legs = count(1)
        self._leg_number = dict.fromkeys(self.instruments, 0)

    def tell(self, notice: Notice) -> None:
        for listener in self.listeners:
            listener(notice)

    def next_id(self) -> int:
        self.last_id += 1
        return self.last_id

    @property
    def next_open_ms(self) -> int | None:
        """When the next bar of any coin opens; None at the end of all tapes."""
        known = [coin.next_open_ms for coin in self.instruments.values()]
        return min((ms for ms in known if ms is not None), default=None)

    def open_bar(self) -> int | None:
        """Go to the next open; what was left of the bar before it is walked first.

        Returns:
            The open, ms UTC; None if the tapes have ended.
        """
        opens = self.next_open_ms
        if opens is None:
            return None
        self._walk_until(opens - 1)
        opening = [c for c in self.instruments.values() if c.next_open_ms == opens]
        for coin in opening:
            if coin.row >= 0:
                self.tell(BarClosed(coin.symbol, coin.bar()))
        self.clock.move_to(opens)
        for coin in opening:
            coin.gap = coin.open_next()
        for coin in opening:
            rate = coin.tape.settlements.get(opens)
            if rate is not None:
                execution.settle(self, coin, rate)
            self.tell(PriceMoved(coin.symbol))
        self._run_countdowns()
        if opens - self._forgot_ms >= HOUR_MS:
            self._forgot_ms = opens
            forget(self.account, self.book, opens)
        return opens

    def walk_bar(self) -> list[Happening]:
        """Walk the rest of the open bars to their close, 1 ms before the next open."""
        return self._walk_until(self._bar_end())

    def step(self) -> Happening | None:
        """Walk to the next event of the open bars; None at their close."""
        return self._step(self._bar_end())

    def advance_to(self, ms: int) -> list[Happening]:
        """Let time pass, through as many bars as it takes; the tapes' end stops the market."""
        happened: list[Happening] = []
        while (opens := self.next_open_ms) is not None and opens <= ms:
            happened += self._walk_until(opens - 1)
            self.open_bar()
        happened += self._walk_until(ms)
        self.clock.move_to(ms)
        self._run_countdowns()
        return happened

    def next_event_ms(self) -> int | None:
        """When the path next turns, meets an order, or a bar opens; None: never again."""
        times = [self.next_open_ms, *self.cancel_all_at.values()]
        for coin in self.instruments.values():
            if coin.legs:
                leg = coin.legs[0]
                times.append(leg.end_ms)
                meeting = None if leg.gap else self._meeting(coin, leg.end)
                if meeting:
                    times.append(leg.time_at(meeting.price))
        return min((ms for ms in times if ms is not None), default=None)

    def _bar_end(self) -> int:
        """The close of the bars that are open: the shortest of them if they differ."""
        ends = [
            coin.bar_open_ms + coin.tape.bars.length_ms - 1
            for coin in self.instruments.values()
            if coin.legs or coin.gap
        ]
        return min(ends, default=self.clock.market_ms)

    def _walk_until(self, ms: int) -> list[Happening]:
        happened = []
        while (event := self._step(ms)) is not None:
            happened.append(event)
        return happened

    def _step(self, until_ms: int) -> Happening | None:
        coins = list(self.instruments.values())
        while True:
            torn = next((coin for coin in coins if coin.gap), None)
            if torn:
                happening = self._in_gap(torn)
                if happening:
                    return happening
                continue
            ends = [coin.legs[0].end_ms for coin in coins if coin.legs]
            end = min([until_ms, *ends])
            if end < self.clock.market_ms:
                return None
            happening = self._together(coins, end)
            if happening:
                return happening
            if not self._turn(coins) and end >= until_ms:
                return None

    def _turn(self, coins: list[Instrument]) -> bool:
        """Leave the legs that are walked to their end; says whether there were any."""
        now, turned = self.clock.market_ms, False
        for coin in coins:
            while coin.legs and coin.legs[0].end_ms <= now:
                leg = coin.legs.pop(0)
                turned = True
                self._leg_number[coin.symbol] = next(self._legs)
                if leg.gap:
                    coin.enter_candle(leg)
                    coin.gap = leg
                    break
                self.tell(PriceMoved(coin.symbol))
        return turned

    def _in_gap(self, coin: Instrument) -> Happening | None:
        """The next event in a coin's gap; None closes the gap."""
        gap = coin.gap
        if gap is None:
            return None
        resting, waiting = self.book.resting(coin.symbol), self.book.waiting(coin.symbol)
        number = self._leg_number[coin.symbol]
        meeting = next_in_gap(resting, waiting, gap.start, gap.end, number)
        if meeting:
            return self._act(coin, meeting, maker=True)
        held = next((order for order in resting if order.held), None)
        if held:
            return self._act(coin, Meeting(gap.end, order=held), maker=False)
        coin.gap = None
        self._leg_number[coin.symbol] = next(self._legs)
        return None

    def _together(self, coins: list[Instrument], end_ms: int) -> Happening | None:
        """Walk all coins to `end_ms`, or to the first thing that happens on the way."""
        now = self.clock.market_ms
        walking = [coin for coin in coins if coin.legs and not coin.legs[0].gap]
        first: tuple[int, Instrument, Meeting] | None = None
        for coin in walking:
            meeting = self._meeting(coin, self._place(coin, end_ms))
            if meeting:
                at = max(now, coin.legs[0].time_at(meeting.price))
                if first is None or at < first[0]:
                    first = (at, coin, meeting)
        at_ms = first[0] if first else end_ms
        places = {coin.symbol: self._place(coin, at_ms) for coin in walking}
        if first:
            places[first[1].symbol] = first[2].price
        at_once = first is not None and first[2].price == first[1].price
        if not at_once and self._liquidates(walking, places, at_ms):
            return Happening("liquidation", "", 0, coins[0].price, self.clock.market_ms)
        self.clock.move_to(at_ms)
        for coin in walking:
            coin.move(places[coin.symbol], at_ms)
        if first is None:
            return None
        _, coin, meeting = first
        self.tell(PriceMoved(coin.symbol))
        return self._act(coin, meeting, maker=True)

    def _meeting(self, coin: Instrument, target: Decimal) -> Meeting | None:
        resting, waiting = self.book.resting(coin.symbol), self.book.waiting(coin.symbol)
        number = self._leg_number[coin.symbol]
        rises = coin.legs[0].direction > 0
        return next_on_leg(resting, waiting, coin.price, target, number, rises=rises)

    def _place(self, coin: Instrument, ms: int) -> Decimal:
        """Where a coin's path is at `ms`: never behind where it stands."""
        leg = coin.legs[0]
        return between(leg.price_at(ms, coin.market.tick), coin.price, leg.end)

    def _liquidates(
        self, walking: list[Instrument], places: dict[str, Decimal], at_ms: int
    ) -> bool:
        """Liquidate where the margin is used up on the way to `places`, if it is."""
        if not self.account.open_positions():
            return False
        held = self.account.held(
            self.instruments, lambda coin: places.get(coin.symbol, coin.price) - coin.price
        )
        way = way_to_liquidation(self.account.wallet, held)
        if way is None:
            return False
        now = self.clock.market_ms
        self.clock.move_to(now + int(way * (at_ms - now)))
        for coin in walking:
            price = coin.price + way * (places[coin.symbol] - coin.price)
            coin.move(price, self.clock.market_ms)
            self.tell(PriceMoved(coin.symbol))
        execution.liquidate(self)
        return True

    def _act(self, coin: Instrument, meeting: Meeting, *, maker: bool) -> Happening:
        now = self.clock.market_ms
        if meeting.stop:
            execution.fire(self, meeting.stop, meeting.price)
            return Happening("stop", coin.symbol, meeting.stop.id, meeting.price, now)
        order = meeting.order
        if order is None:
            raise ValueError("a meeting without order and stop")
        price = order.price if maker else meeting.price
        execution.fill(self, order, price, maker=maker, share=self.faults.fill_share(order))
        if order.is_open:
            order.skipped_leg = self._leg_number[coin.symbol]
        return Happening("fill", coin.symbol, order.id, price, now)

    def _run_countdowns(self) -> None:
        for symbol, ms in list(self.cancel_all_at.items()):
            if ms <= self.clock.wall_ms():
                del self.cancel_all_at[symbol]
                execution.cancel_all(self, symbol)
