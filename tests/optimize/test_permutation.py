"""Bars in another order: what is kept and what is destroyed. Costs 1 s."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.features import Bars, LastSettlement
from engine.optimize.permutation import bar_order, permuted, reordered
from tests.markets import KINDS, random_market
from tests.optimize.known_markets import random_walk

markets = st.builds(
    random_market, st.integers(0, 10_000), st.sampled_from(KINDS), length=st.just(320)
)
seeds = st.integers(0, 2**32 - 1)


def shapes(bars: Bars) -> np.ndarray:
    """A row a bar: prices relative to the close before, volume, funding (0 for none)."""
    before = np.concatenate([bars.open[:1], bars.close[:-1]])
    relative = [column / before for column in (bars.open, bars.high, bars.low, bars.close)]
    return np.column_stack([*relative, bars.volume, np.nan_to_num(bars.funding_rate)])


@given(market=markets, seed=seeds, first=st.integers(1, 200))
@settings(max_examples=40, deadline=None)
def test_every_bar_keeps_its_shape_its_volume_and_its_funding(
    market: object, seed: int, first: int
) -> None:
    bars = market.bars  # type: ignore[attr-defined]
    order = bar_order(bars.funding_rate, first, np.random.default_rng(seed))
    assert np.array_equal(np.sort(order), np.arange(len(order)))
    assert np.array_equal(order[:first], np.arange(first))
    new = reordered(bars, None, order).bars
    assert shapes(new) == pytest.approx(shapes(bars)[order], rel=1e-9)


@given(market=markets, seed=seeds, first=st.integers(1, 200))
@settings(max_examples=40, deadline=None)
def test_the_market_stays_possible_and_ends_where_it_ended(
    market: object, seed: int, first: int
) -> None:
    bars = market.bars  # type: ignore[attr-defined]
    new = permuted(bars, None, first, np.random.default_rng(seed)).bars
    for name in ("open", "high", "low", "close"):
        before, after = getattr(bars, name)[:first], getattr(new, name)[:first]
        assert after == pytest.approx(before, rel=1e-12)
    assert new.close[-1] == pytest.approx(bars.close[-1], rel=1e-9)
    assert (new.high >= np.maximum(new.open, new.close)).all()
    assert (new.low <= np.minimum(new.open, new.close)).all()
    assert (new.low > 0.0).all()
    assert new.time is bars.time
    assert np.array_equal(np.isnan(new.funding_rate), np.isnan(bars.funding_rate))


def test_the_order_that_changes_nothing_changes_nothing() -> None:
    bars = random_walk(1, days=5)
    same = reordered(bars, None, np.arange(len(bars.time))).bars
    for before, after in zip(bars, same, strict=True):
        assert after == pytest.approx(before, rel=1e-11, nan_ok=True)


def test_settlements_keep_their_place_within_the_bar() -> None:
    market = random_market(2, "fast funding")
    new = permuted(market.bars, market.settled, 1, np.random.default_rng(1))
    assert new.settled is not None
    inside = np.sort((new.settled.time - new.bars.time)[~np.isnan(new.settled.time)])
    before = np.sort((market.settled.time - market.bars.time)[~np.isnan(market.settled.time)])
    assert np.array_equal(inside, before)
    known = ~np.isnan(new.bars.funding_rate)
    assert np.array_equal(np.isnan(new.settled.rate), ~known)
    assert sorted(new.settled.rate[known]) == sorted(market.settled.rate[known])


def test_coins_with_the_same_candles_are_shuffled_alike() -> None:
    one, other = random_walk(1, days=20), random_walk(2, days=20)
    orders = [bar_order(x.funding_rate, 30, np.random.default_rng(9)) for x in (one, other)]
    assert np.array_equal(*orders)


def test_what_one_bar_tells_about_the_next_is_destroyed() -> None:
    bars = random_walk(3, days=60)
    trend = np.sign(np.sin(np.arange(len(bars.time)) / 40)) * 0.004
    close = bars.close[0] * np.exp(np.cumsum(trend))
    opened = np.concatenate([close[:1], close[:-1]])
    trending = Bars(
        bars.time, opened, np.maximum(opened, close), np.minimum(opened, close), close,
        bars.volume, bars.funding_rate,
    )  # fmt: skip

    def memory(b: Bars) -> float:
        returns = np.diff(np.log(b.close))
        return float(np.corrcoef(returns[1:], returns[:-1])[0, 1])

    shuffled = permuted(trending, None, 1, np.random.default_rng(1)).bars
    assert memory(trending) > 0.9
    assert abs(memory(shuffled)) < 0.05


def test_every_place_is_equally_likely() -> None:
    bars = random_walk(1, days=1)
    rng = np.random.default_rng(0)
    first_settling = int(np.flatnonzero(~np.isnan(bars.funding_rate[1:]))[0]) + 1
    came = [bar_order(bars.funding_rate, 1, rng) for _ in range(4000)]
    counts = np.bincount([order[first_settling] for order in came])
    assert np.count_nonzero(counts) == 2
    assert counts[counts > 0] == pytest.approx([2000, 2000], abs=150)
    assert np.mean([order[1] for order in came]) == pytest.approx(48, abs=1.5)


@pytest.mark.parametrize("first", [0, 97])
def test_the_first_bar_of_all_stays(first: int) -> None:
    with pytest.raises(ValueError, match="from 1 to 96"):
        permuted(random_walk(1, days=1), None, first, np.random.default_rng(0))


def test_settlements_that_are_not_known_apart_are_left_so() -> None:
    market = random_market(2, "calm")
    assert isinstance(market.settled, LastSettlement)
    assert permuted(market.bars, None, 5, np.random.default_rng(1)).settled is None
