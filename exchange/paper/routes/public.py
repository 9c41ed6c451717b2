"""The market's data: rules, candles, prices, funding."""

from decimal import Decimal
from typing import Any

from exchange.decimals import plain
from exchange.paper.errors import refusal
from exchange.paper.instrument import Instrument
from exchange.paper.notices import PriceMoved
from exchange.paper.numbers import ONE, ZERO, exact
from exchange.paper.orders import instrument
from exchange.paper.params import Params
from exchange.paper.routes.endpoint import Endpoint, page
from exchange.paper.tape import Ohlcv
from exchange.paper.venue import Venue
from exchange.timeframe import DAY_MS, HOUR_MS, TIMEFRAMES

Level = tuple[str, str]
"""Price and size."""

_USUAL_FUNDING_MS = 8 * HOUR_MS
LEVELS = 20
_LEVEL_WORTH = Decimal(1_000_000)
_USDT = Decimal("1e-8")
_CORNERS = 4
"""Of a bar's path: open, both extremes, close."""


def klines(venue: Venue, params: Params) -> list[list[Any]]:
    """Candles up to now, the open one last; from startTime on if it is given."""
    coin = instrument(venue, params)
    length = TIMEFRAMES.get(params.text("interval"))
    series = coin.tape.series(length) if length else None
    if length is None or series is None:
        raise refusal(-1120)
    limit = page(params, 500, 1500)
    start, end = params.optional_integer("startTime"), params.optional_integer("endTime")
    if start is not None and end is not None and start > end:
        raise refusal(-1023)
    if coin.row < 0:
        return []
    current = coin.open_candle(length)
    first = 0 if start is None else series.from_time(start)
    last = series.from_time(current.time)
    has_open = (start is None or current.time >= start) and (end is None or current.time <= end)
    if end is not None:
        last = min(last, series.from_time(end + 1))
    if start is None:
        first = max(first, last - limit + has_open)
    last = min(last, first + limit)
    step = coin.market.step
    rows = [_row(values, length, step) for values in series.rows(first, max(first, last))]
    if has_open and len(rows) < limit:
        rows.append(candle_row(current, length, step))
    return rows


def candle_row(candle: Ohlcv, length_ms: int, step: Decimal) -> list[Any]:
    """A candle as klines writes it. Trades and takers' share are not on the tape: 0."""
    time, *numbers, volume = candle
    texts = [plain(number) for number in numbers]
    traded, worth = traded_text(volume, step), worth_text(volume * candle.close)
    return [time, *texts, traded, time + length_ms - 1, worth, 0, "0", "0", "0"]


def traded_text(coins: Decimal, step: Decimal) -> str:
    """A volume on the step of the coin, in which everything was traded."""
    return plain((coins / step).to_integral_value() * step)


def worth_text(usdt: Decimal) -> str:
    """A volume in USDT, with as many digits as the asset has."""
    return plain(usdt.quantize(_USDT))


