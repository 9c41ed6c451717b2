"""The guide's Python examples, word for word but for where things are imported from (about 4 s).

`from config import` is `from engine.params import`, `backtest.simulator` is `engine.simulator`,
`backtest.data_fetcher` is `exchange.candles`, `core.kama` and `core.atr` are in `indicators`,
`core.grid`, `core.inventory` and `core.risk` in `engine`. The candles are those of the simulated
market.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

# fmt: off
# the examples keep the guide's own quotes and spacing

Printed = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True, scope="module")
def _simulated_market() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRIDTUI_SOURCE", "sim")
        yield


@pytest.fixture(scope="module")
def result() -> dict[str, Any]:
    """What the guide's basic use of the strategy leaves behind for the examples after it."""
    from engine.params import STRATEGY_PARAMS
    from engine.strategy import GridStrategyV4
    from exchange.candles import fetch_data

    # Fetch data
    df = fetch_data('BTC/USDT', '15m', '2024-01-01')

    # Create strategy
    config = STRATEGY_PARAMS.copy()
    config['initial_capital'] = 10000
    strat = GridStrategyV4(config)

    # Run backtest
    result = strat.run(df)

    # Access results
    equity_curve = result['equity_curve']    # numpy array, length = len(df)
    trades = result['trades']                # list of trade dicts
    regime_log = result['regime_log']        # numpy array of regime codes per bar
    metrics = result['metrics']              # dict of performance metrics

    assert isinstance(equity_curve, np.ndarray)
    assert len(equity_curve) == len(regime_log) == len(df)
    assert isinstance(trades, list)
    assert isinstance(trades[0], dict)
    assert metrics['initial_capital'] == 10000
    return {**result, 'df': df}


def test_simulator_single_coin(capsys: Printed) -> None:
    from engine.simulator import BacktestSimulator

    # Use default config
    sim = BacktestSimulator()
    result = sim.run_single('BTC/USDT', start='2024-01-01')

    print(result['metrics']['total_return_pct'])
    print(result['metrics']['sharpe_ratio'])
    print(result['metrics']['max_drawdown_pct'])

    assert all(np.isfinite(float(line)) for line in capsys.readouterr().out.split())


def test_simulator_multiple_coins(capsys: Printed) -> None:
    from engine.simulator import BacktestSimulator

    sim = BacktestSimulator()
    all_results = sim.run_multi(
        coins=['BTC/USDT', 'ETH/USDT', 'SOL/USDT'],
        start='2024-01-01',
        end='2024-12-31'
    )

    # Per-coin results
    for coin, result in all_results.items():
        if coin == '_portfolio':
            continue
        print(f"{coin}: {result['metrics']['total_return_pct']:+.2f}%")

    # Aggregated portfolio metrics
    portfolio = all_results['_portfolio']
    print(f"Portfolio Return: {portfolio['metrics']['total_return_pct']:+.2f}%")

    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "BTC/USDT", "ETH/USDT", "SOL/USDT", "Portfolio Return",
    ]


def test_simulator_custom_configuration() -> None:
    from engine.params import STRATEGY_PARAMS
    from engine.simulator import BacktestSimulator

    custom_config = STRATEGY_PARAMS.copy()
    custom_config.update({
        'initial_capital': 50000,
        'grid_levels': 15,
        'gamma': 0.3,
        'allow_short': False,
        'trailing_enabled': True,
    })

    sim = BacktestSimulator(config=custom_config)
    result = sim.run_single('ETH/USDT', start='2024-01-01')

    assert result['metrics']['initial_capital'] == 50000
    assert result['metrics']['shorts_opened'] == 0
    assert result['metrics']['longs_opened'] > 0


