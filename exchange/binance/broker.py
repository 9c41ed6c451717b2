"""The broker on Binance's USDT futures: the real one, demo trading, or a paper exchange.

Requests go through ccxt's own endpoints with exact decimal text; its unified methods would turn
prices into floats and drop rows. Here is the market's half; the account's is in
`exchange.binance.account`.
"""

from collections.abc import AsyncIterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Self

from exchange.binance import answers
from exchange.binance.account import AccountHalf, row_of
from exchange.binance.answers import understood
from exchange.binance.client import BinanceClient, Keys, Venue
from exchange.binance.filters import read_listed, read_tiers
from exchange.binance.known_market import KnownMarket
from exchange.binance.orders import SETTLE_WAITS_S
from exchange.binance.pace import Pace
from exchange.binance.streams import SILENCE_S, BinanceStreams
from exchange.broker import FundingRate, Hint, ListedMarket
from exchange.market import market_for
from exchange.outcomes import Action, Refused
from exchange.symbol import Symbol
from exchange.timeframe import timeframe_ms

if TYPE_CHECKING:
    import pandas as pd

_PAGE = 1000


class BinanceBroker(AccountHalf):
    """One account in one symbol; an `exchange.broker.Broker`.

        async with BinanceBroker("BTC", Keys(key, secret), Venue(testnet=True)) as broker:
            await broker.ensure_hedge_mode()

    Entering sets the clock by Binance's; leaving closes the connections.

    Args:
        symbol: any spelling that `Symbol.parse` takes.
        keys: None for market data only; whatever needs them raises `NotAuthorised` then. For demo
            trading they are made on demo.binance.com.
        venue: which Binance.
        timeout_s: how long one request may stay without an answer.
        settle_waits_s: seconds before each question of `settle`.
        pace: give the same to all brokers of one account: its limits are shared, and when Binance
            asks one of them for silence all must be silent.

    Raises:
        DataError: the symbol is bad.
    """

    def __init__(
        self,
        symbol: str | Symbol,
        keys: Keys | None = None,
        venue: Venue | None = None,
        *,
        timeout_s: float = 10.0,
        settle_waits_s: tuple[float, ...] = SETTLE_WAITS_S,
        pace: Pace | None = None,
    ) -> None:
        self._client = BinanceClient(keys, venue or Venue(), timeout_s, pace)
        super().__init__(
            self._client,
            Symbol.parse(symbol),
            KnownMarket(self._read_market),
            self.mark_price,
            settle_waits_s,
        )
        self._streams: BinanceStreams | None = None

    async def __aenter__(self) -> Self:
        try:
            await self._client.sync_clock()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def market(self) -> ListedMarket:
        """See `Broker.market`. Margin tiers are read with keys only, else they are the shipped."""
        return await self._known.read()

    @property
    def host(self) -> str:
        """Who is asked: `fapi.binance.com`."""
        return self._client.host

    @property
    def weight(self) -> tuple[int, int]:
        """Of the requests in the minute of the last answer, and its limit; the address shares it
        with whatever else runs there."""
        return self._client.pace.weight

    @property
    def quiet_s(self) -> float:
        """Seconds for which Binance has asked for silence; 0 mostly."""
        return self._client.quiet_s()

    async def server_time(self) -> int:
        """See `Broker.server_time`; sets the client's clock by it."""
        return await self._client.sync_clock()

    async def closed_candles(self, timeframe: str, since_ms: int) -> "pd.DataFrame":
        """See `Broker.closed_candles`."""
        length = timeframe_ms(timeframe)
        # asked first: what had closed by then cannot change any more
        server_ms = await self.server_time()
        rows: dict[int, list[Any]] = {}
        since = since_ms
        while since < server_ms:
            count = min(_PAGE, (server_ms - since) // length + 1)
            page = await self._candles(timeframe, since, max(2, count))
            rows |= {at: row for at, row in page.items() if at not in rows}
            last = max(page, default=0)
            if last < since:
                break
            since = last + length
        found = list(rows.values())
        return understood(lambda: answers.candles(found, timeframe, since_ms, server_ms))

    async def mark_price(self) -> Decimal:
        """See `Broker.mark_price`."""
        answer = await self._client.read("fapiPublicGetPremiumIndex", {"symbol": self._symbol.id})
        return understood(lambda: answers.price(answer["markPrice"]))

    async def funding_rates(self, since_ms: int) -> list[FundingRate]:
        """See `Broker.funding_rates`."""
        rates: dict[int, FundingRate] = {}
        since = since_ms
        while True:
            page = await self._rates(since)
            rates |= {rate.time_ms: rate for rate in page if rate.time_ms >= since_ms}
            if len(page) < _PAGE:
                return [rates[time_ms] for time_ms in sorted(rates)]
            since = max(rate.time_ms for rate in page) + 1

    async def hints(self, timeframe: str) -> AsyncIterator[Hint]:
        """See `Broker.hints`; close the iterator (`contextlib.aclosing`) to end the streams."""
        timeframe_ms(timeframe)
        streams = BinanceStreams(self._client, self._symbol, timeframe, SILENCE_S)
        self._streams = streams
        hints = streams.hints()
        try:
            async for hint in hints:
                yield hint
        finally:
            await hints.aclose()

    def stream_ages(self) -> Mapping[str, float | None]:
        """See `Broker.stream_ages`; empty before `hints` was begun."""
        return {} if self._streams is None else self._streams.ages()

    async def close(self) -> None:
        """See `Broker.close`."""
        await self._client.close()

    async def _candles(self, timeframe: str, since_ms: int, limit: int) -> dict[int, list[Any]]:
        """A page of klines by their open, ms; the open one among them."""
        request = {"symbol": self._symbol.id, "interval": timeframe}
        request |= {"startTime": str(since_ms), "limit": str(limit)}
        rows = await self._client.read("fapiPublicGetKlines", request)
        return understood(lambda: {int(row[0]): row for row in rows})

    async def _rates(self, since_ms: int) -> list[FundingRate]:
        request = {"symbol": self._symbol.id, "startTime": str(since_ms), "limit": str(_PAGE)}
        rows = await self._client.read("fapiPublicGetFundingRate", request)
        return understood(lambda: [answers.funding_rate(row) for row in rows])

    async def _read_market(self) -> ListedMarket:
        answer = await self._client.read("fapiPublicGetExchangeInfo")
        rows = understood(lambda: {row["symbol"]: row for row in answer["symbols"]})
        if self._symbol.id not in rows:
            raise Refused(
                f"Binance has no perpetual {self._symbol}: check the symbol's spelling",
                action=Action.HALT,
            )
        if self._client.has_keys:
            request = {"symbol": self._symbol.id}
            table = await self._client.read("fapiPrivateGetLeverageBracket", request)
            tiers = understood(lambda: read_tiers(row_of(self._symbol, table)["brackets"]))
            source = "margin tiers: read from Binance"
        else:
            offline = market_for(self._symbol, price=1.0)
            tiers, source = offline.tiers, offline.source.partition("; ")[2]
        row = rows[self._symbol.id]
        listed = understood(lambda: read_listed(self._symbol, row, tiers, source))
        understood(lambda: self._client.pace.set_limits(answer["rateLimits"]))
        return listed
