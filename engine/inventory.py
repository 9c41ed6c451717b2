"""Inventory control: where the grid is centred and how wide it must at least be.

Reservation price and spread after Avellaneda and Stoikov (2008), in relative prices: volatility is
the standard deviation of one bar's log return, the horizon is in bars, q is the position of a side
as a fraction of its limit in [-1, 1].
"""

import math

from indicators.compiled import compiled


@compiled
def calculate_reservation_price(
    mid_price: float,
    inventory_q: float,
    gamma: float,
    volatility: float,
    time_horizon: float = 96.0,
) -> float:
    """The price at which holding `inventory_q` is neutral: `mid * (1 - q gamma sigma^2 T)`."""
    return mid_price * (1.0 - inventory_q * gamma * volatility * volatility * time_horizon)


@compiled
def calculate_optimal_spread(
    volatility: float, gamma: float, kappa: float, time_horizon: float = 96.0
) -> float:
    """Optimal bid-ask spread as a fraction of the price.

    `gamma sigma^2 T + (2/gamma) ln(1 + gamma sigma/kappa)`, and its limit `2 sigma/kappa` for
    gamma -> 0; kappa is the decay of the fill probability per sigma of distance.
    """
    if gamma < 1e-12:
        return 2.0 * volatility / kappa
    risk = gamma * volatility * volatility * time_horizon
    return risk + (2.0 / gamma) * math.log1p(gamma * volatility / kappa)


@compiled
def get_skewed_grid_params(
    mid_price: float,
    inventory_q: float,
    gamma: float,
    volatility: float,
    kappa: float,
    time_horizon: float = 96.0,
) -> tuple[float, float, float]:
    """Buy spacing, sell spacing (prices; half the optimal spread each) and the skewed anchor."""
    half = 0.5 * mid_price * calculate_optimal_spread(volatility, gamma, kappa, time_horizon)
    anchor = calculate_reservation_price(mid_price, inventory_q, gamma, volatility, time_horizon)
    return half, half, anchor


@compiled
def side_anchor(
    price: float,
    position: float,
    full_position: float,
    gamma: float,
    volatility: float,
    time_horizon: float,
    spacing: float,
) -> float:
    """The anchor of one side's grid, never farther than one spacing from `price`.

    `position` is signed (short negative), `full_position` the quantity at the side's limit.
    """
    q = position / full_position if full_position > 0.0 else 0.0
    q = min(max(q, -1.0), 1.0)
    anchor = calculate_reservation_price(price, q, gamma, volatility, time_horizon)
    return min(max(anchor, price - spacing), price + spacing)
