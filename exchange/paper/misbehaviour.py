"""Carries out the faults that strike a request: before it, after it, or in its answer."""

import asyncio
import copy
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

from exchange.decimals import plain
from exchange.paper.clock import Clock
from exchange.paper.door import Answer, Request, refused
from exchange.paper.faults import Fault, Faults
from exchange.paper.params import Params

_NO_ANSWER = Answer(0, None)
_REMEMBERED = 256
_CLIENT_IDS = ("newClientOrderId", "clientAlgoId", "origClientOrderId")
_UNSTABLE = ("timestamp", "signature", "recvWindow")
_BODIES = {
    403: "<html><body><h1>403 Forbidden</h1>WAF</body></html>",
    500: "<html><body><h1>500 Internal Server Error</h1></body></html>",
    502: "<html><body><h1>502 Bad Gateway</h1></body></html>",
    503: "Unknown error, please check your request or try again later.",
    504: "<html><body><h1>504 Gateway Time-out</h1></body></html>",
}
_CODES = {408: -1007, 418: -1003, 429: -1003}


class Misbehaviour:
    """`closing` ends every request that is being kept waiting."""

    def __init__(self, faults: Faults, clock: Clock) -> None:
        self.faults = faults
        self.clock = clock
        self.closing = asyncio.Event()
        self._last: OrderedDict[str, Answer] = OrderedDict()

    async def around(
        self, request: Request, params: Params, carry_out: Callable[[], Awaitable[Answer]]
    ) -> Answer:
        """The answer that the client gets; status 0 for none at all."""
        client_id = next((params.values[n] for n in _CLIENT_IDS if n in params), "")
        side = params.values.get("side")
        struck = self.faults.of_request(request.name, client_id, self.clock.market_ms, side)
        for fault in struck:
            instead = None if fault.executed else await self._strike(fault)
            if instead:
                return instead
        answer = await carry_out()
        for fault in struck:
            if fault.executed:
                answer = await self._strike(fault) or answer
        if request.method != "GET" or answer.status != 200:
            return answer
        if request.path == "/fapi/v1/klines":
            answer = self._bent(answer)
        return self._stale(request, params, answer, struck)

    async def _strike(self, fault: Fault) -> Answer | None:
        """What a fault answers in place of the truth; None if it only delays or bends."""
        if fault.what == "latency":
            await self._wait(fault.seconds)
        elif fault.what == "timeout":
            await self._wait(fault.seconds or None)
            return _NO_ANSWER
        elif fault.what == "drop":
            return _NO_ANSWER
        elif fault.what == "http" and fault.status:
            return self._http(fault, fault.status)
        elif fault.what == "code" and fault.code:
            return refused(fault.code, fault.status, fault.retry_after)
        elif fault.what == "skew":
            self.clock.skew_ms += fault.ms
        elif fault.what == "drift":
            self.clock.drift_ppm += fault.ppm
        return None

    async def _wait(self, seconds: float | None) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self.closing.wait()
        except TimeoutError:
            return

    def _http(self, fault: Fault, status: int) -> Answer:
        if fault.text is None and status in _CODES:
            retry_after = fault.retry_after
            answer = refused(_CODES[status], status, retry_after)
            if status == 418:
                until = self.clock.wall_ms() + 1000 * (retry_after or 120)
                text = f"Way too many requests; IP banned until {until}."
                return Answer(status, {"code": -1003, "msg": text}, answer.headers)
            return answer
        text = fault.text if fault.text is not None else _BODIES.get(status, "")
        headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
        return Answer(status, text, headers)

    def _stale(
        self, request: Request, params: Params, answer: Answer, struck: list[Fault]
    ) -> Answer:
        steady = {k: v for k, v in sorted(params.values.items()) if k not in _UNSTABLE}
        name = f"{request.name} {steady}"
        before = self._last.get(name)
        if before and any(fault.what == "stale" for fault in struck):
            return before
        self._last[name] = answer
        self._last.move_to_end(name)
        if len(self._last) > _REMEMBERED:
            self._last.popitem(last=False)
        return answer

    def _bent(self, answer: Answer) -> Answer:
        faults = self.faults.of_candles(self.clock.market_ms)
        if not faults:
            return answer
        rows: list[list[Any]] = copy.deepcopy(answer.content)
        for fault in faults:
            if fault.back >= len(rows):
                continue
            row = len(rows) - 1 - fault.back
            if fault.what == "candle_missing":
                del rows[row]
            elif fault.what == "candle_repeated":
                rows.insert(row, list(rows[row]))
            else:
                rows[row] = _revised(rows[row], 1 + fault.share)
        return Answer(answer.status, rows, answer.headers)


def _revised(row: list[Any], factor: Decimal) -> list[Any]:
    """A candle whose close is another; high and low follow where they must."""
    time, opened, high, low, close, *rest = row
    changed = Decimal(close) * factor
    top, bottom = max(Decimal(high), changed), min(Decimal(low), changed)
    return [time, opened, plain(top), plain(bottom), plain(changed), *rest]
