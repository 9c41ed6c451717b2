"""What a run records of itself is what `gridtui parity` goes by. Costs 10 s."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from engine.live.parity import compare
from engine.live.parity_run import load_run
from engine.live.stops import Stops
from engine.trades import LABELS
from exchange.errors import DataError
from exchange.symbol import Symbol
from tests.live.harness import LockStep, Scene
from tests.live.replayed import DENSE, command, costs_add_up, lived, nothing

pytestmark = pytest.mark.market_data

BTC = Symbol("BTC")


@pytest.fixture
def scene(market_data: Path) -> Scene:
    """Three and a half days with stops, prunes and take-profits of both sides."""
    return Scene.of(market_data, "BTC", "2023-03-09", 400)


@pytest.fixture
def folder(run_files: Path) -> Path:
    """Where `gridtui live --paper --data-dir` would record the run."""
    return run_files / "live_state" / "paper"


async def test_bars_that_were_caught_up_with_are_told_from_those_that_were_decided(
    scene: Scene, folder: Path
) -> None:
    async with LockStep(scene, folder) as walk:
        await walk.walk(100)
        for _ in range(3):
            while walk.paper.step() is not None:
                pass
            await walk.open_bar()
        await walk.restart()
        await walk.walk(20)
        await walk.look()
    run = load_run(folder, BTC)
    down = np.arange(scene.warmup + 100, scene.warmup + 103)
    assert np.flatnonzero(~run.decided[run.began :]).tolist() == (down - run.began).tolist()
    assert not run.paused.any()
    (found, *_) = compare(run).differences
    assert (found.cause, found.bar, found.bars) == ("silent", down[0], 3)
    assert found.text == "nothing was decided for 3 bars"


async def test_a_decision_that_was_begun_but_not_finished_is_no_silence(
    scene: Scene, folder: Path
) -> None:
    parity = await lived(scene, folder, nothing)
    exits = {t.bar for t in parity.run.trades if t.purpose is not None and t.purpose.role == "exit"}
    begun, quiet = min(exits), scene.warmup + 1
    assert quiet not in {trade.bar for trade in parity.run.trades}
    for bar, silent in ((begun, []), (quiet, [quiet])):
        decided = parity.run.decided.copy()
        decided[bar] = False
        again = compare(replace(parity.run, decided=decided))
        assert [found.bar for found in again.differences if found.cause == "silent"] == silent


async def test_entries_that_were_held_back_are_told_from_entries_that_were_missed(
    market_data: Path, folder: Path
) -> None:
    scene = Scene.of(market_data, "BTC", "2023-03-09", 200, **DENSE)

    async def paused(walk: LockStep) -> None:
        await walk.walk(40)
        await Stops(walk.runner).pause()
        await walk.walk(40)
        await Stops(walk.runner).go_on()

    parity = await lived(scene, folder, paused)
    first = scene.warmup + 40
    assert np.flatnonzero(parity.run.paused).tolist() == list(range(first, first + 40))
    assert parity.run.decided[first : first + 40].all()
    held_back = [found for found in parity.differences if found.cause == "silent"]
    assert len(held_back) > 2
    for found in held_back:
        assert found.live is None
        assert found.backtest is not None
        assert first <= found.bar < first + 40
        assert found.text.startswith(found.backtest.words)
        assert found.text.endswith("entries were held back")
    assert not {"missed", "extra", "unexplained"} & set(parity.causes)
    assert costs_add_up(parity)


async def test_the_backtest_goes_by_the_filters_that_were_listed_when_the_run_began(
    scene: Scene, folder: Path
) -> None:
    market = replace(scene.listing.market, tick=Decimal(5), step=Decimal("0.002"))
    other = replace(scene, listing=replace(scene.listing, market=market))
    parity = await lived(other, folder, nothing)
    assert all(t.price % 5 == 0 for t in parity.run.trades if "OPEN" in LABELS[t.label])
    assert parity.run.market.tick == 5
    assert parity.differences == ()
    assert parity.equal == parity.live_trades >= 20
    (note,) = parity.run.notes
    assert note.startswith("market of the backtest: tick 5, step 0.002, minimum notional 50:")


async def test_filters_that_changed_under_the_run_are_said_to_be_the_reason(
    scene: Scene, folder: Path, run_files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def changed(walk: LockStep) -> None:
        await walk.walk(20)
        coin = walk.paper.venue.instruments["BTCUSDT"]
        coin.market = replace(coin.market, tick=Decimal(50))
        await walk.walk(200)

    parity = await lived(scene, folder, changed)
    assert parity.run.market.tick == Decimal("0.1")
    assert "price" in parity.causes
    assert costs_add_up(parity)
    code, out, _ = command(capsys, run_files, "BTC")
    assert code == 0
    words = " ".join(out.split())
    assert "note: from 2023-03-09 2" in words
    assert "the exchange listed tick 50, step 0.001, minimum notional 50; the backtest" in words


async def test_a_run_of_an_older_version_goes_on_but_is_not_compared(
    scene: Scene, folder: Path, run_files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with LockStep(scene, folder) as walk:
        await walk.walk(10)
        memory = walk.runner.run.memory
        memory.began, memory.filters = None, []
        walk.runner.run.save()
        await walk.drop()
        equity = folder / "BTCUSDT_equity.csv"
        rows = [line.split(",")[:5] for line in equity.read_text().splitlines()]
        equity.write_text("".join(f"{','.join(row)}\n" for row in rows))
        await walk.come_back()
        await walk.walk(10)
        await walk.look()
        assert not walk.troubles
        assert walk.runner.run.memory.began is None
    code, out, err = command(capsys, run_files, "BTC")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "begun by a version that recorded too little to compare it" in err


async def test_a_run_whose_equity_was_lost_is_not_compared(scene: Scene, folder: Path) -> None:
    async with LockStep(scene, folder) as walk:
        await walk.walk(10)
        await walk.look()
    equity = folder / "BTCUSDT_equity.csv"
    head, *rows = equity.read_text().splitlines(keepends=True)
    equity.write_text("".join([head, *rows[:4], *rows[5:]]))
    with pytest.raises(DataError, match="the equity of 1 bar of the run is not on the disk"):
        load_run(folder, BTC)