def test_simulator_custom_backtest_config() -> None:
    from engine.params import STRATEGY_PARAMS
    from engine.simulator import BacktestSimulator

    custom_bt_config = {
        'coins': ['BTC/USDT', 'SOL/USDT'],
        'start_date': '2023-06-01',
        'end_date': '2024-06-01',
        'timeframe': '15m',
    }

    sim = BacktestSimulator(
        config=STRATEGY_PARAMS,
        backtest_config=custom_bt_config
    )
    results = sim.run_multi()

    assert list(results) == ['BTC/USDT', 'SOL/USDT', '_portfolio']
    assert len(results['SOL/USDT']['equity_curve']) == 366 * 96


def test_accessing_trade_data(result: dict[str, Any], capsys: Printed) -> None:
    trades_df = pd.DataFrame(result['trades'])
    trades_df['datetime'] = pd.to_datetime(trades_df['timestamp'], unit='ms')

    # Filter by type
    longs_opened = trades_df[trades_df['label'] == 'BUY_OPEN_LONG']
    stops = trades_df[trades_df['label'].str.contains('STOP')]
    prunes = trades_df[trades_df['label'].str.contains('PRUNE')]

    # Profitable trades only
    profitable = trades_df[trades_df['pnl'] > 0]
    print(f"Average win: ${profitable['pnl'].mean():.2f}")
    print(f"Largest win: ${profitable['pnl'].max():.2f}")

    metrics = result['metrics']
    assert len(longs_opened) == metrics['longs_opened']
    assert len(stops) == metrics['stops']
    assert len(prunes) == metrics['prunes']
    assert capsys.readouterr().out.count("$") == 2


def test_accessing_the_equity_curve(result: dict[str, Any], capsys: Printed) -> None:
    ec = result['equity_curve']

    # Max drawdown
    peak = np.maximum.accumulate(ec)
    drawdown = (peak - ec) / peak * 100
    print(f"Max Drawdown: {drawdown.max():.2f}%")

    # Returns
    returns = np.diff(ec) / ec[:-1]
    print(f"Daily return (avg): {np.mean(returns) * 96:.4f}%")  # 96 bars per day

    shown = f"Max Drawdown: {result['metrics']['max_drawdown_pct']:.2f}%"
    assert capsys.readouterr().out.splitlines()[0] == shown


def test_regime_analysis(result: dict[str, Any], capsys: Printed) -> None:
    from indicators.kama import REGIME_NAMES

    regime_log = result['regime_log']

    # Count bars per regime
    for code, name in REGIME_NAMES.items():
        count = np.sum(regime_log == code)
        pct = count / len(regime_log) * 100
        print(f"{name}: {count} bars ({pct:.1f}%)")

    bars = [int(line.split()[1]) for line in capsys.readouterr().out.splitlines()]
    assert len(bars) == 5
    assert sum(bars) == len(regime_log)


def test_parameter_sweep(capsys: Printed) -> None:
    from engine.params import STRATEGY_PARAMS
    from engine.strategy import GridStrategyV4
    from exchange.candles import fetch_data

    df = fetch_data('BTC/USDT', '15m', '2024-01-01')

    results = {}
    for gamma in [0.1, 0.3, 0.5, 1.0, 2.0]:
        config = STRATEGY_PARAMS.copy()
        config['gamma'] = gamma
        strat = GridStrategyV4(config)
        result = strat.run(df)
        results[gamma] = result['metrics']
        print(f"gamma={gamma}: Return={result['metrics']['total_return_pct']:+.2f}%, "
              f"DD={result['metrics']['max_drawdown_pct']:.2f}%")

    assert len(set(capsys.readouterr().out.splitlines())) == 5
    assert len({metrics['final_capital'] for metrics in results.values()}) > 1


