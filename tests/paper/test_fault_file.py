"""Every fault from a file, each seen to happen; what a file may say; how it is refused. 3 s."""

import asyncio
import hashlib
import hmac
import json
import time
import urllib.parse
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from exchange.errors import DataError
from exchange.paper.book import Order
from exchange.paper.fault_file import load_faults
from exchange.paper.fault_menu import MEANINGS, MENU
from exchange.paper.faults import Fault
from exchange.paper.server import PAPER_KEYS, PaperExchange
from tests.paper.support import FLAT, START, exchange, place

ORDER = "POST /fapi/v1/order"
PRICE = "GET /fapi/v1/ticker/price"
NO_ANSWER = (0, None)
LIMIT = {"side": "BUY", "positionSide": "LONG", "type": "LIMIT", "quantity": "1", "price": "98"}

CODES = (-1000, -1003, -1006, -1007, -1008, -1021, -2011, -2013, -2019, -2021, -2022, -4061)
CODES += (-4116, -4120, -4164, -5022)
STATUSES = (408, 418, 429, 500, 502, 503, 504)


@pytest.fixture
def from_file(tmp_path: Path) -> Callable[[str], list[Fault]]:
    """The faults of a file with this text."""

    def load(text: str) -> list[Fault]:
        path = tmp_path / "faults.toml"
        path.write_text(text)
        return load_faults(path).armed()

    return load


@dataclass
class Client:
    """Signs and sends; an order's client id tells what became of it."""

    paper: PaperExchange
    session: aiohttp.ClientSession

    async def ask(self, endpoint: str, **params: str) -> tuple[int, Any]:
        """Status and content; NO_ANSWER if the line is cut or nothing comes for 0.2 s."""
        method, path = endpoint.split()
        params = {"symbol": "BTCUSDT", **params, "timestamp": str(self.paper.clock.wall_ms())}
        text = urllib.parse.urlencode(params)
        signature = hmac.new(PAPER_KEYS.secret.encode(), text.encode(), hashlib.sha256).hexdigest()
        url = f"{self.paper.url}{path}?{text}&signature={signature}"
        try:
            limit = aiohttp.ClientTimeout(0.2)
            headers = {"X-MBX-APIKEY": PAPER_KEYS.key}
            async with self.session.request(method, url, headers=headers, timeout=limit) as answer:
                content = await answer.text()
                is_json = answer.content_type == "application/json"
                return answer.status, json.loads(content) if is_json else content
        except (TimeoutError, aiohttp.ClientError):
            return NO_ANSWER

    async def order(self, cid: str, **more: str) -> tuple[int, Any]:
        return await self.ask(ORDER, **LIMIT, timeInForce="GTC", newClientOrderId=cid, **more)

    def booked(self, cid: str) -> Order | None:
        return self.paper.venue.book.find("BTCUSDT", None, cid)


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    candles = [FLAT, (100.0, 104.0, 97.0, 102.0), (102.0, 103.0, 101.0, 102.0), FLAT]
    async with exchange(*candles) as paper, aiohttp.ClientSession() as session:
        paper.open_bar()
        yield Client(paper, session)


@pytest.mark.parametrize("executed", [False, True])
async def test_a_file_s_requests_time_out_are_cut_refused_or_slow(
    client: Client, from_file: Callable[[str], list[Fault]], executed: bool
) -> None:
    expected = {
        "what = 'timeout'": NO_ANSWER,
        "what = 'drop'": NO_ANSWER,
        **{f"what = 'code'\ncode = {code}": code for code in CODES},
        **{f"what = 'http'\nstatus = {status}": status for status in STATUSES},
    }
    tail = f"\nendpoint = '{ORDER}'\nexecuted = {str(executed).lower()}\n"
    faults = from_file("".join(f"[[fault]]\n{said}{tail}" for said in expected))
    wrong = []
    for number, (fault, (said, wanted)) in enumerate(zip(faults, expected.items(), strict=True)):
        client.paper.faults.add(fault)
        status, content = got = await client.order(f"c{number}")
        seen = got if not status else content["code"] if fault.code else status
        if seen != wanted or (client.booked(f"c{number}") is not None) != executed:
            wrong.append((said, got))
    assert not wrong

    (slow,) = from_file(f"[[fault]]\nwhat = 'latency'\nseconds = 0.1{tail}")
    client.paper.faults.add(slow)
    before = time.monotonic()
    status, _ = await client.order("slow")
    assert status == 200
    assert time.monotonic() - before >= 0.1


