"""A live run through ccxt and the paper exchange trades as the backtest does. Costs 85 s."""

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.live.busy import HAIR_FINE
from tests.live.harness import LockStep, Scene
from tests.live.truth import check_resting, check_whole

pytestmark = pytest.mark.market_data

# Everything that hides a loss until the exchange ends it
RECKLESS = {
    "leverage": 10,
    "order_pct": 0.2,
    "max_position_pct": 0.6,
    "allow_short": False,
    "max_inventory_per_side": 6,
    "grid_levels": 4,
    "max_drawdown_pct": 1,
    "var_horizon_bars": 1,
    "atr_sl_mult": 100,
    "deviance_sigma": 100,
    "gap_prune_mult": 100,
    "max_position_age_hours": 500,
}


def compare(walk: LockStep, tested: dict[str, Any]) -> None:
    """The same trades and the same equity; a live run does not close at the end of the data."""
    expected = [row for row in tested["trades"] if row["label"] != "FINAL_CLOSE"]
    assert [named(row) for row in walk.trades] == [named(row) for row in expected]
    for column in ("pnl", "fee", "funding"):
        theirs = [t[column] for t in expected]
        assert [t[column] for t in walk.trades] == pytest.approx(theirs, abs=0.005), column
    bars = range(walk.scene.warmup, walk.scene.bars - 1)
    assert sorted(walk.equity) == list(bars)
    refused = int(walk.runner.run.kernel.state["refused_entries"][0])
    assert refused == tested["metrics"]["refused_entries"]
    curve = tested["equity_curve"]
    assert walk.equity == pytest.approx({bar: float(curve[bar]) for bar in bars}, abs=0.005)


def named(row: dict[str, Any]) -> tuple[Any, ...]:
    """What must be equal: prices and quantities are exact there and floats here."""
    exact = round(row["price"], 8), round(row["qty"], 8)
    return row["bar"], row["label"], row["side"], *exact, row["regime"]


async def test_3000_bars_of_bitcoin_trade_as_in_the_backtest(
    market_data: Path, run_files: Path
) -> None:
    scene = Scene.of(market_data, "BTC", "2023-03-01", 3000)
    async with LockStep(scene, run_files) as walk:
        await walk.walk()
        compare(walk, scene.backtest())
        check_whole(walk.runner, walk.paper)
        assert not walk.troubles


@pytest.mark.parametrize(("coin", "start"), [("ETH", "2022-11-01"), ("SOL", "2024-01-01")])
async def test_3000_bars_with_20_restarts_trade_as_in_the_backtest(
    coin: str, start: str, market_data: Path, run_files: Path
) -> None:
    scene = Scene.of(market_data, coin, start, 3000)
    dice = random.Random(20)
    cuts = set(dice.sample(range(scene.warmup, scene.bars), 20))
    async with LockStep(scene, run_files) as walk:
        going_on = True
        while going_on:
            if walk.bar in cuts:
                await walk_with_a_cut(walk, dice)
            else:
                await walk.walk_bar()
            check_resting(walk.paper)
            going_on = await walk.open_bar()
        compare(walk, scene.backtest())
        check_whole(walk.runner, walk.paper)
        assert not walk.troubles


async def walk_with_a_cut(walk: LockStep, dice: random.Random) -> None:
    """A bar in which the run ends and begins anew: before, between or after what happens in it."""
    moment = dice.choice(["before", "decided", "after an event", "at the close"])
    if moment == "before":
        await walk.restart()
    await walk.look()
    if moment == "decided":
        await walk.restart()
    while walk.paper.step() is not None:
        if moment == "after an event":
            await walk.restart()
        await walk.look()
    if moment == "at the close":
        await walk.restart()


SCENES = {
    "longs alone": ("ETH", "2022-11-01", 700, {"allow_short": False}, "STOP_LONG"),
    "leverage 5": ("BTC", "2023-03-01", 600, {"leverage": 5}, "PRUNE_OLDEST"),
    "mixture of regimes": ("BTC", "2022-11-01", 900, {"use_ml_regime": True}, "STOP_SHORT"),
    "a hair-fine grid": ("SOL", "2022-11-08", 150, HAIR_FINE, "PRUNE_GAP"),
    "a crash, liquidated": ("SOL", "2022-11-07", 240, RECKLESS, "LIQUIDATION"),
}


@pytest.mark.parametrize("name", SCENES)
async def test_other_strategies_trade_as_in_the_backtest(
    name: str, market_data: Path, run_files: Path
) -> None:
    coin, start, bars, params, shows = SCENES[name]
    scene = Scene.of(market_data, coin, start, bars, **params)
    tested = scene.backtest()
    labels = Counter(row["label"] for row in tested["trades"])
    assert labels[shows]
    assert labels["CIRCUIT_BREAKER_HALT"]
    async with LockStep(scene, run_files) as walk:
        await walk.walk()
        compare(walk, tested)
        check_whole(walk.runner, walk.paper)
