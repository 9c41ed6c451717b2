"""A server on 127.0.0.1 that says what a test tells it to, and keeps what it was asked.

It knows no trading: it is for answers that a real exchange gives rarely. Signatures are checked
over the bytes as they came.
"""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

KEY, SECRET = "the-api-key", "the-api-secret"

Json = dict[str, Any] | list[Any]


@dataclass(frozen=True)
class Reply:
    """An HTTP answer; `body` is sent as it is if it is text."""

    status: int
    body: Json | str
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """A request as it came, without signature and timestamp."""

    method: str
    path: str
    params: dict[str, str]


DROP = "drop the connection"
HANG = "never answer"

Script = Json | Reply | str


def refusal(code: int, status: int = 400, text: str = "made up") -> Reply:
    return Reply(status, {"code": code, "msg": text})


class ScriptedBinance:
    """`on(method, path, *replies)`: one reply after another; the last one stays."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[Asked] = []
        self.clock_ms = 0
        """Added to the local clock."""
        self.headers: dict[str, str] = {}
        self._script: dict[tuple[str, str], list[Script]] = {}
        self.closing = asyncio.Event()
        self.on("GET", "/fapi/v1/exchangeInfo", exchange_info())
        self.on("GET", "/fapi/v1/leverageBracket", [LEVERAGE_BRACKET])
        self.on("GET", "/fapi/v1/premiumIndex", {"symbol": "BTCUSDT", "markPrice": "60000.0"})
        self.on("GET", "/fapi/v1/openOrders", [])
        self.on("GET", "/fapi/v1/openAlgoOrders", [])

    def on(self, method: str, path: str, *replies: Script) -> None:
        self._script[method, path] = list(replies)

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self.clock_ms

    def sent(self, method: str, path: str) -> list[dict[str, str]]:
        """The parameters of every such request."""
        return [a.params for a in self.asked if (a.method, a.path) == (method, path)]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.text()
        raw = body if request.method in ("POST", "PUT") else request.query_string
        if request.method in ("GET", "DELETE"):
            raw = request.raw_path.partition("?")[2]
        params = dict(parse_qsl(raw, keep_blank_values=True))
        signature = params.pop("signature", None)
        stamp = params.pop("timestamp", None)
        self.asked.append(Asked(request.method, request.path, params))
        if request.path == "/fapi/v1/time" and ("GET", request.path) not in self._script:
            return web.json_response({"serverTime": self.now_ms()}, headers=self.headers)
        if signature is not None:
            signed = raw.rpartition("&signature=")[0]
            right = hmac.new(SECRET.encode(), signed.encode(), hashlib.sha256).hexdigest()
            if signature != right or request.headers.get("X-MBX-APIKEY") != KEY:
                return _sent(refusal(-1022))
            age = self.now_ms() - int(stamp or 0)
            if age < -1000 or age > int(params["recvWindow"]):
                return _sent(refusal(-1021))
        replies = self._script.get((request.method, request.path))
        if not replies:
            return web.Response(status=404, text="no such path")
        reply = replies.pop(0) if len(replies) > 1 else replies[0]
        if reply == DROP and request.transport is not None:
            request.transport.close()
        if reply in (DROP, HANG):
            await asyncio.wait_for(self.closing.wait(), 5)
            return web.Response()
        if isinstance(reply, Reply):
            return _sent(Reply(reply.status, reply.body, self.headers | reply.headers))
        return web.json_response(reply, headers=self.headers)


def _sent(reply: Reply) -> web.Response:
    text = reply.body if isinstance(reply.body, str) else json.dumps(reply.body)
    kind = "text/html" if isinstance(reply.body, str) else "application/json"
    return web.Response(status=reply.status, text=text, headers=reply.headers, content_type=kind)


@asynccontextmanager
async def scripted() -> AsyncIterator[ScriptedBinance]:
    """Run a server until the block ends."""
    server = ScriptedBinance()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", server.answer)
    runner = web.AppRunner(app, handle_signals=False, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        server.closing.set()
        await runner.cleanup()


LEVERAGE_BRACKET = {
    "symbol": "BTCUSDT",
    "brackets": [
        {"bracket": 1, "notionalFloor": 0, "notionalCap": 50000, "maintMarginRatio": 0.004,
         "cum": 0.0},
        {"bracket": 2, "notionalFloor": 50000, "notionalCap": 600000, "maintMarginRatio": 0.005,
         "cum": 50.0},
    ],
}  # fmt: skip


def exchange_info(**changed: Any) -> dict[str, Any]:
    """exchangeInfo with BTCUSDT; `changed` replaces fields of the symbol."""
    filters = [
        {"filterType": "PRICE_FILTER", "minPrice": "556.80", "maxPrice": "4529764",
         "tickSize": "0.10"},
        {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "1000", "stepSize": "0.001"},
        {"filterType": "MARKET_LOT_SIZE", "minQty": "0.001", "maxQty": "120", "stepSize": "0.001"},
        {"filterType": "MAX_NUM_ORDERS", "limit": 200},
        {"filterType": "MIN_NOTIONAL", "notional": "50"},
        {"filterType": "PERCENT_PRICE", "multiplierUp": "1.0500", "multiplierDown": "0.9500",
         "multiplierDecimal": "4"},
    ]  # fmt: skip
    symbol = {
        "symbol": "BTCUSDT", "contractType": "PERPETUAL", "status": "TRADING", "baseAsset": "BTC",
        "quoteAsset": "USDT", "marginAsset": "USDT", "orderTypes": ["LIMIT", "MARKET"],
        "filters": filters,
    }  # fmt: skip
    limits = [
        {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 2400},
        {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 300},
        {"rateLimitType": "ORDERS", "interval": "MINUTE", "intervalNum": 1, "limit": 1200},
    ]
    return {"rateLimits": limits, "symbols": [symbol | changed]}
