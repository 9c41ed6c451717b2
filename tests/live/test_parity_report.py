"""`gridtui parity`: what differs between a run and its backtest is named and costed. Costs 30 s."""

import json
import shutil
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.live.parity import compare
from engine.live.parity_run import load_run
from engine.live.stops import Stops
from exchange.errors import DataError
from exchange.paper.listing import load_listing
from exchange.symbol import Symbol
from tests.live.harness import BAR_MS, LockStep, Scene
from tests.live.replayed import DENSE, command, costs_add_up, lived, nothing

pytestmark = pytest.mark.market_data

BTC = Symbol("BTC")
MAKER, TAKER, SLIPPAGE = 0.0002, 0.0005, 0.0005  # the strategy's own


@pytest.fixture
def scene(market_data: Path) -> Scene:
    """Three and a half days with stops, prunes and take-profits of both sides."""
    return Scene.of(market_data, "BTC", "2023-03-09", 400)


@pytest.fixture
def folder(run_files: Path) -> Path:
    """Where `gridtui live --paper --data-dir` would record the run."""
    return run_files / "live_state" / "paper"


async def test_an_undisturbed_run_is_equal_and_its_files_stay_as_they_are(
    scene: Scene, folder: Path, run_files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with LockStep(scene, folder) as walk:
        await walk.walk(150)
        await walk.restart()
        await walk.walk()
        before = {path: path.read_bytes() for path in folder.iterdir()}
        parity = compare(load_run(folder, BTC))
        assert before == {path: path.read_bytes() for path in folder.iterdir()}
    assert parity.differences == ()
    assert parity.equal == parity.live_trades == parity.backtest_trades == len(walk.trades) > 20
    assert parity.run.began == scene.warmup
    assert parity.live_equity == pytest.approx(parity.backtest_equity, abs=1e-6)
    code, out, err = command(capsys, run_files, "btc", "--strict")
    assert (code, err) == (0, "")
    assert "Equal: 23 fills in 338 bars as in the backtest." in out
    assert all(len(line) <= 80 for line in out.splitlines())


async def test_a_run_whose_files_are_being_written_is_read_up_to_its_last_whole_line(
    scene: Scene, folder: Path
) -> None:
    await lived(scene, folder, nothing)
    for name in ("trades.jsonl", "candles.csv", "equity.csv", "journal.jsonl"):
        with (folder / f"BTCUSDT_{name}").open("ab") as file:
            file.write(b'{"crc":"00')
    torn = {path: path.read_bytes() for path in folder.iterdir()}
    assert compare(load_run(folder, BTC)).differences == ()
    assert torn == {path: path.read_bytes() for path in folder.iterdir()}


async def test_other_fees_are_costed_fill_by_fill(scene: Scene, folder: Path) -> None:
    async def dearer(walk: LockStep) -> None:
        walk.paper.venue.account.maker = Decimal("0.0003")

    parity = await lived(scene, folder, dearer)
    made = [
        trade
        for trade in parity.run.trades
        if 0 < trade.fee == pytest.approx(0.0003 * trade.price * trade.qty)
    ]
    assert set(parity.causes) == {"fee"}
    assert parity.causes["fee"].count == len(made) > 10
    expected = -0.0001 * sum(trade.price * trade.qty for trade in made)
    assert parity.causes["fee"].at_once == pytest.approx(expected, abs=1e-6)
    assert parity.difference == pytest.approx(expected, abs=1e-6)
    assert costs_add_up(parity)


async def test_market_orders_that_slip_more_are_another_price_and_its_fee(
    scene: Scene, folder: Path
) -> None:
    async def slippery(walk: LockStep) -> None:
        walk.paper.venue.slippage = Decimal("0.001")

    parity = await lived(scene, folder, slippery)
    assert set(parity.causes) == {"price"}
    for found in parity.differences:
        assert found.live is not None
        assert found.backtest is not None
        live, tested = found.live, found.backtest
        untouched = tested.price / (1 + live.direction * SLIPPAGE)
        assert live.price == pytest.approx(untouched * (1 + live.direction * 0.001))
        paid = (tested.price - live.price) * live.qty
        assert found.at_once == pytest.approx(paid * live.direction + paid * TAKER)
    assert costs_add_up(parity)


async def test_a_part_of_a_fill_is_another_quantity(scene: Scene, folder: Path) -> None:
    async def partly(walk: LockStep) -> None:
        walk.paper.misbehave(what="partial", share=0.5, number=8)

    parity = await lived(scene, folder, partly)
    (found,) = parity.differences
    assert found.cause == "quantity"
    assert found.live is not None
    assert found.backtest is not None
    assert (found.live.qty, found.backtest.qty) == (0.001, 0.003)
    close = float(parity.run.features.close[found.bar])
    missing, price = 0.002, found.backtest.price
    # two thirds of a short's take-profit were not bought
    assert found.at_once == pytest.approx(-missing * (close - price) + missing * price * MAKER)
    assert costs_add_up(parity)


async def test_an_entry_that_the_exchange_refused_is_missed_once(
    scene: Scene, folder: Path
) -> None:
    async def refused(walk: LockStep) -> None:
        walk.paper.misbehave(
            what="code",
            code=-5022,
            endpoint="POST /fapi/v1/order",
            client_id="gttest01-6b-S-e1-4mo",
        )

    parity = await lived(scene, folder, refused)
    (found,) = parity.differences
    assert (found.cause, found.live) == ("missed", None)
    assert found.backtest is not None
    assert found.backtest.words.startswith("short SELL_OPEN_SHORT")
    close = float(parity.run.features.close[found.bar])
    assert found.at_once == pytest.approx(-found.backtest.worth(close))
    assert parity.equal < parity.backtest_trades - 1  # what it would have closed is not counted
    assert costs_add_up(parity)


async def test_a_fill_that_latency_postponed_bears_all_that_followed(
    market_data: Path, folder: Path, run_files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scene = Scene.of(market_data, "BTC", "2023-03-09", 300, **DENSE)

    async def late(walk: LockStep) -> None:
        # the first orders arrive when the bar is nearly over
        while walk.paper.step() is not None:
            pass
        await walk.look()
        await walk.open_bar()

    parity = await lived(scene, folder, late)
    (found,) = parity.differences
    assert (found.bar, found.cause) == (scene.warmup, "moved")
    assert found.text.endswith(" later")
    assert parity.equal < parity.backtest_trades - 10
    assert costs_add_up(parity)
    code, out, _ = command(capsys, run_files, "BTC", "--json", "--strict")
    document = json.loads(out)
    assert code == 1
    assert document["equal"] is False
    assert document["equity"]["difference"] == pytest.approx(parity.difference)
    assert document["differences"][0]["cost"] == pytest.approx(found.cost)


async def test_bars_that_were_missed_while_the_run_was_down_are_one_cause(
    scene: Scene, folder: Path, run_files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def down(walk: LockStep) -> None:
        await walk.walk(120)
        for _ in range(40):
            while walk.paper.step() is not None:
                pass
            await walk.open_bar()
        await walk.restart()

    parity = await lived(scene, folder, down)
    (silent,) = parity.differences
    assert (silent.cause, silent.bar, silent.bars) == ("silent", scene.warmup + 120, 40)
    # what was settled in those bars is booked where it was, when the run is back
    missed = slice(scene.warmup + 120, scene.warmup + 160)
    assert np.isfinite(parity.run.features.settlement[missed]).any()
    assert costs_add_up(parity)
    code, out, _ = command(capsys, run_files, "BTC")
    assert code == 0
    assert "no order sent: down, or paused" in out


async def test_settlements_that_only_the_backtest_assumes_are_funding(
    market_data: Path, folder: Path
) -> None:
    scene = Scene.of(market_data, "SOL", "2023-03-01", 300)
    parity = await lived(scene, folder, nothing)
    assert set(parity.causes) == {"funding"}
    assert all(parity.run.features.synthetic[found.bar] for found in parity.differences)
    assumed = float(scene.backtest()["state"]["funding"][0])
    assert parity.difference == pytest.approx(-assumed, abs=1e-6)
    assert costs_add_up(parity)


async def test_fills_on_finer_candles_are_replayed_on_finer_candles(
    market_data: Path,
    tmp_path: Path,
    folder: Path,
    run_files: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("15m", "1m_2023-07", "funding"):
        kind = name.partition("_")[0]
        (tmp_path / f"BTCUSDT_{kind}.parquet").symlink_to(market_data / f"BTCUSDT_{name}.parquet")
    # stops so near that the order of fills in a bar counts
    tight = {"grid_spacing_k": 0.1, "spacing_floor": 0.0004, "adaptive_floor_scale": 0.1}
    scene = Scene.of(tmp_path, "BTC", "2023-08-14", 250, atr_sl_mult=0.3, **tight)
    start, end = scene.first_ms, scene.first_ms + 250 * BAR_MS
    fine = load_listing("BTC", "15m", start, end, tmp_path, "1m")
    await lived(replace(scene, listing=fine), folder, nothing)
    coarse = compare(load_run(folder, BTC))
    assert coarse.differences
    assert costs_add_up(coarse)
    flags = ("--detail-timeframe", "1m", "--detail-source", str(tmp_path))
    code, out, _ = command(capsys, run_files, "BTC", "--strict", *flags)
    assert code == 0, out
    assert "bars of 15m, fills on 1m" in out


async def test_positions_closed_by_the_operator_are_a_cause_of_their_own(
    scene: Scene, folder: Path
) -> None:
    async def flatten(walk: LockStep) -> None:
        await walk.walk(150)
        await walk.look()
        await Stops(walk.runner).flatten()
        walk.runner.run.memory.paused.clear()

    parity = await lived(scene, folder, flatten)
    (found,) = parity.differences
    assert (found.cause, found.backtest) == ("outside", None)
    assert "FINAL_CLOSE" in found.text
    assert costs_add_up(parity)


async def test_an_earlier_run_in_the_same_files_is_left_out(scene: Scene, folder: Path) -> None:
    async with LockStep(scene, folder) as walk:
        await walk.walk()
        equity = folder / "BTCUSDT_equity.csv"
        head, *rows = equity.read_text().splitlines(keepends=True)
        time, values = rows[0].split(",", 1)
        earlier = int(time) - 900_000
        equity.write_text(f"{head}{earlier},{values}{''.join(rows)}")
        run = load_run(folder, BTC)
    assert run.began == scene.warmup
    assert compare(run).differences == ()


def test_what_cannot_be_compared_is_said_in_one_line(
    run_files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = command(capsys, run_files, "BTC")
    assert (code, out) == (2, "")
    assert err.startswith("gridtui: no run of BTC/USDT is recorded in")
    for mode in ("paper", "demo"):
        folder = run_files / "live_state" / mode
        folder.mkdir(parents=True)
        (folder / "BTCUSDT_state.json").write_text("{}")
    code, _, err = command(capsys, run_files, "BTC")
    assert (code, err.count("\n")) == (2, 1)
    assert "choose with --mode" in err
    code, _, err = command(capsys, run_files, "BTC", "--mode", "demo")
    assert (code, err.count("\n")) == (2, 1)
    code, _, err = command(capsys, run_files, "BTC", "--detail-source", "sim")
    assert (code, "--detail-timeframe" in err) == (2, True)


async def test_a_run_that_has_closed_no_bar_is_refused(scene: Scene, folder: Path) -> None:
    async with LockStep(scene, folder) as walk:
        await walk.look()
        with pytest.raises(DataError, match="closed no bar yet"):
            load_run(folder, BTC)
        await walk.walk(1)
        await walk.look()
    shutil.copytree(folder, folder.parent / "copy")
    parity: Any = compare(load_run(folder.parent / "copy", BTC))
    assert (parity.run.bars - parity.run.began, parity.differences) == (1, ())
