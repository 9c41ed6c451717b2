"""A small server on 127.0.0.1 that answers as Binance's public futures endpoints do."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pandas as pd

from exchange.simulated import simulate, simulate_funding
from exchange.span import Span
from exchange.symbol import Symbol
from exchange.timeframe import TIMEFRAMES

SEED = 5


class HistoryServer:
    """Serves the candles and funding of a made-up BTC market that was listed at `listed_ms`.

    `troubles` is a list of what to do to the next requests, one each: "drop" the line, "hang",
    an HTTP status as a number, or text to send in place of an answer. `requests` records (path,
    query) of everything that was asked.
    """

    def __init__(self, listed_ms: int, now_ms: int) -> None:
        self.listed_ms = listed_ms
        self.now_ms = now_ms
        self.troubles: list[str | int] = []
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.url = ""
        self.closing = threading.Event()

    def truth(self, timeframe: str, span: Span) -> pd.DataFrame:
        """The market's candles of a span, whether closed or not."""
        return simulate(Symbol("BTC"), TIMEFRAMES[timeframe], span, SEED)

    def asked(self, endpoint: str) -> list[dict[str, str]]:
        """The queries that an endpoint got, in order."""
        return [query for path, query in self.requests if path.endswith(endpoint)]

    def answer(self, path: str, query: dict[str, str]) -> tuple[int, Any]:
        if path == "/fapi/v1/time":
            return 200, {"serverTime": self.now_ms}
        if query.get("symbol") != "BTCUSDT":
            return 400, {"code": -1121, "msg": "Invalid symbol."}
        start = max(int(query["startTime"]), self.listed_ms)
        end = min(int(query["endTime"]), self.now_ms) + 1
        limit = int(query["limit"])
        if start >= end:
            return 200, []
        if path == "/fapi/v1/klines":
            return 200, self._klines(query["interval"], start, end, limit)
        if path == "/fapi/v1/fundingRate":
            rates = simulate_funding(Symbol("BTC"), Span(start, end), SEED).head(limit)
            return 200, [
                {"symbol": "BTCUSDT", "fundingRate": f"{rate:.8f}", "fundingTime": time_ms + 3}
                for time_ms, rate in rates.itertuples(index=False)
            ]
        return 404, {"code": -1, "msg": "no such path"}

    def _klines(self, interval: str, start: int, end: int, limit: int) -> list[list[Any]]:
        length = TIMEFRAMES[interval]
        first = -(-start // length) * length
        last = min(-(-end // length) * length, first + limit * length)
        if last <= first:
            return []
        return [
            [row[0], *(f"{value:.3f}" for value in row[1:6]), row[0] + length - 1, "0", 1]
            for row in self.truth(interval, Span(first, last)).itertuples(index=False)
        ]


class _Handler(BaseHTTPRequestHandler):
    history: HistoryServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = dict(parse_qsl(url.query))
        self.history.requests.append((url.path, query))
        trouble = self.history.troubles.pop(0) if self.history.troubles else None
        if trouble == "drop":
            self.close_connection = True
            return
        if trouble == "hang":
            self.history.closing.wait(5)
            self.close_connection = True
            return
        if isinstance(trouble, str):
            self._send(200, trouble.encode(), "text/html")
        elif isinstance(trouble, int):
            self._send(trouble, b"{}" if trouble == 429 else b"<html>trouble</html>", "text/html")
        else:
            status, answer = self.history.answer(url.path, query)
            self._send(status, json.dumps(answer).encode(), "application/json")

    def _send(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if status == 429:
            self.send_header("Retry-After", "0")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base's name)
        """Keep quiet."""


@contextmanager
def serving(listed_ms: int, now_ms: int) -> Iterator[HistoryServer]:
    """Run a server until the block ends."""
    history = HistoryServer(listed_ms, now_ms)
    handler = type("Handler", (_Handler,), {"history": history})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    history.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield history
    finally:
        history.closing.set()
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)
