"""Parameters and market as the one flat record that compiled code reads, and the fill models.

`StrategyParams` and `Market` stay outside the kernel; `kernel_rules` writes what it needs of both
into a record of fixed layout (RULES).
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from engine.params import StrategyParams
from exchange.market import Market

RULES = np.dtype(
    [
        # market
        ("tick", "f8"),
        ("step", "f8"),
        ("min_notional", "f8"),
        # grid
        ("arithmetic", "?"),
        ("grid_spacing_k", "f8"),
        ("grid_levels", "i8"),
        ("spacing_floor", "f8"),
        ("adaptive_floor_scale", "f8"),
        ("regen_drift_mult", "f8"),
        ("tp_concentration", "f8"),
        ("order_pct", "f8"),
        ("max_orders", "i8"),
        ("allow_short", "?"),
        # inventory
        ("gamma", "f8"),
        ("kappa", "f8"),
        ("as_time_horizon", "f8"),
        ("max_inventory_per_side", "i8"),
        # trailing and breaker
        ("trailing_enabled", "?"),
        ("trailing_activation_er", "f8"),
        ("trailing_reserve_pct", "f8"),
        ("trailing_cap_price", "f8"),  # inf: no cap
        ("circuit_breaker_enabled", "?"),
        ("halt_z_threshold", "f8"),
        ("resume_z_threshold", "f8"),
        # pruning
        ("max_position_age_ms", "f8"),
        ("deviance_sigma", "f8"),
        ("gap_prune_mult", "f8"),
        ("funding_cost_ratio", "f8"),
        ("offset_prune_ratio", "f8"),
        ("offset_min_spacings", "f8"),
        ("prune_cooldown_bars", "i8"),
        # risk
        ("max_drawdown_pct", "f8"),
        ("var_horizon_root", "f8"),
        ("atr_sl_mult", "f8"),
        ("max_position_pct", "f8"),
        ("stop_cooldown_bars", "i8"),
        ("stop_cooldown_thresh", "i8"),
        ("kelly_window", "i8"),
        ("low_volume_threshold", "f8"),
        ("leverage", "f8"),
        # funding
        ("funding_threshold", "f8"),
        ("funding_harvest_threshold", "f8"),
        # execution
        ("fee_maker", "f8"),
        ("fee_taker", "f8"),
        ("fee_take_profit", "f8"),  # of a resting take-profit
        ("liquidation_fee", "f8"),
        ("slippage", "f8"),
        ("penetration", "f8"),  # fraction of the price the market must trade through a limit
        ("penetration_ticks", "f8"),  # and ticks
        ("refuse_crossed", "?"),  # a new entry that the open crosses is refused
    ]
)


class FillModel(NamedTuple):
    """How kind the simulated exchange is to us."""

    meaning: str
    refuse_crossed: bool = True
    slips: bool = True
    penetration_ticks: float = 0.0
    taker_take_profits: bool = False


FILL_MODELS = {
    "touch": FillModel(
        "optimistic: every touched limit fills, none is refused, no slippage",
        refuse_crossed=False,
        slips=False,
    ),
    "path": FillModel("default: limits fill when the bar's path reaches them"),
    "strict": FillModel(
        "pessimistic: the market must trade one tick through, take-profits pay the taker fee",
        penetration_ticks=1.0,
        taker_take_profits=True,
    ),
}


def kernel_rules(
    params: StrategyParams, market: Market, fill_model: str = "path"
) -> npt.NDArray[Any]:
    """The record (shape (1,)) for these parameters on this market under a fill model."""
    model = FILL_MODELS[fill_model]
    values = params.model_dump()
    values.update(
        tick=float(market.tick),
        step=float(market.step),
        min_notional=float(market.min_notional),
        arithmetic=params.grid_mode == "arithmetic",
        trailing_cap_price=params.trailing_cap_price or np.inf,
        var_horizon_root=params.var_horizon_bars**0.5,
        max_position_age_ms=params.max_position_age_hours * 3_600_000.0,
        fee_take_profit=params.fee_taker if model.taker_take_profits else params.fee_maker,
        slippage=params.slippage if model.slips else 0.0,
        penetration=params.fill_penetration_bps * 1e-4,
        penetration_ticks=model.penetration_ticks,
        refuse_crossed=model.refuse_crossed,
    )
    rules = np.zeros(1, RULES)
    for name in RULES.names or ():
        rules[name] = values[name]
    return rules