def best(coin: Instrument) -> tuple[Decimal, Decimal]:
    """Best bid and ask: the ticks next to the price, since a limit at the price trades at once.

    A post-only order at the best price of its own side thus rests, as at Binance.
    """
    tick = coin.market.tick
    bid = -(-coin.price // tick) * tick - tick
    return max(bid, tick), coin.price // tick * tick + tick


def levels(coin: Instrument, count: int) -> tuple[list[Level], list[Level]]:
    """Bids and asks of a made-up book around the price: a million USDT a level."""
    bid, ask = best(coin)
    tick, step = coin.market.tick, coin.market.step
    size = plain(max(_LEVEL_WORTH / coin.price // step * step, step))
    bids = [(plain(bid - tick * i), size) for i in range(count) if bid > tick * i]
    return bids, [(plain(ask + tick * i), size) for i in range(count)]


def recent_trades(venue: Venue, params: Params) -> list[dict[str, Any]]:
    """aggTrades: the corners of the closed bars' paths, a quarter of the volume at each."""
    coin = instrument(venue, params)
    limit = page(params, 500, 1000)
    start, end = params.optional_integer("startTime"), params.optional_integer("endTime")
    bars = coin.tape.bars
    from_id = params.optional_integer("fromId")
    first = 0 if start is None else max(bars.from_time(start) - 1, 0)
    first = first if from_id is None else max(from_id // _CORNERS, 0)
    last = max(coin.row, 0) if end is None else min(bars.from_time(end + 1), max(coin.row, 0))
    rows = -(-limit // _CORNERS) + 1
    if start is None and from_id is None:
        first = max(first, last - rows)
    found = [
        trade
        for row in range(first, min(last, first + rows))
        for trade in _corners(coin, row)
        if trade["T"] >= (start or 0)
        and (end is None or trade["T"] <= end)
        and trade["a"] >= (from_id or 0)
    ]
    return found[-limit:] if start is None and from_id is None else found[:limit]


def _corners(coin: Instrument, row: int) -> list[dict[str, Any]]:
    bar, length = coin.tape.bars.at(row), coin.tape.bars.length_ms
    rises = bar.close >= bar.open
    prices = (bar.open, *((bar.low, bar.high) if rises else (bar.high, bar.low)), bar.close)
    times = (0, length // 3, 2 * (length // 3), length - 1)
    quantity = traded_text(bar.volume / _CORNERS, coin.market.step)
    return [
        {
            "a": row * _CORNERS + k,
            "p": plain(price),
            "q": quantity,
            "f": row * _CORNERS + k,
            "l": row * _CORNERS + k,
            "T": bar.time + times[k],
            "m": price < prices[max(k - 1, 0)],
        }
        for k, price in enumerate(prices)
    ]


def depth(venue: Venue, params: Params) -> dict[str, Any]:
    coin = instrument(venue, params)
    count = min(page(params, 500, 1000), LEVELS)
    # the stream's next difference is to this book
    venue.tell(PriceMoved(coin.symbol))
    bids, asks = levels(coin, count)
    now = venue.clock.market_ms
    return {"lastUpdateId": coin.moves, "E": now, "T": now, "bids": bids, "asks": asks}


def book_ticker(venue: Venue, coin: Instrument) -> dict[str, Any]:
    bid, ask = best(coin)
    step = coin.market.step
    size = plain(max(_LEVEL_WORTH / coin.price // step * step, step))
    now = venue.clock.market_ms
    return {
        "symbol": coin.symbol,
        "bidPrice": plain(bid),
        "bidQty": size,
        "askPrice": plain(ask),
        "askQty": size,
        "time": now,
        "lastUpdateId": now,
    }


def premium_index(venue: Venue, coin: Instrument) -> dict[str, Any]:
    """Mark and index are the last price; the rate is the last that was settled."""
    price = plain(coin.price)
    return {
        "symbol": coin.symbol,
        "markPrice": price,
        "indexPrice": price,
        "estimatedSettlePrice": price,
        "lastFundingRate": plain(coin.last_rate),
        "interestRate": "0.0001",
        "nextFundingTime": next_funding_ms(venue, coin),
        "time": venue.clock.market_ms,
    }


def next_funding_ms(venue: Venue, coin: Instrument) -> int:
    """The next settlement on the tape; beyond its end every eight hours."""
    now = venue.clock.market_ms
    coming = [ms for ms in coin.tape.settlements if now < ms <= now + DAY_MS]
    return min(coming, default=(now // _USUAL_FUNDING_MS + 1) * _USUAL_FUNDING_MS)


def funding_rate(venue: Venue, params: Params) -> list[dict[str, Any]]:
    coin = instrument(venue, params)
    limit = page(params, 100, 1000)
    start = params.optional_integer("startTime")
    end = min(params.integer("endTime", venue.clock.market_ms), venue.clock.market_ms)
    times = [ms for ms in coin.tape.settlements if (start or 0) <= ms <= end]
    times = times[-limit:] if start is None else times[:limit]
    bars = coin.tape.bars
    return [
        {
            "symbol": coin.symbol,
            "fundingTime": ms,
            "fundingRate": plain(coin.tape.settlements[ms]),
            "markPrice": plain(bars.at(bars.from_time(ms)).open),
        }
        for ms in times
    ]


def ticker_24hr(venue: Venue, coin: Instrument) -> dict[str, Any]:
    now = venue.clock.market_ms
    bars = coin.tape.bars
    day = range(bars.from_time(now - DAY_MS), max(coin.row, 0))
    candles = [*(bars.at(row) for row in day), coin.bar()]
    opened, price = candles[0].open, coin.price
    volume = sum((candle.volume for candle in candles), ZERO)
    worth = sum((candle.volume * candle.close for candle in candles), ZERO)
    return {
        "symbol": coin.symbol,
        "priceChange": plain(price - opened),
        "priceChangePercent": plain(((price / opened - 1) * 100).quantize(ONE / 1000)),
        "weightedAvgPrice": plain((worth / volume if volume else price).quantize(coin.market.tick)),
        "lastPrice": plain(price),
        "lastQty": plain(coin.market.step),
        "openPrice": plain(opened),
        "highPrice": plain(max(candle.high for candle in candles)),
        "lowPrice": plain(min(candle.low for candle in candles)),
        "volume": traded_text(volume, coin.market.step),
        "quoteVolume": worth_text(worth),
        "openTime": candles[0].time,
        "closeTime": now,
        "firstId": 0,
        "lastId": 0,
        "count": 0,
    }


def _one_or_all(shape: Any) -> Any:
    """An answer for the symbol that is named, or a list for all."""

    def answer(venue: Venue, params: Params) -> Any:
        if "symbol" in params:
            return shape(venue, instrument(venue, params))
        return [shape(venue, coin) for coin in venue.instruments.values()]

    return answer


def _price(venue: Venue, coin: Instrument) -> dict[str, Any]:
    now = venue.clock.market_ms
    return {"symbol": coin.symbol, "price": plain(coin.price), "time": now}


def _exchange_info(venue: Venue, _params: Params) -> dict[str, Any]:
    quota = venue.quota
    limits = (
        ("REQUEST_WEIGHT", "MINUTE", 1, quota.weight),
        ("ORDERS", "MINUTE", 1, quota.orders_1m),
        ("ORDERS", "SECOND", 10, quota.orders_10s),
    )
    return {
        "timezone": "UTC",
        "serverTime": venue.clock.wall_ms(),
        "futuresType": "U_MARGINED",
        "rateLimits": [
            {"rateLimitType": kind, "interval": unit, "intervalNum": number, "limit": limit}
            for kind, unit, number, limit in limits
        ],
        "exchangeFilters": [],
        "assets": [{"asset": "USDT", "marginAvailable": True, "autoAssetExchange": "-10000"}],
        "symbols": [coin.exchange_info() for coin in venue.instruments.values()],
    }


def _funding_info(venue: Venue, _params: Params) -> list[dict[str, Any]]:
    """Symbols that do not settle every eight hours."""
    found = []
    for coin in venue.instruments.values():
        times = [ms for ms in coin.tape.settlements if ms <= venue.clock.market_ms][-2:]
        hours = (times[1] - times[0]) // HOUR_MS if len(times) == 2 else 8
        if 0 < hours < 8:
            found.append(
                {
                    "symbol": coin.symbol,
                    "adjustedFundingRateCap": "0.02",
                    "adjustedFundingRateFloor": "-0.02",
                    "fundingIntervalHours": hours,
                }
            )
    return found


def _row(values: tuple[Any, ...], length_ms: int, step: Decimal) -> list[Any]:
    time, *numbers, volume = values
    texts = [_text(number) for number in numbers]
    coins = exact(volume)
    worth = worth_text(coins * exact(numbers[3]))
    return [time, *texts, traded_text(coins, step), time + length_ms - 1, worth, 0, "0", "0", "0"]


def _text(number: float) -> str:
    text = repr(number)
    return format(Decimal(text), "f") if "e" in text else text


_KLINES = ((99, 1), (499, 2), (1000, 5), (1500, 10))
_DEPTH = ((50, 2), (100, 5), (500, 10), (1000, 20))

PUBLIC: dict[tuple[str, str], Endpoint] = {
    ("GET", "/fapi/v1/ping"): Endpoint(lambda _venue, _params: {}),
    ("GET", "/fapi/v1/time"): Endpoint(lambda venue, _params: {"serverTime": venue.clock.tell()}),
    ("GET", "/fapi/v1/exchangeInfo"): Endpoint(_exchange_info),
    ("GET", "/fapi/v1/klines"): Endpoint(klines, by_limit=_KLINES),
    ("GET", "/fapi/v1/aggTrades"): Endpoint(recent_trades, weight=20),
    ("GET", "/fapi/v1/depth"): Endpoint(depth, by_limit=_DEPTH),
    ("GET", "/fapi/v1/ticker/24hr"): Endpoint(_one_or_all(ticker_24hr), all_weight=40),
    ("GET", "/fapi/v1/ticker/price"): Endpoint(_one_or_all(_price), all_weight=2),
    ("GET", "/fapi/v2/ticker/price"): Endpoint(_one_or_all(_price), all_weight=2),
    ("GET", "/fapi/v1/ticker/bookTicker"): Endpoint(
        _one_or_all(book_ticker), weight=2, all_weight=5
    ),
    ("GET", "/fapi/v1/premiumIndex"): Endpoint(_one_or_all(premium_index), all_weight=10),
    ("GET", "/fapi/v1/fundingRate"): Endpoint(funding_rate),
    ("GET", "/fapi/v1/fundingInfo"): Endpoint(_funding_info),
    # what ccxt asks the spot host before it loads markets, unless it is told not to
    ("GET", "/sapi/v1/capital/config/getall"): Endpoint(lambda _venue, _params: []),
    ("GET", "/sapi/v1/margin/allPairs"): Endpoint(lambda _venue, _params: []),
    ("GET", "/sapi/v1/margin/isolated/allPairs"): Endpoint(lambda _venue, _params: []),
}