async def test_a_file_s_reads_are_stale_and_its_candles_wrong(
    client: Client, from_file: Callable[[str], list[Fault]]
) -> None:
    open_orders = "GET /fapi/v1/openOrders"
    assert await client.ask(open_orders) == (200, [])
    await client.order("mine")
    (stale,) = from_file("[[fault]]\nwhat = 'stale'\nendpoint = '/fapi/v1/openOrders'")
    client.paper.faults.add(stale)
    assert await client.ask(open_orders) == (200, [])
    assert len((await client.ask(open_orders))[1]) == 1

    client.paper.walk_bar()
    client.paper.open_bar()
    klines = "GET /fapi/v1/klines"
    _, true = await client.ask(klines, interval="15m")
    missing, repeated, revised = from_file(
        "[[fault]]\nwhat = 'candle_missing'\n[[fault]]\nwhat = 'candle_repeated'\n"
        "[[fault]]\nwhat = 'candle_revised'\nshare = 0.1"
    )
    client.paper.faults.add(missing)
    assert (await client.ask(klines, interval="15m"))[1] == [true[0], true[2]]
    client.paper.faults.add(repeated)
    assert (await client.ask(klines, interval="15m"))[1] == [true[0], true[1], true[1], true[2]]
    client.paper.faults.add(revised)
    _, bent = await client.ask(klines, interval="15m")
    assert (bent[0], bent[2], bent[1][4]) == (true[0], true[2], "112.2")


async def test_a_file_s_orders_expire_and_fill_in_part_by_their_side(
    client: Client, from_file: Callable[[str], list[Fault]]
) -> None:
    expire, partial = from_file(
        "[[fault]]\nwhat = 'expire_post_only'\nside = 'SELL'\n"
        "[[fault]]\nwhat = 'partial'\nshare = 0.3\nside = 'BUY'"
    )
    client.paper.faults.add(expire)
    client.paper.faults.add(partial)
    crossing = {"quantity": "1", "price": "101", "type": "LIMIT", "timeInForce": "GTX"}
    buy = await client.ask(ORDER, **crossing, side="BUY", positionSide="LONG")
    assert buy[1]["code"] == -5022
    sell = crossing | {"price": "99"}
    _, expired = await client.ask(ORDER, **sell, side="SELL", positionSide="SHORT")
    assert (expired["status"], expired["executedQty"]) == ("EXPIRED", "0")
    await client.order("mine")
    client.paper.walk_bar()
    order = client.booked("mine")
    assert order is not None
    assert order.filled == Decimal("0.3")


STREAMS: dict[str, list[str]] = {
    "stream_late": ["CANCELED", "NEW"],
    "stream_repeat": ["NEW", "NEW", "CANCELED"],
    "stream_reorder": ["CANCELED", "NEW"],
    "stream_drop": ["CANCELED"],
    "stream_silent": [],
    "listen_key_expires": ["listenKeyExpired"],
}
"""What the account's stream says of an order that is placed and taken back."""


async def test_a_file_s_streams_are_late_doubled_swapped_lost_silent_or_ended(
    client: Client, from_file: Callable[[str], list[Fault]]
) -> None:
    seconds = {"stream_late": "seconds = 0.03", "stream_silent": "seconds = 0.03"}
    faults = from_file(
        "".join(
            f"[[fault]]\nwhat = '{what}'\nendpoint = 'ORDER_TRADE_UPDATE'\n"
            f"{seconds.get(what, '')}\n"
            for what in STREAMS
        )
    )
    heard = {}
    for fault in faults:
        _, key = await client.ask("POST /fapi/v1/listenKey")
        url = f"{client.paper.url.replace('http', 'ws', 1)}/private/ws?listenKey={key['listenKey']}"
        async with client.session.ws_connect(url) as socket:
            client.paper.faults.add(fault)
            order = place(client.paper, "BUY", "LONG", 1, 98)
            await client.ask("DELETE /fapi/v1/order", orderId=str(order.id))
            said = []
            try:
                async with asyncio.timeout(0.1):
                    while True:
                        event = json.loads(await socket.receive_str())
                        said.append(event["o"]["x"] if "o" in event else event["e"])
            except TimeoutError:
                heard[fault.what] = said
    assert heard == STREAMS


