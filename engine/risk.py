"""Margin, liquidation and value at risk.

Maintenance margin of a notional N is `N * mmr - cum` by the exchange's tiers. A tier table is a
float64 array of shape (n, 4): notional floor, notional cap, maintenance-margin rate, cum.
"""

import numpy as np
import numpy.typing as npt

from indicators.compiled import compiled

VAR_95 = 1.65  # standard deviations
VAR_DELEVERAGE_RATIO = 0.75  # of max_drawdown_pct
HIGH_CORRELATION = 0.80  # mean pairwise; above it diversification is not counted
_NEWTON_LIMIT = 64

Tiers = npt.NDArray[np.float64]

# Binance's BTCUSDT brackets as published in October 2024; the scripting functions' default.
BTC_TIERS: Tiers = np.array(
    [
        (0.0, 50e3, 0.004, 0.0),
        (50e3, 600e3, 0.005, 50.0),
        (600e3, 3e6, 0.0065, 950.0),
        (3e6, 12e6, 0.01, 11_450.0),
        (12e6, 70e6, 0.02, 131_450.0),
        (70e6, 100e6, 0.025, 481_450.0),
        (100e6, 230e6, 0.05, 2_981_450.0),
        (230e6, 480e6, 0.1, 14_481_450.0),
        (480e6, 600e6, 0.125, 26_481_450.0),
        (600e6, 800e6, 0.15, 41_481_450.0),
        (800e6, 1.2e9, 0.25, 121_481_450.0),
        (1.2e9, 1.8e9, 0.5, 421_481_450.0),
    ]
)


@compiled
def margin_at(notional: float, tiers: Tiers) -> tuple[float, float]:
    """Rate and cum of the tier that holds `notional` (a cap belongs to the lower tier)."""
    if notional <= 0.0:
        return 0.0, 0.0
    k = 0
    while k + 1 < tiers.shape[0] and notional > tiers[k, 1]:
        k += 1
    return tiers[k, 2], tiers[k, 3]


@compiled
def margin_excess(
    x: float, wallet: float, qty_l: float, avg_l: float, qty_s: float, avg_s: float, tiers: Tiers
) -> tuple[float, float]:
    """Equity less maintenance margin of both sides at price x, and its slope there."""
    rate_l, cum_l = margin_at(qty_l * x, tiers)
    rate_s, cum_s = margin_at(qty_s * x, tiers)
    slope = qty_l * (1.0 - rate_l) - qty_s * (1.0 + rate_s)
    return wallet - qty_l * avg_l + qty_s * avg_s + cum_l + cum_s + slope * x, slope


@compiled
def liquidation_between(
    start: float,
    wallet: float,
    qty_l: float,
    avg_l: float,
    qty_s: float,
    avg_s: float,
    tiers: Tiers,
) -> float:
    """The price at which the margin is used up, approached from `start` beyond it.

    The excess is concave and piecewise linear in the price (rates rise with the notional), so
    Newton's steps from a price where it is negative end on the crossing after finitely many
    pieces: the solution is exact tier by tier. Returns NaN where there is no such price.
    """
    x = start
    for _ in range(_NEWTON_LIMIT):
        excess, slope = margin_excess(x, wallet, qty_l, avg_l, qty_s, avg_s, tiers)
        if slope == 0.0:
            return np.nan
        nearer = x - excess / slope
        if nearer == x or abs(excess) <= 1e-12 * (abs(slope) * x + abs(wallet)):
            return nearer
        x = nearer
    return x


def liquidation_prices(
    wallet: float,
    qty_l: float,
    avg_l: float,
    qty_s: float,
    avg_s: float,
    tiers: Tiers = BTC_TIERS,
) -> tuple[float, float]:
    """Cross-margin liquidation prices of a hedged pair: below and above the market.

    `wallet` is the cross wallet balance, less the maintenance margin and plus the unrealised
    result of other contracts. 0.0 where there is no such price.
    Source: Binance, "How to calculate liquidation price of USDT-M futures contracts".
    """
    below = above = 0.0
    if qty_l > 0.0:
        excess, _ = margin_excess(1e-9, wallet, qty_l, avg_l, qty_s, avg_s, tiers)
        if excess < 0.0:
            below = float(liquidation_between(1e-9, wallet, qty_l, avg_l, qty_s, avg_s, tiers))
    if qty_l > 0.0 or qty_s > 0.0:
        far = 1e6 * max(avg_l, avg_s)
        excess, slope = margin_excess(far, wallet, qty_l, avg_l, qty_s, avg_s, tiers)
        if slope < 0.0 and excess < 0.0:
            above = float(liquidation_between(far, wallet, qty_l, avg_l, qty_s, avg_s, tiers))
    return max(below, 0.0), max(above, 0.0)