def test_indicators_only(result: dict[str, Any]) -> None:
    df = result['df']

    # Indicators only
    from indicators.atr import calculate_atr, calculate_rolling_volatility, calculate_z_score
    from indicators.kama import calculate_er, calculate_kama, detect_regime

    closes = df['close'].values.astype(np.float64)
    highs = df['high'].values.astype(np.float64)
    lows = df['low'].values.astype(np.float64)

    er = calculate_er(closes, period=10)
    kama = calculate_kama(closes, er, fast_period=2, slow_period=30)
    atr = calculate_atr(highs, lows, closes, period=14)
    z = calculate_z_score(closes, atr, period=20)
    vol = calculate_rolling_volatility(closes, period=14)
    regime = detect_regime(kama, er, atr, threshold=0.15, er_trend_thresh=0.5)

    for column in (er, kama, atr, z, vol, regime):
        assert len(column) == len(df)
        assert np.isfinite(column[100:]).all()


def test_grid_generation_only() -> None:
    # Grid generation only
    from engine.grid import calculate_dynamic_spacing, generate_grid_levels

    spacing = calculate_dynamic_spacing(
        atr=500, spacing_k=1.0, spacing_floor=0.005, ref_price=50000)
    buy_levels, sell_levels = generate_grid_levels(
        anchor_price=50000, buy_spacing=spacing, sell_spacing=spacing, grid_levels_count=10)

    assert spacing == 500
    assert len(buy_levels) == len(sell_levels) == 10
    assert max(buy_levels) < 50000 < min(sell_levels)


def test_avellaneda_stoikov_only() -> None:
    # Avellaneda-Stoikov only
    from engine.inventory import (
        calculate_optimal_spread,
        calculate_reservation_price,
        get_skewed_grid_params,
    )

    r = calculate_reservation_price(
        mid_price=50000, inventory_q=0.3, gamma=0.5, volatility=0.002)
    delta = calculate_optimal_spread(volatility=0.002, gamma=0.5, kappa=1.5)
    buy_sp, sell_sp, anchor = get_skewed_grid_params(
        mid_price=50000, inventory_q=0.3, gamma=0.5, volatility=0.002, kappa=1.5,
        time_horizon=96.0)  # T=96 = 1 day; produces ~$2 skew at full inventory

    assert r < 50000
    assert delta > 0
    assert buy_sp > 0
    assert sell_sp > 0
    assert 49990 < anchor < 50000


def test_risk_calculations_only() -> None:
    # Risk calculations only
    from engine.risk import (
        calculate_liquidation_price,
        calculate_var_95,
        check_var_constraint,
        get_margin_tier,
    )

    mmr, cum = get_margin_tier(100000)  # $100K notional
    liq = calculate_liquidation_price(entry_price=50000, position_size=0.1,
                                      wallet_balance=1000, side=1, leverage=5.0)
    var = calculate_var_95(portfolio_value=50000, sigma_15m=0.002)
    blocked = check_var_constraint(50000, 0.002, 0.15, 10000)

    assert (mmr, cum) == (0.005, 50.0)
    assert 40000 < liq < 50000
    assert var == pytest.approx(165.0)
    assert not blocked


def test_sensitivity_analysis(capsys: Printed) -> None:
    # sensitivity_test.py
    from engine.params import STRATEGY_PARAMS
    from engine.strategy import GridStrategyV4
    from exchange.candles import fetch_data

    df = fetch_data('BTC/USDT', '15m', '2024-01-01')

    print(f"{'Gamma':<10} {'Return':>10} {'MaxDD':>10} {'Sharpe':>10} {'Calmar':>10}")
    print("-" * 50)

    for gamma in [0.1, 0.3, 0.5, 0.8, 1.0, 1.5, 2.0]:
        config = STRATEGY_PARAMS.copy()
        config['gamma'] = gamma
        strat = GridStrategyV4(config)
        r = strat.run(df)
        m = r['metrics']
        print(f"{gamma:<10.1f} {m['total_return_pct']:>+9.2f}% "
              f"{m['max_drawdown_pct']:>9.2f}% "
              f"{m['sharpe_ratio']:>10.3f} "
              f"{m['calmar_ratio']:>10.3f}")

    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 9
    assert {len(line) for line in lines[2:]} == {54}