async def test_a_file_s_clock_jumps_and_runs_off(
    client: Client, from_file: Callable[[str], list[Fault]]
) -> None:
    skew, drift = from_file(
        f"[[fault]]\nwhat = 'skew'\nms = -5000\nendpoint = '{PRICE}'\n"
        f"[[fault]]\nwhat = 'drift'\nppm = 100\nendpoint = '{PRICE}'"
    )
    client.paper.faults.add(skew)
    client.paper.faults.add(drift)
    await client.ask(PRICE)
    _, told = await client.ask("GET /fapi/v1/time")
    assert told["serverTime"] - client.paper.clock.wall_ms() == pytest.approx(-5000, abs=50)
    assert client.paper.clock.drift_ppm == 100


def test_the_menu_has_every_kind_and_says_what_it_does(
    from_file: Callable[[str], list[Fault]],
) -> None:
    assert list(MENU) == list(MEANINGS)
    kinds = set(Fault.model_fields["what"].annotation.__args__)  # type: ignore[union-attr]
    assert {fault.what for fault in MENU.values()} == kinds
    assert {fault.code for fault in MENU.values()} == {None, *CODES}
    assert {fault.status for fault in MENU.values()} >= set(STATUSES)
    faults = from_file(f"[random]\nrate = 0.1\nkinds = {json.dumps(list(MENU))}")
    assert [f.model_copy(update={"rate": None}) for f in faults] == list(MENU.values())


async def test_a_file_says_when(client: Client, from_file: Callable[[str], list[Fault]]) -> None:
    later = START + 2 * 900_000

    async def codes(count: int) -> list[int]:
        got = [(await client.ask(PRICE))[1] for _ in range(count)]
        return [answer.get("code", 0) for answer in got]

    text = "[[fault]]\nwhat = 'code'\ncode = -1000\n"
    (third,) = from_file(text + "number = 3\ntimes = 2\nendpoint = 'GET'")
    client.paper.faults.add(third)
    assert await codes(5) == [0, 0, -1000, -1000, 0]
    (delayed,) = from_file(text + "after_seconds = 0.1")
    client.paper.faults.add(delayed)
    assert await codes(1) == [0]
    await asyncio.sleep(0.1)
    assert await codes(2) == [-1000, 0]
    (while_,) = from_file(text + "for_seconds = 0.1")
    client.paper.faults.add(while_)
    assert await codes(3) == [-1000] * 3
    await asyncio.sleep(0.1)
    assert await codes(1) == [0]
    assert client.paper.faults.armed() == []
    (then,) = from_file(text + "at = 2024-01-01T00:30:00Z\nfor_seconds = 0.1")
    client.paper.faults.add(then)
    await asyncio.sleep(0.11)
    assert await codes(1) == [0]
    client.paper.advance_to(later)
    assert await codes(2) == [-1000] * 2
    await asyncio.sleep(0.11)
    assert await codes(1) == [0]
    (endless,) = from_file(text + "for_seconds = inf")
    client.paper.faults.add(endless)
    assert await codes(4) == [-1000] * 4
    client.paper.faults.remove(endless)
    assert await codes(1) == [0]


async def test_the_ledger_tells_which_fault_struck_what(client: Client) -> None:
    client.paper.misbehave(what="code", code=-1008, endpoint=ORDER)
    await client.order("mine")
    assert client.paper.ledger.of("fault") == [
        {"target": ORDER, "what": "code", "code": -1008, "endpoint": ORDER}
    ]


