"""An account's way along the closed candles of a market."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal

import pandas as pd

from exchange.broker import FundingRate, ListedMarket
from exchange.checks import CANDLE_COLUMNS
from exchange.dryrun.record import Candle, KeptPosition, Now, Record, Unsettled
from exchange.errors import DataError
from exchange.paper.account import Account
from exchange.paper.book import Book
from exchange.paper.clock import Clock
from exchange.paper.faults import Faults
from exchange.paper.instrument import Bounds, Instrument
from exchange.paper.memory import forget
from exchange.paper.notices import Listener, WalletChanged
from exchange.paper.numbers import ZERO
from exchange.paper.tape import Ohlcv, Tape
from exchange.paper.venue import Venue
from exchange.timeframe import HOUR_MS, MINUTE_MS

_LATE_MS = HOUR_MS
"""So long after a full hour its funding rate may still become known."""


@dataclass(frozen=True, slots=True)
class Terms:
    """The account's terms; see `DryRunBroker`.

    Raises:
        DataError: a value that cannot be.
    """

    wallet: Decimal
    leverage: int
    maker: Decimal
    taker: Decimal
    slippage: Decimal
    small_closes: bool

    def __post_init__(self) -> None:
        if not (self.wallet.is_finite() and self.wallet > 0):
            raise DataError(f"wallet {self.wallet} must be a positive number of USDT")
        if type(self.leverage) is not int or not 1 <= self.leverage <= 125:
            raise DataError(f"leverage {self.leverage!r} must be an integer from 1 to 125")
        for name in ("maker", "taker", "slippage"):
            rate: Decimal = getattr(self, name)
            if not (rate.is_finite() and -1 < rate < 1 and (rate >= 0 or name == "maker")):
                raise DataError(f"{name} {rate} must be a share of the notional, like 0.0005")


class Walk:
    """The venue of one account in one symbol, and where on the market's path it stands.

    Args:
        listed: the market and its filters.
        terms: of the account.
        past: what was walked before; or, of a new account, the candle before its first.
        listeners: hear what happens on the venue.
    """

    def __init__(
        self, listed: ListedMarket, terms: Terms, past: Record | Ohlcv, listeners: list[Listener]
    ) -> None:
        symbol = listed.market.symbol.id
        book, first_id = Book(), 1
        self._unsettled: dict[int, Unsettled] = {}
        if isinstance(past, Record):
            book, first_id = past.book(), past.now.last_id + 1
            account = past.account(book, terms.maker, terms.taker)
            self._unsettled = {each.time_ms: each for each in past.now.unsettled}
            before = past.last_candle
        else:
            account = Account(terms.wallet, maker=terms.maker, taker=terms.taker)
            account.leverage[symbol] = terms.leverage
            before = past
        first_ms = before.time + MINUTE_MS
        tape = Tape(_frame(before), MINUTE_MS)
        self.coin = Instrument(listed.market, tape, first_ms, _bounds(listed))
        self.clock = PathClock(first_ms - 1)
        self.venue = Venue(
            {symbol: self.coin},
            account,
            self.clock,
            Faults(),
            slippage=terms.slippage,
            small_closes=terms.small_closes,
            first_id=first_id,
        )
        self.venue.book = book
        forget(account, book, first_ms)
        self.venue.listeners += listeners

    @property
    def last_ms(self) -> int:
        """Open of the candle that was walked last, ms UTC."""
        return int(self.coin.tape.bars.time[self.coin.row])

    def now(self) -> Now:
        """Where the account stands, as it is kept."""
        venue, account = self.venue, self.venue.account
        return Now(
            symbol=self.coin.symbol,
            candle=Candle.model_validate(self.coin.tape.bars.at(self.coin.row)),
            wallet=account.wallet,
            leverage=account.leverage_of(self.coin.symbol),
            updated_ms=account.updated_ms,
            last_id=venue.last_id,
            last_trade=account.last_trade,
            last_income=account.last_income,
            positions=[KeptPosition.model_validate(each) for each in account.positions.values()],
            unsettled=list(self._unsettled.values()),
        )

    def look(self, listed: ListedMarket, mark: Decimal) -> None:
        """The market's rules and its price as they are now."""
        self.coin.market, self.coin.bounds, self.coin.price = listed.market, _bounds(listed), mark

    def settlements_from_ms(self, newest_ms: int) -> int | None:
        """From when on funding rates must be known before candles up to the one that opens at
        `newest_ms` are walked; None: none can have settled. They settle on full hours alone."""
        if newest_ms // HOUR_MS == self.last_ms // HOUR_MS and not self._unsettled:
            return None
        return min([self.last_ms + MINUTE_MS, *self._unsettled])

    def go_on(self, candles: pd.DataFrame, rates: list[FundingRate]) -> None:
        """Live through candles that follow the last one, settlements included."""
        self._pay_late(rates)
        before = self.coin.tape.bars.at(self.coin.row)
        tape = Tape(pd.concat([_frame(before), candles], ignore_index=True), MINUTE_MS)
        opens = tape.bars.time
        for rate in rates:
            row = tape.bars.from_time(_minute(rate))
            if 0 < row < len(opens):
                at = int(opens[row])
                tape.settlements[at] = tape.settlements.get(at, ZERO) + rate.rate
        self.coin.go_on(tape)
        # whatever the price stood at meanwhile: the path goes on from the last close
        self.coin.price = before.close
        while (opened := self.venue.open_bar()) is not None:
            if opened % HOUR_MS == 0 and opened not in tape.settlements:
                held = {each.side: each.amount for each in self.venue.account.open_positions()}
                price = self.coin.price
                self._unsettled[opened] = Unsettled(time_ms=opened, price=price, held=held)
            self.venue.walk_bar()
        oldest = self.last_ms - _LATE_MS
        self._unsettled = {ms: each for ms, each in self._unsettled.items() if ms > oldest}

    def _pay_late(self, rates: list[FundingRate]) -> None:
        """Settlements that became known after their minute was walked, on what was held then."""
        symbol = self.coin.symbol
        for rate in rates:
            late = self._unsettled.pop(_minute(rate), None)
            if late is None:
                continue
            for side, amount in late.held.items():
                paid = -amount * late.price * rate.rate
                self.venue.account.pay("FUNDING_FEE", symbol, paid, rate.time_ms, side)
                self.venue.tell(WalletChanged("FUNDING_FEE", ((symbol, side),)))


class PathClock(Clock):
    """In lock step along the path; while a request is answered it shows the present."""

    def __init__(self, start_ms: int) -> None:
        super().__init__(start_ms)
        self._present_ms: int | None = None

    @property
    def market_ms(self) -> int:
        return super().market_ms if self._present_ms is None else self._present_ms

    def wall_ms(self) -> int:
        return self.market_ms

    @contextmanager
    def standing_at(self, ms: int) -> Iterator[None]:
        """Show `ms` meanwhile."""
        self._present_ms = ms
        try:
            yield
        finally:
            self._present_ms = None


def _bounds(listed: ListedMarket) -> Bounds:
    return Bounds(
        listed.percent_up,
        listed.percent_down,
        listed.max_orders,
        listed.max_stops,
        max(listed.max_qty, listed.market_max_qty),
    )


def _minute(rate: FundingRate) -> int:
    """The minute of a settlement: Binance writes some a few ms late."""
    return rate.time_ms // MINUTE_MS * MINUTE_MS


def _frame(candle: Ohlcv) -> pd.DataFrame:
    row = [candle.time, *(float(number) for number in candle[1:])]
    return pd.DataFrame([row], columns=list(CANDLE_COLUMNS)).astype({"timestamp": "int64"})
