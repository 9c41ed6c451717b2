"""Regimes found by a Gaussian mixture instead of by rule. scikit-learn is loaded on first use."""

import warnings
from typing import Any

import numpy as np

from indicators.atr import true_range_column
from indicators.regime import DOWNTREND, NOISE, UPTREND, Codes
from indicators.series import Column

RETURN_BARS = 24
FIRST_FIT_ROWS = 500
FIT_ROWS = 2880
REFIT_BARS = 96

_STATES = np.array([DOWNTREND, NOISE, UPTREND])


class MissingExtraError(ImportError):
    """A library that only an optional feature needs is not installed."""


Fits = dict[int, tuple[Any, Any]]
"""By the first bar that it reads: a fitted mixture, and the state of each of its components."""


def gmm_readings(high: Column, low: Column, close: Column, fits: Fits | None = None) -> Codes:
    """One reading per bar: DOWNTREND, NOISE or UPTREND, NOISE before the first fit.

    A row is (log return over 24 bars, true range / close). A mixture of three Gaussians with full
    covariance is fitted every 96 bars on the 2880 rows before (at least 500), each fit from the
    means of the one before; states are ordered by their mean return. Bar t is read by a mixture
    that was fitted on rows before t.

    high, low, close: prices, contiguous float64 of shape (n,). Returns int64 of shape (n,).
    `fits` is filled, and what it holds is not fitted again: give the same for the same candles and
    more at their end.
    Raises MissingExtraError if scikit-learn is not installed.
    """
    mixture, one_thread, not_converged = _scikit_learn()
    rows = _rows(high, low, close)
    readings = np.full(close.size, NOISE, np.int64)
    fits = {} if fits is None else fits
    means = None
    with one_thread(limits=1), warnings.catch_warnings():
        warnings.simplefilter("ignore", not_converged)
        for t in range(RETURN_BARS + FIRST_FIT_ROWS, close.size, REFIT_BARS):
            if t not in fits:
                model = mixture(
                    len(_STATES), covariance_type="full", means_init=means, random_state=0
                )
                model.fit(rows[max(RETURN_BARS, t - FIT_ROWS) : t])
                order = np.argsort(model.means_[:, 0], kind="stable")
                code = np.empty_like(_STATES)
                code[order] = _STATES
                fits[t] = model, code
            model, code = fits[t]
            means = model.means_[np.argsort(model.means_[:, 0], kind="stable")]
            readings[t : t + REFIT_BARS] = code[model.predict(rows[t : t + REFIT_BARS])]
    return readings


def _scikit_learn() -> tuple[Any, Any, type[Warning]]:
    """The mixture, the limit that makes its sums repeatable, and its complaint to ignore."""
    try:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.mixture import GaussianMixture
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]
    except ImportError:
        raise MissingExtraError(
            "regimes from a Gaussian mixture need scikit-learn: pip install 'gridtui[ml]'"
        ) from None
    return GaussianMixture, threadpool_limits, ConvergenceWarning


def _rows(high: Column, low: Column, close: Column) -> Column:
    """What the mixture sees of each bar, shape (n, 2); NaN for the first 24 bars."""
    rows = np.full((close.size, 2), np.nan)
    rows[RETURN_BARS:, 0] = np.log(close[RETURN_BARS:] / close[:-RETURN_BARS])
    rows[RETURN_BARS:, 1] = (true_range_column(high, low, close) / close)[RETURN_BARS:]
    return rows