def test_chance_in_a_file_is_seeded(tmp_path: Path) -> None:
    def struck(seed: int) -> list[str]:
        path = tmp_path / "faults.toml"
        path.write_text(f"[random]\nseed = {seed}\nrate = 0.1\nkinds = ['drop', 'http 503']")
        faults = load_faults(path)
        return [fault.what for _ in range(500) for fault in faults.of_request(ORDER, "", 0)]

    assert struck(1) == struck(1) != struck(2)
    assert 60 < len(struck(1)) < 140
    assert {*struck(1)} == {"drop", "http"}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[[fault]]\nwhat = 'drop'\n[[fault]]\nwhat = 'explode'", r"2, what: should be 'latency',"),
        ("[[fault]]\nwhat = 'drop'\nwhen = 3", r"\[\[fault\]\] 1, when: is not known: use what,"),
        ("[[fault]]\ncode = 3", r"\[\[fault\]\] 1, what: is missing"),
        ("[[fault]]\nwhat = 'code'\ncode = 5", "code must be one of -1000"),
        ("[[fault]]\nwhat = 'http'", "an http fault needs a status"),
        ("[[fault]]\nwhat = 'drop'\nshare = 0.5", "drop takes no share, only client_id, endpoint"),
        ("[[fault]]\nwhat = 'partial'\nendpoint = 'GET'", "partial takes no endpoint"),
        ("[[fault]]\nwhat = 'drop'\nnumber = 0", "number: should be greater than or equal to 1"),
        ("[[fault]]\nwhat = 'drop'\nat = 'soon'", "at: 'soon' is not a time"),
        ("[[fault]]\nwhat = 'drop'\nside = 'long'", "side: should be 'BUY' or 'SELL', not 'long'"),
        ("[random]\nrate = 2\nkinds = ['drop']", r"\[random\], rate: should be less than or equal"),
        ("[random]\nrate = 0.1\nkinds = ['no']", r"\[random\], kinds: 'no' is not known: use lat"),
        ("[random]\nrate = 0.1", "rate and kinds belong together"),
        ("fault = 3", r"\[\[fault\]\]: write it as a table"),
        ("faults = []", r"faults: is not known: write \[\[fault\]\] tables and \[random\]"),
        ("[[fault", "is not TOML"),
    ],
)
def test_a_bad_file_is_refused_in_one_line(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "faults.toml"
    path.write_text(text)
    with pytest.raises(DataError, match=rf"faults\.toml: .*{complaint}") as error:
        load_faults(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("fault", "complaint"),
    [
        ("what = 'drop'\nendpoint = 'POST /fapi/v1/ordr'", "did you mean 'POST /fapi/v1/order'?"),
        ("what = 'drop'\nendpoint = 'post /fapi/v1/order'", "did you mean 'POST /fapi/v1/order'?"),
        ("what = 'http'\nstatus = 503\nendpoint = '/fapi/v1/kline'", "mean '/fapi/v1/klines'?"),
        ("what = 'drop'\nendpoint = 'anything'", "a path or both, as POST /fapi/v1/order"),
        ("what = 'drop'\nendpoint = 'kline'", "nothing that drop can strike"),
        ("what = 'stale'\nendpoint = 'POST'", "'POST' is nothing that stale can strike"),
        ("what = 'stream_drop'\nendpoint = 'klines'", "did you mean 'kline'?"),
        ("what = 'stream_drop'\nendpoint = 'order_trade_update'", "'ORDER_TRADE_UPDATE'?"),
        ("what = 'stream_drop'\nendpoint = 'GET'", "use ORDER_TRADE_UPDATE, ALGO_UPDATE"),
    ],
)
def test_an_endpoint_at_which_a_fault_would_never_strike_is_refused_with_the_nearest(
    tmp_path: Path, fault: str, complaint: str
) -> None:
    path = tmp_path / "faults.toml"
    path.write_text(f"[[fault]]\nwhat = 'latency'\n[[fault]]\n{fault}\n")
    with pytest.raises(DataError) as caught:
        load_faults(path)
    assert str(caught.value).startswith(f"{path}: [[fault]] 2, endpoint: ")
    assert complaint in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.toml: cannot be read \(No such file"):
        load_faults(tmp_path / "none.toml")
