"""The dry run's account survives, or says in one line why it cannot. Costs 2 s."""

import asyncio
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from exchange.dryrun import DryRunBroker
from exchange.dryrun.record import read_record
from exchange.errors import DataError
from exchange.outcomes import Action, UnknownOutcome, Unreachable
from tests.dryrun.market import HOUR, MINUTE, START, MemoryMarket
from tests.dryrun.test_walk import FLAT, SWING, dry, order


async def state(broker: DryRunBroker) -> list[Any]:
    return [
        await broker.balance(),
        await broker.positions(),
        await broker.open_orders(),
        await broker.trades_since(None),
        await broker.funding_paid(0),
        await broker.leverage(),
    ]


async def lived_in(market: MemoryMarket, path: Path) -> DryRunBroker:
    """An account with a fill, a fired stop, a position, an order and a stop that rest."""
    broker = dry(market, keep=path, leverage=7)
    await broker.place(order("entry", 49_950))
    await broker.place(order("entry", "49_920.1", "0.003", number=1))
    await broker.place(order("entry", 48_000, number=2))
    await broker.place(order("entry", 48_100, number=3))
    await broker.cancel(order("entry", 48_100, number=3).client_id)
    market.now += MINUTE
    await broker.place(order("stop", "49_920.1", "0.01"))
    market.now += MINUTE
    await broker.place(order("stop", 48_500, "0.003", number=1))
    return broker


async def test_all_of_it_is_as_it_was_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "live_state" / "dryrun.json"
    market = MemoryMarket([FLAT, SWING, SWING, FLAT, FLAT], START + MINUTE)
    before = await state(await lived_in(market, path))
    again = dry(market, keep=path, wallet=1, leverage=1)
    fired = order("stop", "49_920.1").client_id
    assert (await again.find(fired)).state == "filled"
    assert await state(again) == before
    assert before[0].wallet < 10_000
    assert len(before[2]) == 2
    assert [fill.ours.role for fill in before[3]] == ["entry", "entry", "stop"]
    cancelled = await again.find(order("entry", 48_100, number=3).client_id)
    assert cancelled.state == "cancelled"


async def test_ids_go_on_where_they_were(tmp_path: Path) -> None:
    path = tmp_path / "dryrun.json"
    market = MemoryMarket([FLAT, SWING, SWING, FLAT, FLAT], START + MINUTE)
    first = await lived_in(market, path)
    known = await first.trades_since(None)
    again = dry(market, keep=path)
    placed = await again.place(order("exit", qty="0.002", number=9))
    assert int(placed.order_id) > max(int(fill.order_id) for fill in known)
    (sold,) = await again.trades_since(known[-1].trade_id)
    assert sold.trade_id == known[-1].trade_id + 1


async def test_what_would_have_filled_meanwhile_is_booked_at_its_price_and_time(
    tmp_path: Path,
) -> None:
    path = tmp_path / "dryrun.json"
    market = MemoryMarket([FLAT] * 58 + [SWING] + [FLAT] * 200, START + 30 * MINUTE)
    await dry(market, keep=path).place(order("entry", 49_950))
    market.now = START + 200 * MINUTE
    again = dry(market, keep=path)
    (fill,) = await again.trades_since(None)
    assert fill.price == 49_950
    assert fill.time_ms // MINUTE == START // MINUTE + 58


async def test_a_restart_in_every_minute_changes_nothing(tmp_path: Path) -> None:
    def market() -> MemoryMarket:
        return MemoryMarket([FLAT, SWING, SWING, SWING, FLAT, SWING], START + MINUTE)

    async def life(path: Path | None) -> list[Any]:
        own = market()
        broker = dry(own, keep=path)
        for number, price in enumerate((49_950, 49_930, 49_910)):
            await broker.place(order("entry", price, number=number))
            own.now += MINUTE
            if path:
                broker = dry(own, keep=path)
        await broker.place(order("near take-profit", 50_050, "0.02"))
        own.now += 2 * MINUTE
        return await state(dry(own, keep=path) if path else broker)

    once, kept = await life(None), await life(tmp_path / "dryrun.json")
    assert once == kept
    assert len(once[3]) == 4


