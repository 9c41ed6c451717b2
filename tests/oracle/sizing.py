"""How large an order is, and how far apart orders stand."""

import math

from tests.oracle.params import Params
from tests.oracle.state import Account, Bar, Side

_KELLY_FRACTION = 0.25
_LEAST_RECORDS = 20


def spacing_at(p: float, atr: float, sigma: float, params: Params) -> float:
    """Distance between levels in price units, before any skew."""
    floor = max(params.spacing_floor, params.adaptive_floor_scale * sigma) * p
    wanted = max(params.grid_spacing_k * atr, floor, optimal_spread(p, sigma, params) / 2.0)
    return min(0.20 * p, wanted)


def optimal_spread(p: float, sigma: float, params: Params) -> float:
    """Avellaneda and Stoikov's spread; `kappa` is the decay of fills per sigma of distance."""
    gamma, kappa = params.gamma, params.kappa
    if gamma == 0.0:
        return p * 2.0 * sigma / kappa
    horizon = gamma * sigma**2 * params.as_time_horizon
    return p * (horizon + 2.0 / gamma * math.log1p(gamma * sigma / kappa))


def entry_spacing(side: Side, bar: Bar, params: Params) -> float:
    """Closer for the side with the trend and the one that funding pays, wider for the payer."""
    if bar.regime * side.sign > 0:
        return bar.spacing * max(0.5, 1.0 - bar.er / 2.0)
    if bar.regime == 0 and abs(bar.funding_rate) > params.funding_threshold:
        return bar.spacing * (0.8 if is_paid(side, bar) else 1.2)
    return bar.spacing


def is_paid(side: Side, bar: Bar) -> bool:
    return side.sign * bar.funding_rate < 0.0


def base_notional(account: Account, bar: Bar, params: Params) -> float:
    """Notional of an order before the funding tilt."""
    kelly = kelly_multiple(account, bar, params)
    cooldown = 0.5 if bar.index <= account.cooldown_until else 1.0
    return bar.equity * params.order_pct * kelly * cooldown * params.leverage


def funding_tilt(side: Side, bar: Bar, params: Params) -> float:
    if bar.regime == 0 and abs(bar.funding_rate) > params.funding_harvest_threshold:
        return 1.25 if is_paid(side, bar) else 0.75
    return 1.0


def kelly_multiple(account: Account, bar: Bar, params: Params) -> float:
    """A quarter of Kelly's fraction over `order_pct`, from the lots closed in this regime."""
    records = account.kelly.get(bar.regime, ())
    if len(records) < _LEAST_RECORDS:
        return 0.5
    wins = [pnl for pnl in records if pnl > 0.0]
    losses = [-pnl for pnl in records if pnl <= 0.0]
    if not wins:
        return 0.25
    fraction = len(wins) / len(records)
    if sum(losses) > 0.0:
        odds = (sum(wins) / len(wins)) / (sum(losses) / len(losses))
        fraction -= (1.0 - fraction) / odds
    return min(1.0, max(0.25, _KELLY_FRACTION * fraction / params.order_pct))
