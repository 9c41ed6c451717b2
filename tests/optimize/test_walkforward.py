"""Which bars train, test and wait: hand-made cases, and what holds in all (about 2 s)."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ParameterError
from engine.features import warmup_bars
from engine.optimize.records import Plan, WindowSpan
from engine.optimize.space import Space
from engine.optimize.walkforward import (
    anchored_plan,
    longest_window,
    lookback,
    refit_plan,
    solid_cuts,
)
from engine.params import StrategyParams

QUARTER_MS = 900_000


def whole(bars: int) -> np.ndarray:
    return np.ones(bars, np.bool_)


def test_four_windows_of_a_thousand_bars_by_hand() -> None:
    plan = anchored_plan(whole(10_000), windows=4, purge=100, warmup=60, holdout=0.15)
    # hold-out from 8500, search up to 8400; windows end at 2100, 4200, 6300, 8400
    assert plan == Plan(
        bars=10_000,
        purge=100,
        windows=(
            WindowSpan(0, 1_370, 1_470, 2_100),
            WindowSpan(0, 2_840, 2_940, 4_200),
            WindowSpan(0, 4_310, 4_410, 6_300),
            WindowSpan(0, 5_780, 5_880, 8_400),
        ),
        search_end=8_400,
        holdout_start=8_500,
        holdout_end=10_000,
    )


def test_without_a_hold_out_the_search_sees_everything() -> None:
    plan = anchored_plan(whole(1_000), windows=1, purge=0, warmup=60, holdout=0.0)
    assert plan == Plan(1_000, 0, (WindowSpan(0, 700, 700, 1_000),), 1_000, 1_000, 1_000)


def test_refitted_windows_test_what_lies_between_two_searches() -> None:
    plan = refit_plan(whole(10_000), windows=3, purge=50, warmup=60, holdout=0.0)
    # the first window holds 10000 / 1.6 = 6250 bars, 70 % of them up to 4375; steps of 1875
    assert [(w.train_end, w.test_start, w.test_end) for w in plan.windows] == [
        (4_325, 4_375, 6_250),
        (6_200, 6_250, 8_125),
        (8_075, 8_125, 10_000),
    ]


def test_a_cut_never_lies_beside_a_hole() -> None:
    solid = whole(1_000)
    solid[698:705] = False  # 70 % of the search would be cut at 700
    plan = anchored_plan(solid, windows=1, purge=0, warmup=60, holdout=0.0)
    assert plan.windows == (WindowSpan(0, 705, 705, 1_000),)


def test_a_cut_needs_both_bars_beside_it_from_every_coin() -> None:
    first = np.array([0, 1, 2, 3, 4, 5]) * QUARTER_MS
    holes = np.array([0, 1, 3, 4, 5]) * QUARTER_MS
    solid = solid_cuts([first, holes], 0, 6, QUARTER_MS)
    assert solid.tolist() == [True, True, False, False, True, True]


def test_the_longest_window_is_a_week_of_volume_or_a_longer_indicator() -> None:
    assert longest_window(StrategyParams(), QUARTER_MS) == 7 * 96
    slow = StrategyParams(kama_period=300, regime_timeframe_mult=4)
    assert longest_window(slow, QUARTER_MS) == 1 + 4 * 302
    assert longest_window(StrategyParams(), 86_400_000) == 61


def test_purge_and_warm_up_suffice_for_every_trial_of_the_space() -> None:
    base = StrategyParams()
    rows = {
        "kama_period": {"type": "int", "low": 5, "high": 40},
        "atr_period": {"type": "int", "low": 7, "high": 30},
        "regime_timeframe_mult": {"type": "int", "low": 2, "high": 96},
    }
    space = Space.checked(rows, base)
    times = [QUARTER_MS * np.arange(first, first + 200) for first in (1, 64, 95)]
    purge, warmup = lookback(space, base, times, QUARTER_MS)
    rng = np.random.default_rng(0)
    needed = []
    for _ in range(300):
        drawn = {each.name: int(rng.integers(each.low, each.high + 1)) for each in space.ranges}
        params = space.params(drawn, base)
        assert longest_window(params, QUARTER_MS) <= purge
        needed.append(max(warmup_bars(time, params, QUARTER_MS) for time in times))
    assert max(needed) <= warmup
    assert purge == 1 + 96 * 42
    assert purge <= warmup <= purge + 95


def test_a_shorter_bucket_that_begins_later_counts_as_well() -> None:
    base = StrategyParams()
    space = Space.checked({"regime_timeframe_mult": {"type": "int", "low": 2, "high": 96}}, base)
    time = QUARTER_MS * np.arange(96, 300)  # a bucket of 96 begins here, one of 95 before
    needed = [
        warmup_bars(time, StrategyParams(regime_timeframe_mult=bars), QUARTER_MS)
        for bars in range(2, 97)
    ]
    assert needed[-2] > needed[-1]
    assert lookback(space, base, [time], QUARTER_MS)[1] == max(needed)


def test_the_usual_space_looks_back_as_far_as_its_base() -> None:
    time = QUARTER_MS * np.arange(200)
    base = StrategyParams()
    assert lookback(Space.checked(), base, [time], QUARTER_MS) == (7 * 96, 61)


@pytest.mark.parametrize(
    ("windows", "holdout", "complaint"),
    [
        (0, 0.15, "windows = 0 is out of range"),
        (51, 0.15, "it takes 1 to 50"),
        (4, 0.6, "holdout = 0.6 is out of range"),
        (20, 0.15, "too few for 20 windows"),
        (1, 0.01, "too few for 1 windows"),
    ],
)
def test_what_cannot_be_planned_is_refused(windows: int, holdout: float, complaint: str) -> None:
    with pytest.raises(ParameterError, match=complaint):
        anchored_plan(whole(2_000), windows, 100, 60, holdout)


@given(
    bars=st.integers(20_000, 90_000),
    windows=st.integers(1, 8),
    purge=st.integers(0, 700),
    holdout=st.sampled_from([0.0, 0.1, 0.15, 0.3]),
    seed=st.integers(0, 5),
)
def test_no_train_bar_comes_near_its_test_or_the_hold_out(
    bars: int, windows: int, purge: int, holdout: float, seed: int
) -> None:
    solid = np.random.default_rng(seed).random(bars) < 0.9
    solid[0] = True
    for plan_of in (anchored_plan, refit_plan):
        plan = plan_of(solid, windows, purge, 61, holdout)
        assert len(plan.windows) == windows
        for window in plan.windows:
            assert window.train_start == 0
            assert window.train_end <= window.test_start - purge
            assert window.test_end <= plan.search_end
            cuts = {window.train_end, window.test_start, window.test_end}
            assert all(cut == bars or solid[cut] for cut in cuts)
        if holdout:
            assert plan.search_end <= plan.holdout_start - purge
    joined = refit_plan(solid, windows, purge, 61, holdout).windows
    assert all(one.test_end == two.test_start for one, two in pairwise(joined))
