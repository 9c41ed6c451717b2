"""The laws on random markets and parameters: no lookahead, no lost cent, one state record."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.account import LONG, SHORT, from_json, new_state, to_json
from engine.decide import ROW
from engine.features import LastSettlement, build, warmup_bars
from engine.loop import Outcome, no_detail, run_bars, simulate
from engine.params import StrategyParams
from engine.rules import kernel_rules
from engine.trades import LABELS, TRADE
from tests.markets import KINDS, TIMEFRAME_MS, RandomMarket, random_market

OPENINGS = ("BUY_OPEN_LONG", "SELL_OPEN_SHORT")

settings_of_a_trader = st.fixed_dictionaries(
    {},
    optional={
        "grid_mode": st.sampled_from(["geometric", "arithmetic"]),
        "grid_spacing_k": st.floats(0.2, 2.5),
        "spacing_floor": st.sampled_from([0.002, 0.004, 0.008]),
        "adaptive_floor_scale": st.floats(0.1, 3.0),
        "grid_levels": st.integers(1, 8),
        "max_inventory_per_side": st.integers(1, 8),
        "regen_drift_mult": st.floats(0.5, 4.0),
        "gamma": st.just(0.0) | st.floats(1e-6, 2.0),
        "as_time_horizon": st.floats(0.0, 288.0),
        "atr_sl_mult": st.floats(0.8, 5.0) | st.just(50.0),
        "tp_concentration": st.floats(0.0, 1.0),
        "leverage": st.sampled_from([1, 3, 10, 25, 50]),
        "var_horizon_bars": st.sampled_from([1.0, 96.0]),
        "max_drawdown_pct": st.floats(0.05, 1.0),
        "order_pct": st.floats(0.02, 0.3),
        "prune_cooldown_bars": st.integers(0, 8),
        "offset_prune_ratio": st.floats(0.5, 4.0),
        "gap_prune_mult": st.floats(1.0, 7.0),
        "max_position_age_hours": st.floats(1.0, 48.0),
        "trailing_activation_er": st.floats(0.2, 0.8),
        "allow_short": st.booleans(),
        "kelly_window": st.integers(5, 100),
        "stop_cooldown_thresh": st.integers(1, 3),
        "fill_penetration_bps": st.sampled_from([0.0, 0.0, 5.0]),
        "initial_capital": st.sampled_from([2_000.0, 10_000.0]),
    },
)
markets = st.builds(random_market, st.integers(0, 10_000), st.sampled_from(KINDS))


def run(market: RandomMarket, config: dict[str, Any], bars: Any = None) -> Outcome:
    params = StrategyParams.checked(config)
    bars = bars or market.bars
    features = build(bars, params, market.timeframe_ms, market.settled)
    warmup = warmup_bars(bars.time, params, market.timeframe_ms)
    return simulate(features, params, market.market, warmup)


@settings(max_examples=60, deadline=None)
@given(markets, settings_of_a_trader)
def test_every_cent_is_accounted_for_at_every_bar(
    market: RandomMarket, config: dict[str, Any]
) -> None:
    params = StrategyParams.checked(config)
    features = build(market.bars, params, TIMEFRAME_MS, market.settled)
    rules = kernel_rules(params, market.market)
    states = new_state(params.initial_capital)
    bars = len(features.time)
    trades, equity, rows = np.zeros(60_000, TRADE), np.zeros(bars), np.zeros(1, ROW)
    tolerance = 1e-9 * params.initial_capital
    for i in range(warmup_bars(features.time, params, TIMEFRAME_MS), bars):
        args = (features, rules, market.market.tier_table, no_detail(bars), trades, equity, rows)
        assert run_bars(states, *args, i, i + 1) == i + 1
        state = states[0]
        wallet = params.initial_capital + state["gross"] - state["fees"]
        wallet += state["funding"] + state["insurance"]
        assert state["wallet"] == pytest.approx(wallet, abs=tolerance)
        open_result = 0.0
        for side, sign in ((LONG, 1), (SHORT, -1)):
            held = state["sides"][side]
            lots = held["lots"][: held["lot_count"]]
            assert (lots["qty"] > 0).all()
            open_result += float((sign * (features.close[i] - lots["price"]) * lots["qty"]).sum())
            laid = lots[lots["tp_bar"] >= 0]
            assert laid["near_qty"] + laid["far_qty"] == pytest.approx(laid["qty"], abs=1e-9)
        assert equity[i] == pytest.approx(state["wallet"] + open_result, abs=tolerance)
        assert equity[i] >= -tolerance
    fills = trades[: states["trades"][0]]
    opening = np.isin(fills["label"], [LABELS.index(name) for name in OPENINGS])
    change = fills["pnl"].sum() - fills["fee"][opening].sum() + fills["funding"].sum()
    final = params.initial_capital + change + states["insurance"][0]
    assert equity[-1] == pytest.approx(final, abs=1e-8 * params.initial_capital)


@settings(max_examples=40, deadline=None)
@given(markets, settings_of_a_trader)
def test_no_order_fills_on_data_that_existed_when_it_was_born(
    market: RandomMarket, config: dict[str, Any]
) -> None:
    fills = run(market, config).fills
    # an order born in bar i was decided from bars < i; it may fill in bar i at the earliest
    assert (fills["born"] <= fills["bar"]).all()
    resting = ~np.isin(fills["label"], [LABELS.index("CIRCUIT_BREAKER_HALT")])
    assert (fills["born"][resting] >= 1).all()
    opened: dict[int, list[tuple[int, int]]] = {LONG: [], SHORT: []}
    for row in fills:
        label = LABELS[row["label"]]
        if label in OPENINGS:
            opened[int(row["side"])].append((int(row["bar"]), int(row["born"])))
        elif label in ("SELL_CLOSE_LONG", "BUY_CLOSE_SHORT"):
            assert opened[int(row["side"])], "a take-profit without a lot"
            assert row["born"] > opened[int(row["side"])][0][0], "laid before its lot was filled"


@settings(max_examples=40, deadline=None)
@given(markets, settings_of_a_trader, st.data())
def test_what_comes_later_changes_nothing_before(
    market: RandomMarket, config: dict[str, Any], data: st.DataObject
) -> None:
    bars = market.bars
    k = data.draw(st.integers(80, len(bars.time) - 2), label="k")
    whole = run(market, config)
    factor = data.draw(st.floats(0.4, 2.5), label="factor")
    changed = {}
    for name in ("open", "high", "low", "close", "volume", "funding_rate"):
        column = getattr(bars, name).copy()
        column[k + 1 :] = column[k + 1 :] * factor
        changed[name] = column
    later = np.arange(len(bars.time)) > k
    settled = LastSettlement(
        np.where(later, factor, 1.0) * market.settled.rate, market.settled.time
    )
    other = run(market._replace(settled=settled), config, bars._replace(**changed))
    # the last bar closes everything, so its own equity is compared only where k is not the last
    assert np.array_equal(whole.equity[: k + 1], other.equity[: k + 1])
    assert np.array_equal(whole.regime[: k + 2], other.regime[: k + 2])
    before, after = (o.fills[o.fills["bar"] <= k].tobytes() for o in (whole, other))
    assert before == after


@settings(max_examples=15, deadline=None)
@given(markets, settings_of_a_trader)
def test_the_same_input_gives_the_same_bytes(market: RandomMarket, config: dict[str, Any]) -> None:
    once, again = run(market, config), run(market, config)
    assert once.equity.tobytes() == again.equity.tobytes()
    assert once.fills.tobytes() == again.fills.tobytes()
    assert to_json(once.state) == to_json(again.state)


@settings(max_examples=25, deadline=None)
@given(markets, settings_of_a_trader, st.data())
def test_a_run_goes_on_from_its_json_as_if_nothing_had_happened(
    market: RandomMarket, config: dict[str, Any], data: st.DataObject
) -> None:
    params = StrategyParams.checked(config)
    features = build(market.bars, params, TIMEFRAME_MS, market.settled)
    bars = len(features.time)
    warmup = warmup_bars(features.time, params, TIMEFRAME_MS)
    pause = data.draw(st.integers(warmup, bars - 1), label="pause")
    whole = simulate(features, params, market.market, warmup)
    states = new_state(params.initial_capital)
    trades, equity, rows = np.zeros(60_000, TRADE), whole.equity.copy(), np.zeros(1, ROW)
    equity[warmup:] = 0.0
    rest = (
        features,
        kernel_rules(params, market.market),
        market.market.tier_table,
        no_detail(bars),
        trades,
        equity,
        rows,
    )
    run_bars(states, *rest, warmup, pause)
    text = to_json(states)
    assert to_json(from_json(text)) == text
    resumed = from_json(text)
    run_bars(resumed, *rest, pause, bars)
    assert np.array_equal(equity, whole.equity)
    assert trades[: resumed["trades"][0]].tobytes() == whole.fills.tobytes()
    assert to_json(resumed) == to_json(whole.state)


def test_long_and_short_are_held_side_by_side_and_never_net() -> None:
    held_both = 0
    for seed in range(6):
        market = random_market(seed, "wild")
        params = StrategyParams.checked({"grid_spacing_k": 0.5, "spacing_floor": 0.004})
        features = build(market.bars, params, TIMEFRAME_MS, market.settled)
        rules = kernel_rules(params, market.market)
        states = new_state(params.initial_capital)
        bars = len(features.time)
        trades, equity, rows = np.zeros(60_000, TRADE), np.zeros(bars), np.zeros(1, ROW)
        args = (features, rules, market.market.tier_table, no_detail(bars), trades, equity, rows)
        for i in range(warmup_bars(features.time, params, TIMEFRAME_MS), bars):
            run_bars(states, *args, i, i + 1)
            sides = states[0]["sides"]
            fills = trades[: states["trades"][0]]
            for side in (LONG, SHORT):
                mine = fills[fills["side"] == side]
                opening = np.isin(mine["label"], [LABELS.index(name) for name in OPENINGS])
                held = mine["qty"][opening].sum() - mine["qty"][~opening].sum()
                assert sides[side]["qty"] == pytest.approx(held, abs=1e-6)
            held_both += int(sides[LONG]["qty"] > 0 and sides[SHORT]["qty"] > 0)
    assert held_both > 50


@pytest.mark.parametrize(
    ("part", "value", "message"),
    [
        ("wallet", "a lot", "wallet"),
        ("wallet", True, "wallet"),
        ("halted", 0.5, "halted"),
        ("results", [], "results"),
        ("long", {}, "long"),
        ("stop_bars", [1, 2], "stop_bars"),
    ],
)
def test_a_damaged_state_record_is_refused_by_name(part: str, value: Any, message: str) -> None:

    plain = json.loads(to_json(new_state(100.0)))
    plain[part] = value
    with pytest.raises(ValueError, match=message):
        from_json(json.dumps(plain))


def test_a_state_record_with_a_foreign_or_missing_field_is_refused() -> None:
    text = to_json(new_state(100.0))
    with pytest.raises(ValueError, match="fields must be"):
        from_json(text.replace('"wallet"', '"purse"'))
