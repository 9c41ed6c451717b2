"""One coin on the exchange: its rules, its tape, and where on the tape the market is."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from exchange.decimals import plain
from exchange.market import Market
from exchange.paper.numbers import ZERO
from exchange.paper.tape import Leg, Ohlcv, Tape, added_up

_LARGEST_LOT = Decimal(10_000_000)
"""USDT; the largest order is the power of ten of coins that is worth about as much."""

ORDER_TYPES = ("LIMIT", "MARKET")
STOP_TYPES = ("STOP_MARKET", "TAKE_PROFIT_MARKET")
_TIMES_IN_FORCE = ("GTC", "IOC", "FOK", "GTX")
_LEVERAGE_OF_MMR = Decimal("0.5")
_LEVERAGES = (125, 100, 75, 50, 25, 20, 10, 5, 4, 3, 2, 1)


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far orders may go: a limit's price as a share of the last one, and their number.

    `largest_quantity` in coins; None: worth some ten million USDT.
    """

    band_up: Decimal = Decimal("1.05")
    band_down: Decimal = Decimal("0.95")
    most_orders: int = 200
    most_stops: int = 200
    largest_quantity: Decimal | None = None


class Instrument:
    """A coin's market.

    `row` is the bar that is open or was walked last, `price` the last price. `legs` is what is
    left of the bar's path, the present leg first; `gap` the opening gap that a step left open.
    `moves` counts how often the price was set.

    Args:
        market: tick, step, minimum notional and margin tiers.
        tape: its candles.
        start_ms: the first bar to come opens at or after this; what is before is history.
        bounds: what it lets pass.
    """

    def __init__(
        self, market: Market, tape: Tape, start_ms: int, bounds: Bounds | None = None
    ) -> None:
        self.bounds = bounds or Bounds()
        self.market = market
        self.tape = tape
        self.symbol = market.symbol.id
        self.row = tape.bars.from_time(start_ms) - 1
        before = max(self.row, 0)
        bar = tape.bars.at(before)
        self.price: Decimal = bar.close if self.row >= 0 else bar.open
        self.legs: list[Leg] = []
        self.moves = 1
        self.gap: Leg | None = None
        self.last_rate = ZERO
        self.settled_ms: int | None = None
        self._done: list[Ohlcv] = [bar] if self.row >= 0 else []
        self._forming: Ohlcv | None = None
        for ms, rate in tape.settlements.items():
            if ms < start_ms:
                self.last_rate, self.settled_ms = rate, ms

    @property
    def next_open_ms(self) -> int | None:
        """When the next bar opens; None at the end of the tape."""
        following = self.row + 1
        bars = self.tape.bars
        return int(bars.time[following]) if following < len(bars) else None

    @property
    def bar_open_ms(self) -> int:
        return int(self.tape.bars.time[max(self.row, 0)])

    def go_on(self, tape: Tape) -> None:
        """Follow another tape, whose first bar is the one that was walked last."""
        self.tape, self.row = tape, 0

    def open_next(self) -> Leg:
        """Open the next bar: its price is the open; the gap before it is returned."""
        self.row += 1
        gap, *self.legs = self.tape.path(self.row)
        self._done = []
        self.enter_candle(gap)
        return gap

    def enter_candle(self, gap: Leg) -> None:
        """The price jumps over a gap, and a new candle begins."""
        if self._forming is not None and not gap.opening:
            self._done.append(self._forming)
        opened = gap.end
        self.price = opened
        self.moves += 1
        self._forming = Ohlcv(gap.candle.time, opened, opened, opened, opened, ZERO)

    def move(self, price: Decimal, ms: int) -> None:
        """The path has come to `price` at `ms`."""
        self.price = price
        self.moves += 1
        forming, leg = self._forming, self.legs[0]
        if forming is None:
            return
        whole, time = leg.candle, leg.candle.time
        share = Decimal(min(ms - time + 1, leg.length_ms)) / leg.length_ms
        high, low = max(forming.high, price), min(forming.low, price)
        self._forming = Ohlcv(time, forming.open, high, low, price, whole.volume * share)

    def bar(self) -> Ohlcv:
        """The bar that is open or was walked last, as far as it has gone."""
        parts = [*self._done, self._forming] if self._forming else self._done
        if not parts:
            price = self.price
            return Ohlcv(self.bar_open_ms, price, price, price, price, ZERO)
        return added_up([part for part in parts if part], self.bar_open_ms)

    def open_candle(self, length_ms: int) -> Ohlcv:
        """The open candle of any length that the tape can give."""
        fine = self.tape.fine
        if fine is not None and length_ms == fine.length_ms and self._forming is not None:
            return self._forming
        bar = self.bar()
        start = bar.time // length_ms * length_ms
        return added_up([*self.tape.bars_since(start, self.row), bar], start)

    def exchange_info(self) -> dict[str, Any]:
        """The symbol as exchangeInfo describes it."""
        market, coin = self.market, self.market.symbol.coin
        largest = plain(self.largest_quantity)
        lot = {"minQty": plain(market.step), "maxQty": largest, "stepSize": plain(market.step)}
        return {
            "symbol": self.symbol,
            "pair": self.symbol,
            "contractType": "PERPETUAL",
            "deliveryDate": 4133404800000,
            "onboardDate": int(self.tape.bars.time[0]),
            "status": "TRADING",
            "maintMarginPercent": "2.5000",
            "requiredMarginPercent": "5.0000",
            "baseAsset": coin,
            "quoteAsset": "USDT",
            "marginAsset": "USDT",
            "pricePrecision": self.price_digits,
            "quantityPrecision": max(-int(market.step.normalize().as_tuple().exponent), 0),
            "baseAssetPrecision": 8,
            "quotePrecision": 8,
            "underlyingType": "COIN",
            "triggerProtect": "0.0500",
            "liquidationFee": "0.012500",
            "marketTakeBound": "0.05",
            "orderTypes": [*ORDER_TYPES, *STOP_TYPES],
            "timeInForce": list(_TIMES_IN_FORCE),
            "filters": [
                {
                    "filterType": "PRICE_FILTER",
                    "minPrice": plain(market.tick),
                    "maxPrice": plain(market.tick * 100_000_000),
                    "tickSize": plain(market.tick),
                },
                {"filterType": "LOT_SIZE", **lot},
                {"filterType": "MARKET_LOT_SIZE", **lot},
                {"filterType": "MAX_NUM_ORDERS", "limit": self.bounds.most_orders},
                {"filterType": "MAX_NUM_ALGO_ORDERS", "limit": self.bounds.most_stops},
                {"filterType": "MIN_NOTIONAL", "notional": plain(market.min_notional)},
                {
                    "filterType": "PERCENT_PRICE",
                    "multiplierUp": plain(self.bounds.band_up),
                    "multiplierDown": plain(self.bounds.band_down),
                    "multiplierDecimal": "4",
                },
            ],
        }

    def brackets(self) -> list[dict[str, Any]]:
        """Margin tiers as leverageBracket writes them."""
        return [
            {
                "bracket": number,
                "initialLeverage": self.leverage_of(Decimal(repr(tier.mmr))),
                "notionalCap": tier.cap,
                "notionalFloor": tier.floor,
                "maintMarginRatio": tier.mmr,
                "cum": tier.cum,
            }
            for number, tier in enumerate(self.market.tiers, 1)
        ]

    def leverage_of(self, mmr: Decimal) -> int:
        """The highest leverage of a tier: half of what its maintenance margin would carry."""
        return next(leverage for leverage in _LEVERAGES if leverage * mmr <= _LEVERAGE_OF_MMR)

    def largest_notional(self, leverage: int) -> Decimal:
        """The largest position that a leverage allows, USDT; 0 if it is too high for any."""
        caps = [
            Decimal(repr(tier.cap))
            for tier in self.market.tiers
            if self.leverage_of(Decimal(repr(tier.mmr))) >= leverage
        ]
        return max(caps, default=ZERO)

    @property
    def price_digits(self) -> int:
        """Digits behind a price's point that are read at all; one more than the tick has."""
        return max(-int(self.market.tick.normalize().as_tuple().exponent), 0) + 1

    @property
    def largest_quantity(self) -> Decimal:
        if self.bounds.largest_quantity is not None:
            return self.bounds.largest_quantity
        first = Decimal(repr(float(self.tape.bars.columns["close"][0])))
        return max(Decimal(1).scaleb((_LARGEST_LOT / first).adjusted()), self.market.step)
