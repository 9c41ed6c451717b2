"""The dry run's account survives, or says in one line why it cannot. Costs 5 s."""

import asyncio
import errno
import time
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from exchange.dryrun import DryRunBroker
from exchange.dryrun.keeper import Keeper, read_record
from exchange.errors import DataError
from exchange.outcomes import Action, UnknownOutcome, Unreachable
from exchange.paper.book import Order, Status
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
    first = await lived_in(market, path)
    before = await state(first)
    await first.close()
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
    await first.close()
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
    async with dry(market, keep=path) as broker:
        await broker.place(order("entry", 49_950))
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
                await broker.close()
                broker = dry(own, keep=path)
        await broker.place(order("near take-profit", 50_050, "0.02"))
        own.now += 2 * MINUTE
        if path:
            await broker.close()
            broker = dry(own, keep=path)
        return await state(broker)

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
    assert [(each.time_ms, each.held) for each in record.now.unsettled] == [
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
    await broker.close()
    broker = dry(market, keep=path)
    await broker.set_leverage(9)
    record = read_record(path, "BTCUSDT")
    assert record.trades == record.income == ()
    assert {kept.client_id for kept in record.orders} == {
        str(order("entry", 1, number=2).client_id)
    }
    await broker.close()
    again = dry(market, keep=path)
    assert (await again.positions()).long == held
    await again.place(order("exit", qty="0.001", number=9))
    assert [fill.trade_id for fill in await again.trades_since(None)] == [4]


def without(text: str, kind: str) -> str:
    return "".join(line for line in text.splitlines(True) if not line.startswith(kind))


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: "",
        lambda text: text[: text.index('{"now"') + 20],
        lambda text: text.replace('"version":2', '"version":3'),
        lambda text: text.replace('"filled":"0"', '"filled":"NaN"', 1),
        lambda text: text.replace('{"order":', '{"foreign":', 1),
        lambda text: text.replace('"kind":"LIMIT"', '"kind":"LIMIT","more":1', 1),
        lambda text: without(text, '{"order":'),
        lambda text: without(text, '{"stop":'),
        lambda text: "\x00" + text[1:],
        lambda text: text.replace("\n", "[" * 100_000 + "\n", 1),
    ],
)
async def test_a_damaged_record_is_one_clear_line_and_is_left_alone(
    tmp_path: Path, damage: Any
) -> None:
    path = tmp_path / "dryrun.json"
    market = MemoryMarket([FLAT, SWING, SWING, FLAT, FLAT], START + MINUTE)
    await (await lived_in(market, path)).close()
    broken = damage(path.read_text())
    path.write_text(broken)
    with pytest.raises(DataError, match=r"dryrun\.json.*damaged.*move it away") as caught:
        await dry(market, keep=path).balance()
    assert "\n" not in str(caught.value)
    assert path.read_text() == broken


async def test_another_symbol_s_record_is_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "dryrun.json"
    market = MemoryMarket([FLAT, SWING, SWING, FLAT, FLAT], START + MINUTE)
    await (await lived_in(market, path)).close()
    path.write_text(path.read_text().replace("BTCUSDT", "ETHUSDT"))
    with pytest.raises(DataError, match="ETHUSDT, not BTCUSDT"):
        await dry(market, keep=path).balance()


async def test_a_crash_while_writing_leaves_the_record_of_before(tmp_path: Path) -> None:
    path = tmp_path / "dryrun.json"
    market = MemoryMarket([FLAT, SWING, SWING, FLAT, FLAT], START + MINUTE)
    first = await lived_in(market, path)
    before = await state(first)
    await first.close()
    path.with_name("dryrun.json.new").write_text('{"version":1,"sym')
    again = dry(market, keep=path)
    await again.find(order("stop", "49_920.1").client_id)
    assert await state(again) == before


async def test_a_crash_at_any_byte_of_a_change_leaves_the_account_of_before(tmp_path: Path) -> None:
    path = tmp_path / "dryrun.json"
    market = MemoryMarket([FLAT, SWING, SWING, FLAT, FLAT], START + MINUTE)
    broker = await lived_in(market, path)
    before = path.read_bytes()
    orders = read_record(path, "BTCUSDT")
    await broker.place(order("exit", qty="0.003", number=8))
    after = path.read_bytes()
    assert after.startswith(before)
    for end in range(len(before), len(after)):
        path.write_bytes(after[:end])
        assert read_record(path, "BTCUSDT") == orders
    path.write_bytes(after)
    assert read_record(path, "BTCUSDT") != orders


