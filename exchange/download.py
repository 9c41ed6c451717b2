"""Candles and funding history from Binance's USDT-margined futures, page by page."""

import re
import time
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import pandas as pd

from exchange.checks import CANDLE_COLUMNS, check_candles
from exchange.errors import DataError
from exchange.funding_rates import SETTLEMENT_MS, check_funding
from exchange.servers import HEADER, Server, server_at
from exchange.span import Span
from exchange.symbol import Symbol
from exchange.timeframe import MINUTE_MS, timeframe_ms

Progress = Callable[[float, str], None]
"""Gets the share that is done, 0 to 1, and one line about it."""

_PAGE = 1000
_PUBLISHED_MS = 5 * MINUTE_MS
"""A settlement is in the history by then; a younger stretch is not taken for complete."""

_FIRST_TRIES = 3
_LATER_TRIES = 6
_RATE_LIMIT_WAIT_S = 30.0
_LONGEST_WAIT_S = 120.0
_WITHOUT_NETWORK = (
    "Without the network `gridtui data import FILE` takes files from elsewhere; the source sim "
    "needs none"
)


class BinanceHistory:
    """Public market data; needs no keys.

    Args:
        base_url: scheme, host and port of another server that speaks the same dialect.
        timeout_s: how long one request may stay without an answer.
        pause_s: the first wait after a failed request; it doubles with each further failure.
        server: whose market it is; None: told by the address, and by what is answered there.
    """

    def __init__(
        self,
        base_url: str | None = None,
        timeout_s: float = 4.0,
        pause_s: float = 0.5,
        server: Server | None = None,
    ) -> None:
        self._base_url = base_url.rstrip("/") if base_url else None
        self._timeout_s = timeout_s
        self._pause_s = pause_s
        self._answered = False
        self._server = server

    @property
    def server(self) -> Server:
        """Who answers; another server than Binance is asked what it says of itself.

        Raises:
            DataError: it cannot be reached.
        """
        server = self._server or server_at(self._base_url)
        if self._server or not server.name:
            return server
        return server_at(self._base_url, self._time_answer[1])

    def candles(
        self, symbol: Symbol, timeframe: str, span: Span, progress: Progress | None = None
    ) -> Iterator[tuple[pd.DataFrame, int]]:
        """Closed candles of `span` in pages of 1000.

        Yields:
            Checked candles (`CANDLE_COLUMNS`), and the close of the last of them in ms: up to
            there everything the exchange has is known. The candle still open is never among them.

        Raises:
            DataError: Binance cannot be reached, knows no such symbol, or answers nonsense.
        """
        length = timeframe_ms(timeframe)
        where = f"Binance, {timeframe} candles of {symbol}"
        end = min(span.end_ms, self._server_ms // length * length)
        since = span.start_ms
        while since < end:
            request = {"symbol": symbol.id, "interval": timeframe, "limit": _PAGE}
            request |= {"startTime": since, "endTime": end - 1}
            rows = self._ask("fapiPublicGetKlines", request, list, symbol)
            if not rows:
                return
            page = check_candles(_candle_table(rows, where), length, where).frame
            _within(page, since, end, where)
            since = int(page["timestamp"].iloc[-1]) + length
            tell(progress, span, since, f"{symbol} {timeframe} candles")
            yield page, since

    def funding(
        self, symbol: Symbol, span: Span, progress: Progress | None = None
    ) -> Iterator[tuple[pd.DataFrame, int]]:
        """Settlements of `span` in pages of 1000.

        Yields:
            Checked settlements (`FUNDING_COLUMNS`), and the time in ms up to which all is known.

        Raises:
            DataError: as `candles`.
        """
        where = f"Binance, funding of {symbol}"
        end = min(span.end_ms, self._server_ms // MINUTE_MS * MINUTE_MS - _PUBLISHED_MS)
        since = span.start_ms
        while since < end:
            request = {"symbol": symbol.id, "limit": _PAGE}
            request |= {"startTime": since, "endTime": end - 1}
            rows = self._ask("fapiPublicGetFundingRate", request, list, symbol)
            if not rows:
                return
            page = check_funding(_funding_table(rows, where), where)
            _within(page, since, end, where)
            last = int(page["timestamp"].iloc[-1])
            # a page that is not full ends at the newest settlement: none can be due after it
            at_end = len(page) < _PAGE and end - last <= SETTLEMENT_MS
            since = end if at_end else last + MINUTE_MS
            tell(progress, span, since, f"{symbol} funding")
            yield page, since

    @property
    def _server_ms(self) -> int:
        return self._time_answer[0]

    @cached_property
    def _time_answer(self) -> tuple[int, str]:
        """The server's time, ms UTC, and its header about its market."""
        answer = self._ask("fapiPublicGetTime", {}, dict, None)
        try:
            return int(answer["serverTime"]), self._headers.get(HEADER.lower(), "")
        except (KeyError, TypeError, ValueError):
            raise DataError(self._nonsense()) from None

    @property
    def _headers(self) -> dict[str, str]:
        """Of the last answer, names in lower case."""
        headers = self._client.last_response_headers or {}
        return {str(name).lower(): str(value) for name, value in headers.items()}

    @cached_property
    def _client(self) -> Any:
        import ccxt  # costs 0.9 s, and cached candles do not need it

        settings: dict[str, Any] = {
            "enableRateLimit": True,
            "timeout": int(self._timeout_s * 1000),
            "options": {"fetchCurrencies": False, "fetchMargins": False},
        }
        if self._base_url:
            settings["urls"] = {"api": {"fapiPublic": f"{self._base_url}/fapi/v1"}}
        return ccxt.binanceusdm(settings)

    @property
    def _host(self) -> str:
        url: str = self._client.urls["api"]["fapiPublic"]
        return urlsplit(url).netloc

    def _ask(self, method: str, request: dict[str, Any], kind: type, symbol: Symbol | None) -> Any:
        """One answer; waits and tries again, a bounded number of times, where that may help."""
        client = self._client
        import ccxt

        tries = 0
        while True:
            try:
                answer = getattr(client, method)(request)
            except ccxt.BadSymbol as error:
                raise DataError(
                    f"Binance has no perpetual {symbol}: check the symbol's spelling"
                ) from error
            except ccxt.OperationFailed as error:
                tries += 1
                most = _LATER_TRIES if self._answered else _FIRST_TRIES
                if tries >= most or _banned(error):
                    raise DataError(self._unreachable(error)) from error
                time.sleep(self._wait_s(error, tries))
            except ccxt.BaseError as error:
                raise DataError(self._unreachable(error)) from error
            else:
                if not isinstance(answer, kind):
                    raise DataError(self._nonsense())
                self._answered = True
                return answer

    def _wait_s(self, error: Exception, tries: int) -> float:
        import ccxt

        if isinstance(error, ccxt.DDoSProtection | ccxt.RateLimitExceeded):
            try:
                wanted = float(self._headers["retry-after"])
            except (KeyError, ValueError):
                wanted = _RATE_LIMIT_WAIT_S
            return min(max(wanted, 0.0), _LONGEST_WAIT_S)
        wait: float = self._pause_s * 2 ** (tries - 1)
        return wait

    def _unreachable(self, error: Exception) -> str:
        return (
            f"cannot reach Binance ({self._host}: {_reason(error, self._timeout_s)}). "
            f"{_WITHOUT_NETWORK}"
        )

    def _nonsense(self) -> str:
        return (
            f"{self._host} gave an answer that is not Binance's; something in between may be "
            f"answering (a proxy, a log-in page). Check the network. {_WITHOUT_NETWORK}"
        )


def tell(progress: Progress | None, span: Span, until_ms: int, what: str) -> None:
    """Report that `what` is there up to `until_ms`."""
    if progress:
        share = (until_ms - span.start_ms) / (span.end_ms - span.start_ms)
        progress(share, f"downloading {what}: {share:.0%}")


def _candle_table(rows: list[Any], where: str) -> pd.DataFrame:
    try:
        return pd.DataFrame([row[:6] for row in rows], columns=list(CANDLE_COLUMNS))
    except (TypeError, KeyError, ValueError):
        raise DataError(f"{where}: the answer does not consist of candles; try again") from None


def _funding_table(rows: list[Any], where: str) -> pd.DataFrame:
    try:
        cells = [(row["fundingTime"], row["fundingRate"]) for row in rows]
    except (TypeError, KeyError):
        raise DataError(f"{where}: the answer does not consist of rates; try again") from None
    return pd.DataFrame(cells, columns=["timestamp", "funding_rate"])


def _within(page: pd.DataFrame, since: int, end: int, where: str) -> None:
    first, last = int(page["timestamp"].iloc[0]), int(page["timestamp"].iloc[-1])
    if first < since or last >= end:
        raise DataError(f"{where}: asked for {Span(since, end)}, got {Span(first, last + 1)}")


def _banned(error: Exception) -> bool:
    return " 418 " in str(error) or "banned until" in str(error)


def _reason(error: Exception, timeout_s: float) -> str:
    """The innermost cause, in a few words of one line."""
    import ccxt

    if isinstance(error, ccxt.RequestTimeout):
        return f"no answer within {timeout_s:g} s"
    if _banned(error):
        return "this address is banned for a while; wait some minutes"
    text = str(error.__cause__ or error)
    system = re.search(r"\[Errno -?\d+\] ([^)('\"]+)", text)
    if system:
        return system[1].strip()
    text = str(error)
    return " ".join(text.removeprefix("binanceusdm ").split())[:160]