async def test_a_rate_that_is_awaited_is_remembered(tmp_path: Path) -> None:
    path = tmp_path / "dryrun.json"
    market = MemoryMarket([FLAT] * 58 + [SWING] + [FLAT] * 12, START + 57 * MINUTE)
    broker = dry(market, keep=path)
    await broker.place(order("entry", 49_950))
    market.now = START + 62 * MINUTE
    await broker.balance()
    record = read_record(path, "BTCUSDT")
    assert [(each.time_ms, each.held) for each in record.unsettled] == [
        (START + HOUR, {"LONG": Decimal("0.01")})
    ]


async def test_old_orders_and_trades_are_not_kept_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "dryrun.json"
    market = MemoryMarket([FLAT, SWING, SWING, FLAT, FLAT], START + MINUTE)
    broker = await lived_in(market, path)
    late = START + 91 * 86_400_000
    market.candles = market.candles.iloc[[0, 1, 2, 3, 4, 4]].reset_index(drop=True)
    market.candles.loc[5, "timestamp"] = late
    market.now = late + MINUTE
    held = (await broker.positions()).long
    record = read_record(path, "BTCUSDT")
    assert record.trades == record.income == []
    assert {kept.client_id for kept in record.orders} == {
        str(order("entry", 1, number=2).client_id)
    }
    again = dry(market, keep=path)
    assert (await again.positions()).long == held
    await again.place(order("exit", qty="0.001", number=9))
    assert [fill.trade_id for fill in await again.trades_since(None)] == [4]


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: "",
        lambda text: text[: len(text) // 2],
        lambda text: text.replace('"version":1', '"version":2'),
        lambda text: text.replace('"filled":"0"', '"filled":"NaN"', 1),
        lambda text: text.replace('"orders":[', '"orders":[],"foreign":['),
        lambda text: json.dumps(json.loads(text) | {"orders": []}),
        lambda text: json.dumps(json.loads(text) | {"stops": []}),
        lambda text: "\x00" + text[1:],
    ],
)
async def test_a_damaged_record_is_one_clear_line_and_is_left_alone(
    tmp_path: Path, damage: Any
) -> None:
    path = tmp_path / "dryrun.json"
    market = MemoryMarket([FLAT, SWING, SWING, FLAT, FLAT], START + MINUTE)
    await lived_in(market, path)
    broken = damage(path.read_text())
    path.write_text(broken)
    with pytest.raises(DataError, match=r"dryrun\.json.*damaged.*move it away") as caught:
        await dry(market, keep=path).balance()
    assert "\n" not in str(caught.value)
    assert path.read_text() == broken


async def test_another_symbol_s_record_is_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "dryrun.json"
    market = MemoryMarket([FLAT, SWING, SWING, FLAT, FLAT], START + MINUTE)
    await lived_in(market, path)
    path.write_text(path.read_text().replace("BTCUSDT", "ETHUSDT"))
    with pytest.raises(DataError, match="ETHUSDT, not BTCUSDT"):
        await dry(market, keep=path).balance()


async def test_a_crash_while_writing_leaves_the_record_of_before(tmp_path: Path) -> None:
    path = tmp_path / "dryrun.json"
    market = MemoryMarket([FLAT, SWING, SWING, FLAT, FLAT], START + MINUTE)
    before = await state(await lived_in(market, path))
    path.with_name("dryrun.json.new").write_text('{"version":1,"sym')
    again = dry(market, keep=path)
    await again.find(order("stop", "49_920.1").client_id)
    assert await state(again) == before


async def test_a_record_that_cannot_be_written_is_an_unknown_outcome(tmp_path: Path) -> None:
    market = MemoryMarket([FLAT] * 5, START + MINUTE)
    broker = dry(market, keep=tmp_path / "dryrun.json")
    await broker.balance()
    (tmp_path / "dryrun.json.new").mkdir()
    with pytest.raises(UnknownOutcome, match="cannot be written") as caught:
        await broker.place(order("entry", 49_000))
    assert caught.value.action is Action.HALT
    market.now += MINUTE
    with pytest.raises(Unreachable, match="cannot be written"):
        await broker.balance()


async def test_orders_placed_at_once_are_all_kept(tmp_path: Path) -> None:
    path = tmp_path / "dryrun.json"
    market = MemoryMarket([FLAT] * 5, START + MINUTE)
    broker = dry(market, keep=path)
    await asyncio.gather(*(broker.place(order("entry", 49_000 - n, number=n)) for n in range(20)))
    assert len(await dry(market, keep=path).open_orders()) == 20
