"""The settings of the strategy and their defaults, as the specification lists them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Params:
    """Every setting with its default; an unknown name is a TypeError."""

    # signal
    kama_period: int = 10
    kama_fast: int = 2
    kama_slow: int = 30
    atr_period: int = 14
    adx_period: int = 14
    adx_trend_threshold: float = 25.0
    regime_threshold: float = 0.25
    er_trend_threshold: float = 0.4
    regime_hysteresis_bars: int = 2
    regime_timeframe_mult: int = 4
    use_ml_regime: bool = False
    # grid
    grid_mode: str = "geometric"
    grid_spacing_k: float = 2.0
    grid_levels: int = 3
    spacing_floor: float = 0.008
    adaptive_floor_scale: float = 2.5
    regen_drift_mult: float = 3.5
    tp_concentration: float = 0.6
    order_pct: float = 0.05
    max_orders: int = 500
    # inventory
    gamma: float = 0.5
    kappa: float = 1.5
    as_time_horizon: float = 96.0
    max_inventory_per_side: int = 3
    # trailing
    trailing_enabled: bool = True
    trailing_activation_er: float = 0.65
    trailing_reserve_pct: float = 0.25
    trailing_cap_price: float | None = None
    # breaker
    circuit_breaker_enabled: bool = True
    halt_z_threshold: float = -3.0
    resume_z_threshold: float = -1.0
    # pruning
    max_position_age_hours: float = 24.0
    deviance_sigma: float = 3.5
    gap_prune_mult: float = 6.0
    funding_cost_ratio: float = 0.5
    offset_prune_ratio: float = 1.5
    offset_min_spacings: float = 2.0
    prune_cooldown_bars: int = 6
    # risk
    max_drawdown_pct: float = 0.15
    var_horizon_bars: int = 96
    atr_sl_mult: float = 4.5
    max_position_pct: float = 0.7
    stop_cooldown_bars: int = 48
    stop_cooldown_thresh: int = 2
    low_volume_threshold: float = 0.5
    kelly_window: int = 80
    leverage: float = 1.0
    allow_short: bool = True
    # funding
    funding_threshold: float = 0.0003
    funding_harvest_threshold: float = 0.0002
    # execution
    initial_capital: float = 10_000.0
    fee_maker: float = 0.0002
    fee_taker: float = 0.0005
    slippage: float = 0.0005
    liquidation_fee: float = 0.0125
    fill_penetration_bps: float = 0.0