def get_margin_tier(notional: float, tiers: Tiers = BTC_TIERS) -> tuple[float, float]:
    """Maintenance-margin rate and cum for `notional` in quote currency."""
    rate, cum = margin_at(float(notional), tiers)
    return float(rate), float(cum)


def calculate_maintenance_margin(notional: float, tiers: Tiers = BTC_TIERS) -> float:
    """Maintenance margin of `notional`, quote currency: `notional * mmr - cum`."""
    rate, cum = get_margin_tier(notional, tiers)
    return notional * rate - cum


def calculate_liquidation_price(
    entry_price: float,
    position_size: float,
    wallet_balance: float,
    side: int,
    leverage: float = 1.0,  # noqa: ARG001  (part of the public signature; see below)
    tiers: Tiers = BTC_TIERS,
) -> float:
    """Liquidation price of one position that `wallet_balance` stands for; 0.0 if there is none.

    `side` is 1 for long, -1 for short; `position_size` is in base units. The leverage sets the
    initial margin alone: under cross margin the liquidation price does not depend on it.

    Raises ValueError for a side that is neither 1 nor -1.
    """
    if side not in (1, -1):
        raise ValueError(f"side must be 1 (long) or -1 (short), not {side!r}")
    size, entry = abs(float(position_size)), float(entry_price)
    long_side = side == 1
    below, above = liquidation_prices(
        float(wallet_balance),
        size if long_side else 0.0,
        entry if long_side else 0.0,
        0.0 if long_side else size,
        0.0 if long_side else entry,
        tiers,
    )
    return below if long_side else above


def calculate_var_95(portfolio_value: float, sigma_15m: float) -> float:
    """One-bar 95 % value at risk in quote currency; `sigma_15m` is the bar's volatility."""
    return VAR_95 * portfolio_value * sigma_15m


def check_var_constraint(
    open_notional: float, sigma_15m: float, max_drawdown_pct: float, equity: float
) -> bool:
    """Whether the one-bar value at risk exceeds `max_drawdown_pct` of the equity (blocked)."""
    return calculate_var_95(open_notional, sigma_15m) > max_drawdown_pct * equity


@compiled
def var_blocks(
    notional: float, sigma: float, horizon_root: float, max_drawdown_pct: float, equity: float
) -> bool:
    """Whether the value at risk over the horizon exceeds `max_drawdown_pct` of the equity.

    `horizon_root` is the square root of the horizon in bars.
    """
    return notional * VAR_95 * sigma * horizon_root > max_drawdown_pct * equity


def calculate_portfolio_var(
    exposures: npt.NDArray[np.float64], returns: npt.NDArray[np.float64]
) -> tuple[float, float]:
    """One-bar 95 % value at risk of several coins, and their mean pairwise correlation.

    `exposures` has shape (coins,), signed, quote currency; `returns` (bars, coins). From the
    returns' covariance; if the mean correlation exceeds 0.80 the exposures simply add up.

    Raises ValueError where the shapes do not fit or there are fewer than two bars.
    """
    if returns.ndim != 2 or returns.shape[1] != len(exposures) or returns.shape[0] < 2:
        raise ValueError("returns must have shape (bars >= 2, one column per exposure)")
    covariance = np.atleast_2d(np.cov(returns, rowvar=False))
    sigma = np.sqrt(np.diag(covariance))
    coins = len(exposures)
    correlation = 0.0
    if coins > 1:
        scale = np.outer(sigma, sigma)
        ratio = np.divide(covariance, scale, out=np.zeros_like(scale), where=scale > 0)
        correlation = float((ratio.sum() - np.trace(ratio)) / (coins * (coins - 1)))
    if correlation > HIGH_CORRELATION:
        return float(VAR_95 * np.sum(np.abs(exposures) * sigma)), correlation
    return float(VAR_95 * np.sqrt(exposures @ covariance @ exposures)), correlation
