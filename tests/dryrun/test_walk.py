"""The dry run's account lives through the closed candles, none left out. Costs 5 s."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Literal

import pytest

from exchange.binance import BinanceBroker
from exchange.binance.client import Keys, Venue
from exchange.broker import Broker, Fill, FundingRate, Hint, ListedMarket, NewOrder
from exchange.client_ids import ClientId, Role, Side
from exchange.dryrun import DryRunBroker
from exchange.errors import DataError
from exchange.market import market_for
from exchange.outcomes import Failure, Refused, Unreachable
from exchange.paper.listing import Listing, load_listing
from exchange.paper.server import PAPER_KEYS, PaperExchange
from tests.dryrun.market import HOUR, MINUTE, START, Candle, MemoryMarket, cut

FLAT: Candle = (50_000.0, 50_000.0, 50_000.0, 50_000.0)
SWING: Candle = (50_000.0, 50_100.0, 49_900.0, 50_000.0)
BTC = market_for("BTC")


def order(
    role: Role, price: object = None, qty: str = "0.01", side: Side = "long", number: int = 0
) -> NewOrder:
    exact = None if price is None else Decimal(str(price))
    return NewOrder(
        BTC, ClientId("dry", 1, side, role, number), Decimal(qty), exact, role == "entry"
    )


def dry(market: MemoryMarket, **settings: object) -> DryRunBroker:
    return DryRunBroker(market, **({"leverage": 10, "fresh_s": 0.0} | settings))


def told(fills: list[Fill]) -> list[tuple[object, ...]]:
    return [(str(f.ours), f.order_side, f.price, f.qty, f.fee, f.maker) for f in fills]


async def test_an_order_fills_at_its_price_in_the_minute_whose_path_meets_it() -> None:
    market = MemoryMarket([FLAT, FLAT, FLAT, SWING, FLAT], START + MINUTE)
    broker = dry(market)
    await broker.place(order("entry", 49_950))
    for minute in (2, 3):
        market.now = START + minute * MINUTE
        assert await broker.trades_since(None) == []
    market.now = START + 4 * MINUTE - 1
    assert await broker.trades_since(None) == []
    market.now += 1
    (fill,) = await broker.trades_since(None)
    assert (fill.price, fill.maker) == (49_950, True)
    assert START + 3 * MINUTE <= fill.time_ms < START + 3 * MINUTE + 20_000


async def test_nothing_is_missed_in_an_outage_however_long() -> None:
    market = MemoryMarket([FLAT] * 1500 + [SWING] + [FLAT] * 1500, START + MINUTE)
    broker = dry(market)
    await broker.place(order("entry", 49_950))
    await broker.place(order("entry", 49_920, number=1))
    with cut(market):
        market.now = START + 2900 * MINUTE
        for read in (broker.positions, broker.balance, broker.open_orders):
            with pytest.raises(Unreachable, match="the line is cut"):
                await read()
        with pytest.raises(Failure):
            await broker.place(order("exit"))
    fills = await broker.trades_since(None)
    assert [fill.price for fill in fills] == [49_950, 49_920]
    assert {fill.time_ms // MINUTE for fill in fills} == {START // MINUTE + 1500}


async def test_while_an_outage_is_walked_others_get_their_turn() -> None:
    market = MemoryMarket([FLAT] * 6000, START + MINUTE)
    broker = dry(market)
    await broker.place(order("entry", 49_950))
    market.now = START + 5900 * MINUTE
    turns = 0
    reading = asyncio.create_task(broker.balance())
    while not reading.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > 5900 / 250


async def test_however_many_candles_are_walked_at_a_time_the_account_is_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lived = []
    for at_a_time in (1, 7, 60, 10**6):
        monkeypatch.setattr("exchange.dryrun.follower._AT_A_TIME", at_a_time)
        market = MemoryMarket([FLAT] * 30 + [SWING] + [FLAT] * 200, START + 20 * MINUTE)
        market.candles = market.candles.drop(index=[60, 119, 120]).reset_index(drop=True)
        market.rates = [FundingRate(START + n * HOUR, Decimal("0.0001") * n) for n in (1, 2, 3)]
        broker = dry(market)
        await broker.place(order("entry", 49_950))
        market.now = START + 230 * MINUTE
        paid = [(p.time_ms, p.amount) for p in await broker.funding_paid(0)]
        lived.append((paid, told(await broker.trades_since(None)), await broker.balance()))
    assert len(lived[0][0]) == 3
    assert lived[1:] == lived[:1] * 3


async def test_a_halt_ends_when_the_market_trades_again() -> None:
    class Halting(MemoryMarket):
        halted = True

        async def market(self) -> ListedMarket:
            return replace(await super().market(), trading=not self.halted)

    market = Halting([FLAT] * 5, START + MINUTE)
    broker = dry(market)
    with pytest.raises(Refused, match="not trading"):
        await broker.place(order("entry", 49_000))
    market.halted = False
    assert (await broker.place(order("entry", 49_000))).state == "open"
    asked = market.asked["market"]
    await broker.place(order("entry", 49_100, number=1))
    assert market.asked["market"] == asked


async def test_hints_end_with_the_error_of_what_feeds_them(tmp_path: Path) -> None:
    class Broken(MemoryMarket):
        async def hints(self, timeframe: str) -> AsyncIterator[Hint]:
            yield Hint("candle", timeframe)
            raise RuntimeError("a defect")

    broker = dry(Broken([FLAT] * 5, START + MINUTE))
    with pytest.raises(Unreachable, match="RuntimeError: a defect"):
        await _listen(broker)
    path = tmp_path / "dryrun.json"
    path.write_text("{}\n")
    with pytest.raises(Unreachable, match="is damaged"):
        await _listen(dry(MemoryMarket([FLAT] * 5, START + MINUTE), keep=path))


async def _listen(broker: DryRunBroker) -> None:
    async with asyncio.timeout(3), aclosing(broker.hints("15m")) as hints:
        async for _ in hints:
            pass


async def test_a_hole_in_the_candles_is_a_gap_that_resting_orders_fill_in() -> None:
    low: Candle = (49_000.0, 49_000.0, 49_000.0, 49_000.0)
    market = MemoryMarket([FLAT, FLAT, FLAT, low, low], START + MINUTE)
    market.candles = market.candles.drop(index=2).reset_index(drop=True)
    broker = dry(market)
    await broker.place(order("entry", 49_950))
    market.now = START + 5 * MINUTE
    (fill,) = await broker.trades_since(None)
    assert fill.price == 49_950
    assert (await broker.positions()).long.qty == fill.qty


async def test_the_account_is_valued_at_the_mark_price_of_now() -> None:
    market = MemoryMarket([FLAT, SWING, FLAT], START + MINUTE)
    broker = dry(market)
    await broker.place(order("entry", 49_950))
    market.now, market.mark = START + 2 * MINUTE + 30_000, 50_400
    long = (await broker.positions()).long
    assert (long.mark_price, long.unrealised) == (50_400, Decimal("4.5"))
    await broker.place(order("exit"))
    _, sold = await broker.trades_since(None)
    assert (sold.price, sold.time_ms) == (Decimal(50_400) * Decimal("0.9995"), market.now)


async def test_funding_settles_on_the_full_hour_a_few_ms_late_as_binance_writes_it() -> None:
    market = MemoryMarket([FLAT] * 58 + [SWING] + [FLAT] * 5, START + 57 * MINUTE)
    broker = dry(market)
    await broker.place(order("entry", 49_950))
    market.rates = [FundingRate(START + HOUR + 3, Decimal("0.0002"))]
    market.now = START + 62 * MINUTE
    (payment,) = await broker.funding_paid(0)
    assert payment.amount == -Decimal("0.01") * 50_000 * Decimal("0.0002")


async def test_a_rate_that_becomes_known_late_is_paid_on_what_was_held_then() -> None:
    market = MemoryMarket([FLAT] * 58 + [SWING] + [FLAT] * 12, START + 57 * MINUTE)
    broker = dry(market)
    await broker.place(order("entry", 49_950))
    market.now = START + 62 * MINUTE
    await broker.place(order("exit"))
    assert await broker.funding_paid(0) == []
    market.rates = [FundingRate(START + HOUR, Decimal("-0.0002"))]
    market.now += MINUTE
    (payment,) = await broker.funding_paid(0)
    assert payment.amount == Decimal("0.01") * 50_000 * Decimal("0.0002")
    assert payment.time_ms == START + HOUR
    market.now += 2 * MINUTE
    assert await broker.funding_paid(0) == [payment]


async def test_a_loss_beyond_the_margin_is_a_liquidation() -> None:
    crash: Candle = (50_000.0, 50_000.0, 40_000.0, 40_000.0)
    market = MemoryMarket([FLAT, SWING, crash, crash, crash], START + MINUTE)
    broker = dry(market, wallet=100)
    await broker.place(order("entry", 49_950))
    market.now = START + 4 * MINUTE
    positions = await broker.positions()
    assert positions.long.qty == 0
    _, closed = await broker.trades_since(None)
    assert closed.ours is None
    assert 40_000 < closed.price < 45_000
    assert (await broker.balance()).wallet >= 0


async def test_questions_at_once_share_one_look_at_the_market() -> None:
    market = MemoryMarket([FLAT] * 5, START + MINUTE)
    broker = dry(market, fresh_s=60.0)
    await asyncio.gather(*(broker.balance() for _ in range(20)), broker.positions())
    assert (market.asked["time"], market.asked["mark"]) == (1, 1)


async def test_a_market_without_any_candle_is_unreachable() -> None:
    market = MemoryMarket([FLAT], START)
    with pytest.raises(Unreachable, match="no closed 1m candle"):
        await dry(market).balance()


async def test_hints_are_the_market_s_and_fills_of_its_own() -> None:
    market = MemoryMarket([FLAT, SWING, FLAT], START + MINUTE)
    broker = dry(market)
    assert broker.stream_ages() == {"candles": 0.5}
    heard = set()
    await broker.place(order("entry", 49_950))
    async with aclosing(broker.hints("15m")) as hints:
        async for hint in hints:
            heard.add(hint.news)
            market.now = START + 2 * MINUTE
            await broker.balance()
            if heard == {"candle", "fill"}:
                break
    await broker.close()
    assert market.closed


async def test_the_lists_of_the_exchange_bound_the_orders() -> None:
    market = MemoryMarket([FLAT] * 3, START + MINUTE)
    broker = dry(market, wallet=10_000_000)
    with pytest.raises(Refused, match="LOT_SIZE"):
        await broker.place(order("entry", 49_000, qty="1001"))
    assert (await broker.place(order("entry", 49_000, qty="300"))).state == "open"


@pytest.mark.parametrize("small_closes", [True, False])
async def test_a_small_close_passes_unless_the_account_is_told_otherwise(
    small_closes: bool,
) -> None:
    market = MemoryMarket([FLAT, SWING, FLAT], START + MINUTE)
    broker = dry(market, small_closes=small_closes)
    await broker.place(order("entry", 49_950))
    market.now += MINUTE
    small = order("exit", qty="0.0010")
    if small_closes:
        await broker.place(small)
        assert (await broker.positions()).long.qty == Decimal("0.009")
    else:
        market.mark = 49_000
        with pytest.raises(Refused) as caught:
            await broker.place(small)
        assert caught.value.code == -4164


@pytest.mark.parametrize(
    "wrong",
    [{"wallet": 0}, {"wallet": Decimal("NaN")}, {"leverage": 126}, {"taker": Decimal(-1)}],
    ids=str,
)
def test_terms_that_cannot_be_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(DataError):
        dry(MemoryMarket([FLAT], START), **wrong)


_LISTING = load_listing("BTC", "1m", "2024-01-01", "2024-01-02")


_WHAT: tuple[Role | Literal["cancel"], ...] = (
    "entry",
    "entry",
    "entry",
    "near take-profit",
    "stop",
    "exit",
    "cancel",
)


@pytest.mark.parametrize("seed", range(4))
async def test_it_trades_exactly_as_the_exchange_on_paper_does(seed: int) -> None:
    dice = random.Random(seed)
    async with PaperExchange(
        [Listing(_LISTING.market, _LISTING.tape)], "2024-01-01T07:30", small_closes=True
    ) as paper:
        paper.open_bar()
        venue = Venue(base_url=paper.url)
        keys = Keys(PAPER_KEYS.key, PAPER_KEYS.secret)
        async with (
            BinanceBroker("BTC", keys, venue) as real,
            DryRunBroker(BinanceBroker("BTC", None, venue), leverage=10, fresh_s=0.0) as run,
        ):
            await real.set_leverage(10)
            both: tuple[Broker, Broker] = (real, run)
            sent: list[ClientId] = []
            for number in range(60):
                for _ in range(dice.randrange(4)):
                    paper.walk_bar()
                    paper.open_bar()
                role, side = dice.choice(_WHAT), dice.choice(("long", "short"))
                outcomes: list[str] = []
                if role == "cancel":
                    outcomes = [await _outcome(b.cancel(sent[-1])) for b in both if sent]
                else:
                    mark = await real.mark_price()
                    away = 1 + Decimal(dice.randrange(-8, 9)) / 5000
                    price = (mark * away).quantize(BTC.tick)
                    new = order(role, None if role == "exit" else price, "0.004", side, number)
                    sent.append(new.client_id)
                    if not _is_crossing_limit(new, mark):
                        outcomes = [await _outcome(b.place(new)) for b in both]
                assert len(set(outcomes)) <= 1
            for _ in range(20):
                paper.walk_bar()
                paper.open_bar()
            for client_id in sent:
                assert [await _state(b, client_id) for b in both[:1]] == [
                    await _state(b, client_id) for b in both[1:]
                ]
            fills = [told(await b.trades_since(None)) for b in both]
            assert len(fills[0]) > 10
            assert fills[0] == fills[1]
            paid = [[(p.time_ms, p.amount) for p in await b.funding_paid(0)] for b in both]
            assert paid[0] == paid[1]
            assert await real.balance() == await run.balance()


def _is_crossing_limit(new: NewOrder, mark: Decimal) -> bool:
    """One that is not post-only trades at the open behind what the gap fills: the dry run, which
    learns of the gap a minute later, trades it first."""
    if new.kind != "limit" or new.post_only or new.price is None:
        return False
    return new.price >= mark if new.order_side == "buy" else new.price <= mark


async def _outcome(asked: object) -> str:
    try:
        placed = await asked  # type: ignore[misc]
    except Refused as refusal:
        return str(refusal.code)
    return f"{placed.state} {placed.price}"


async def _state(broker: Broker, client_id: ClientId) -> object:
    found = await broker.find(client_id)
    return found and (found.state, found.filled, found.kind, found.price)
