"""Regimes read from a Gaussian mixture over returns and ranges (`use_ml_regime`)."""

import warnings

import numpy as np

from tests.oracle.features import Candles, true_range

_RETURN_BARS = 24
_REFIT_BARS = 96
_MOST_ROWS = 2880
_LEAST_ROWS = 500


def mixture_readings(candles: Candles) -> list[list[int]]:
    """One reading per base bar (none before the first fit): -1, 0, +1 by order of mean return.

    The mixture that reads a bar was fitted on rows of earlier bars only.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    close = candles.close
    returns = np.log(close[_RETURN_BARS:] / close[:-_RETURN_BARS])
    ranges = true_range(candles.high, candles.low, close)[_RETURN_BARS:] / close[_RETURN_BARS:]
    rows = np.column_stack((returns, ranges))

    readings: list[list[int]] = [[] for _ in range(min(len(close), _RETURN_BARS + _LEAST_ROWS))]
    means = None
    for start in range(_LEAST_ROWS, len(rows), _REFIT_BARS):
        mixture = GaussianMixture(3, means_init=means, random_state=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            mixture.fit(rows[max(0, start - _MOST_ROWS) : start])
        order = np.argsort(mixture.means_[:, 0], kind="stable")
        means = mixture.means_[order]
        code = np.empty(3, dtype=int)
        code[order] = (-1, 0, 1)
        states = mixture.predict(rows[start : start + _REFIT_BARS])
        readings += [[int(code[state])] for state in states]
    return readings