async def test_a_change_adds_to_the_file_no_more_than_the_change(tmp_path: Path) -> None:
    path = tmp_path / "dryrun.json"
    market = MemoryMarket([FLAT, SWING, SWING, FLAT, FLAT], START + MINUTE)
    broker = dry(market, keep=path)
    sizes = []
    for number in range(60):
        await broker.place(order("entry", 48_000 - number, number=number))
        sizes.append(path.stat().st_size)
    steps = [after - before for before, after in pairwise(sizes)]
    assert max(steps) < 2 * min(steps) < 2500
    await broker.close()
    assert len(await dry(market, keep=path).open_orders()) == 60


async def test_a_file_of_many_changes_is_replaced_by_one_of_what_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exchange.dryrun.keeper.LEAST_APPENDED", 20_000)
    path = tmp_path / "dryrun.json"
    market = MemoryMarket([FLAT] * 5, START + MINUTE)
    broker = dry(market, keep=path)
    sizes = []
    for _ in range(60):
        await broker.set_leverage(5)
        await broker.set_leverage(6)
        sizes.append(path.stat().st_size)
    assert 20_000 < max(sizes) < 22_000
    assert min(sizes[30:]) < 3_000
    await broker.close()
    assert await dry(market, keep=path).leverage() == 6


async def test_a_file_that_was_moved_away_is_written_anew(tmp_path: Path) -> None:
    path = tmp_path / "dryrun.json"
    market = MemoryMarket([FLAT, SWING, SWING, FLAT, FLAT], START + MINUTE)
    broker = await lived_in(market, path)
    path.rename(tmp_path / "elsewhere.json")
    await broker.set_leverage(3)
    before = await state(broker)
    await broker.close()
    again = dry(market, keep=path)
    await again.find(order("stop", "49_920.1").client_id)
    assert await state(again) == before


async def test_after_a_change_was_written_in_part_nothing_is_put_behind_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "dryrun.json"
    market = MemoryMarket([FLAT, SWING, SWING, FLAT, FLAT], START + MINUTE)
    broker = await lived_in(market, path)

    def full(self: Keeper, data: bytes) -> None:
        with self.path.open("ab") as file:
            file.write(data[:50])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Keeper, "_append", full)
        with pytest.raises(UnknownOutcome, match="No space left"):
            await broker.set_leverage(3)
    await broker.set_leverage(4)
    before = await state(broker)
    await broker.close()
    again = dry(market, keep=path)
    await again.find(order("stop", "49_920.1").client_id)
    assert await state(again) == before


async def test_with_ten_thousand_trades_the_loop_is_not_kept_from_its_work(tmp_path: Path) -> None:
    path = tmp_path / "dryrun.json"
    market = MemoryMarket([FLAT, SWING, SWING, FLAT, FLAT], START + MINUTE)
    broker = dry(market, keep=path, wallet=10**9)
    async with broker._follower.present() as venue:
        for number in range(10_000):
            side = "BUY" if number % 2 == 0 else "SELL"
            told = Order(
                venue.next_id(), f"x{number}", "BTCUSDT", side, "LONG", "MARKET", "GTC",
                Decimal(0), Decimal("0.01"), START, status=Status.FILLED, filled=Decimal("0.01"),
                updated_ms=START,
            )  # fmt: skip
            venue.book.add(told)
            venue.account.fill(told, told.filled, Decimal(50_000), Decimal("0.1"), False, START)
        account, book, now = venue.account, venue.book, broker._follower._walk.now()
    keeper = broker._follower._keeper
    keeper.save(account, book, now)
    assert path.stat().st_size > 3_000_000
    took = []
    for _ in range(30):
        begun = time.perf_counter()
        assert keeper.save(account, book, now)
        took.append(time.perf_counter() - begun)
    assert sorted(took)[10] < 0.003
    assert len(read_record(path, "BTCUSDT").trades) == 10_000


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
    await broker.close()
    assert len(await dry(market, keep=path).open_orders()) == 20


async def test_a_second_broker_on_an_account_is_refused_until_the_first_is_closed(
    tmp_path: Path,
) -> None:
    path = tmp_path / "dryrun.json"
    market = MemoryMarket([FLAT] * 5, START + MINUTE)
    first, second = dry(market, keep=path), dry(market, keep=path)
    await first.place(order("entry", 49_000))
    for _ in range(2):
        with pytest.raises(DataError, match=r"dryrun\.json: another dry run uses this account"):
            await second.balance()
    await first.close()
    assert len(await second.open_orders()) == 1


async def test_an_account_in_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    path = tmp_path / "file" / "dryrun.json"
    market = MemoryMarket([FLAT] * 5, START + MINUTE)
    with pytest.raises(DataError, match=r"cannot be kept \(.*\): choose another folder"):
        await dry(market, keep=path).balance()
