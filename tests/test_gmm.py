"""Regimes from a Gaussian mixture (about 5 s, half of it to load scikit-learn)."""

import sys
from itertools import pairwise

import numpy as np
import pytest

from engine.errors import ParameterError
from engine.features import build
from engine.params import StrategyParams
from indicators.adx import calculate_adx
from indicators.gmm import MissingExtraError, gmm_readings
from indicators.regime import with_hysteresis, with_veto
from tests.bars import QUARTER_MS, random_bars

mixture = pytest.importorskip("sklearn.mixture")

FIRST_FIT = 24 + 500


def market(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Phases of 60 bars that rise, rest and fall; (high, low, close)."""
    rng = np.random.default_rng(seed)
    drift = np.tile(np.repeat([0.004, 0.0, -0.004], 60), n // 180 + 1)[:n]
    close = 100 * np.exp(np.cumsum(drift + rng.normal(0, 0.001, n)))
    reach = close * rng.exponential(0.002, n)
    return close + reach, close - reach, close


def test_without_scikit_learn_the_error_names_the_extra(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.mixture", None)
    bars = random_bars(50)
    with pytest.raises(MissingExtraError, match=r"pip install 'gridtui\[ml\]'"):
        gmm_readings(bars.high, bars.low, bars.close)
    with pytest.raises(ParameterError, match=r"use_ml_regime = True: .*scikit-learn"):
        build(bars, StrategyParams(use_ml_regime=True), QUARTER_MS)


@pytest.mark.parametrize("seed", range(4))
def test_states_are_named_by_their_mean_return(seed: int) -> None:
    high, low, close = market(FIRST_FIT + 96, seed)
    readings = gmm_readings(high, low, close)
    past = np.log(close[FIRST_FIT:] / close[FIRST_FIT - 24 : -24])
    means = [past[readings[FIRST_FIT:] == code].mean() for code in (-1, 0, 1)]
    assert means[0] < -0.05
    assert abs(means[1]) < 0.05
    assert means[2] > 0.05


def test_each_fit_takes_the_rows_before_it_and_starts_from_the_last_means(monkeypatch) -> None:
    fits = []

    class Recorded(mixture.GaussianMixture):
        def fit(self, rows):
            result = super().fit(rows)
            fits.append((rows, self.means_init, self.means_))
            return result

    monkeypatch.setattr(mixture, "GaussianMixture", Recorded)
    high, low, close = market(3_100)
    gmm_readings(high, low, close)
    times = range(FIRST_FIT, 3_100, 96)
    assert [len(rows) for rows, _, _ in fits] == [min(2880, t - 24) for t in times]
    for t, (rows, _, _) in zip(times, fits, strict=True):
        assert rows[-1, 0] == np.log(close[t - 1] / close[t - 25])
        assert rows[-1, 1] * close[t - 1] == pytest.approx(
            max(high[t - 1], close[t - 2]) - min(low[t - 1], close[t - 2])
        )
    assert fits[0][1] is None
    for (_, _, before), (_, start, _) in pairwise(fits):
        assert np.array_equal(start, before[before[:, 0].argsort()])


def test_everything_is_noise_until_five_hundred_rows_are_known() -> None:
    high, low, close = market(FIRST_FIT + 1)
    assert not gmm_readings(high[:-1], low[:-1], close[:-1]).any()
    readings = gmm_readings(*market(FIRST_FIT + 100))
    assert not readings[:FIRST_FIT].any()
    assert readings[FIRST_FIT:].any()


def test_no_reading_changes_with_what_comes_after_it() -> None:
    high, low, close = market(900)
    whole = gmm_readings(high, low, close)
    for cut in (FIRST_FIT, FIRST_FIT + 1, FIRST_FIT + 95, FIRST_FIT + 96, 700):
        prefix = gmm_readings(high[:cut], low[:cut], close[:cut])
        assert np.array_equal(prefix, whole[:cut]), f"prefix of {cut} bars"
    later = close.copy()
    later[800:] *= 1.5
    assert np.array_equal(gmm_readings(high, low, later)[:800], whole[:800])


def test_a_fit_does_not_see_the_row_it_reads() -> None:
    high, low, close = market(FIRST_FIT + 96)
    whole = gmm_readings(high, low, close)
    high[FIRST_FIT] *= 3  # a true range that would bend any mixture fitted on it
    assert np.array_equal(gmm_readings(high, low, close)[FIRST_FIT + 1 :], whole[FIRST_FIT + 1 :])


def test_a_price_that_never_moves_has_some_reading_and_no_warning() -> None:
    flat = np.full(FIRST_FIT + 10, 5.0)
    assert set(gmm_readings(flat, flat, flat)) <= {-1, 0, 1}


def test_the_table_holds_them_after_hysteresis_and_veto() -> None:
    bars = random_bars(900, 3)
    params = StrategyParams(use_ml_regime=True, regime_hysteresis_bars=3)
    held = with_hysteresis(gmm_readings(bars.high, bars.low, bars.close), 3)
    expected = with_veto(held, calculate_adx(bars.high, bars.low, bars.close), 25.0)
    assert set(expected) == {-1, 0, 1}
    assert np.array_equal(build(bars, params, QUARTER_MS).regime, expected)
