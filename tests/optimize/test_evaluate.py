"""A trial is the backtests it stands for, and what is kept changes nothing (about 15 s)."""

import numpy as np
import pytest

import engine.optimize.evaluate as evaluate
from engine.features import SIGNAL_PARAMS, Bars, build, warmup_bars
from engine.loop import simulate
from engine.metrics import performance
from engine.optimize.evaluate import Evaluator
from engine.optimize.objective import numbers
from engine.params import STRATEGY_PARAMS, StrategyParams
from exchange.market import market_for
from tests.optimize.candles import BASE, plan_of, random_candles, random_values

DAY_MS = 86_400_000
_OTHERS = {
    "grid_mode": "arithmetic",
    "use_ml_regime": True,
    "trailing_cap_price": 1_000.0,
    "halt_z_threshold": -4.0,
    "resume_z_threshold": -2.0,
    "adx_trend_threshold": 31.0,
    "er_trend_threshold": 0.95,
    "regime_threshold": 0.1,
}


def test_scores_are_those_of_separate_backtests() -> None:
    candles = random_candles("wild", "trend", "crash")
    plan = plan_of(candles)
    evaluator = Evaluator(candles, plan, BASE)
    for seed in range(4):
        values = random_values(seed)
        params = StrategyParams.checked(values)
        found = evaluator.trial(values)
        for row, coin in enumerate(candles.coins):
            market = market_for(coin.pair, float(coin.bars.close[0]))
            for column, window in enumerate(plan.windows):
                assert coin.settled is not None
                seen = Bars._make(c[: window.train_end] for c in coin.bars)
                settled = type(coin.settled)._make(c[: window.train_end] for c in coin.settled)
                features = build(seen, params, candles.timeframe_ms, settled)
                start = warmup_bars(seen.time, params, candles.timeframe_ms)
                run = simulate(features, params, market, start)
                alone = numbers(run.equity[start:], run.fills, 10_000.0, candles.timeframe_ms)
                assert found.train_scores[row][column] == alone.score

                seen = Bars._make(c[: window.test_end] for c in coin.bars)
                settled = type(coin.settled)._make(c[: window.test_end] for c in coin.settled)
                features = build(seen, params, candles.timeframe_ms, settled)
                run = simulate(features, params, market, window.test_start)
                tested = run.equity[window.test_start :]
                alone = numbers(tested, run.fills, 10_000.0, candles.timeframe_ms)
                assert found.test_scores[row][column] == alone.score
        assert found.score == min(map(min, found.train_scores))


def test_train_scores_know_nothing_of_what_lies_behind_their_windows() -> None:
    candles = random_candles("wild")
    plan = plan_of(candles)
    [coin] = candles.coins
    before = Evaluator(candles, plan, BASE).trial(random_values(3))
    for column in (coin.bars.open, coin.bars.high, coin.bars.low, coin.bars.close):
        column[plan.windows[-1].train_end + 1 :] *= 1.5
    after = Evaluator(candles, plan, BASE).trial(random_values(3))
    assert after.train_scores == before.train_scores
    assert np.array_equal(after.returns, before.returns)
    assert after.test_scores != before.test_scores


def test_daily_returns_compound_to_the_longest_train_run_of_all_coins() -> None:
    candles = random_candles("calm", "wild")
    plan = plan_of(candles)
    evaluator = Evaluator(candles, plan, BASE)
    found = evaluator.trial(random_values(5))
    end = plan.windows[-1].train_end
    runs = evaluator.span(random_values(5), 0, end)
    total = sum(float(run.equity[-1]) for run in runs)
    assert np.prod(1.0 + found.returns) == pytest.approx(total / 20_000.0, rel=1e-5)
    last = candles.first_ms + (end - 1) * candles.timeframe_ms
    assert len(found.returns) == last // DAY_MS - candles.first_ms // DAY_MS + 1


def test_growth_and_drawdown_are_the_worst_of_all_train_spans() -> None:
    candles = random_candles("wild", "crash")
    plan = plan_of(candles)
    evaluator = Evaluator(candles, plan, BASE)
    found = evaluator.trial(random_values(7))
    cells = [
        performance(run.equity, 10_000.0, candles.timeframe_ms)
        for window in plan.windows
        for run in evaluator.span(random_values(7), 0, window.train_end)
    ]
    assert found.growth == pytest.approx(min(cell["cagr_pct"] for cell in cells) / 100.0)
    assert found.drawdown == pytest.approx(max(c["max_drawdown_pct"] for c in cells) / 100.0)


@pytest.mark.parametrize("name", list(StrategyParams.model_fields))
def test_signals_depend_on_exactly_the_parameters_of_the_key(name: str) -> None:
    candles = random_candles("trend", length=3_000)
    [coin] = candles.coins
    value = STRATEGY_PARAMS[name]
    if name in _OTHERS:
        other = _OTHERS[name]
    elif isinstance(value, bool):
        other = not value
    else:
        other = value + 1 if isinstance(value, int) else value * 0.9
    if name == "use_ml_regime":
        pytest.importorskip("sklearn")
    evaluator = Evaluator(candles, plan_of(candles), BASE)
    plain = evaluator.features(coin, BASE)
    changed = StrategyParams.checked({**STRATEGY_PARAMS, name: other})
    kept = evaluator.features(coin, changed)
    fresh = build(coin.bars, changed, candles.timeframe_ms, coin.settled)
    for one, two in zip(kept, fresh, strict=True):
        assert np.array_equal(one, two, equal_nan=True)
    moved = any(
        not np.array_equal(one, two, equal_nan=True) for one, two in zip(plain, fresh, strict=True)
    )
    of_the_regime = name in ("regime_hysteresis_bars", "adx_trend_threshold")
    assert moved == (name in SIGNAL_PARAMS or of_the_regime)


def test_indicators_of_one_set_of_parameters_are_computed_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    candles = random_candles("wild", "calm")
    calls = []
    real = evaluate.signals
    monkeypatch.setattr(evaluate, "signals", lambda *args: calls.append(args) or real(*args))
    evaluator = Evaluator(candles, plan_of(candles), BASE)
    for seed in range(5):
        evaluator.trial(random_values(seed))
    assert len(calls) == len(candles.coins)


def test_what_is_kept_is_bounded_and_the_last_used_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    candles = random_candles("wild", length=3_000)
    [coin] = candles.coins
    calls = []
    real = evaluate.signals
    monkeypatch.setattr(evaluate, "signals", lambda *args: calls.append(args) or real(*args))
    one_set = 12 * 8 * 3_000
    evaluator = Evaluator(candles, plan_of(candles), BASE, kept_bytes=3 * one_set)
    periods = [10, 11, 12, 10, 13, 14, 10]
    for period in periods:
        evaluator.features(coin, StrategyParams(kama_period=period))
    assert len(calls) == len(set(periods))
    evaluator.features(coin, StrategyParams(kama_period=11))
    assert len(calls) == len(set(periods)) + 1


def test_the_indicators_of_every_coin_stay_however_little_may_be_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    candles = random_candles("wild", "calm", "trend", length=3_000)
    calls = []
    real = evaluate.signals
    monkeypatch.setattr(evaluate, "signals", lambda *args: calls.append(args) or real(*args))
    evaluator = Evaluator(candles, plan_of(candles), BASE, kept_bytes=1)
    for seed in range(3):
        evaluator.trial(random_values(seed))
    assert len(calls) == len(candles.coins)
    evaluator.trial({"kama_period": 11})
    evaluator.trial({})
    assert len(calls) == 3 * len(candles.coins)
