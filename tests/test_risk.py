"""Liquidation, margin tiers and value at risk (under 1 s once the kernel is compiled)."""

import math

import numpy as np
import pytest

if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__, "-v"]))

from engine.account import SHORT
from engine.risk import (
    BTC_TIERS,
    calculate_liquidation_price,
    calculate_maintenance_margin,
    calculate_portfolio_var,
    calculate_var_95,
    check_var_constraint,
    get_margin_tier,
    liquidation_prices,
    var_blocks,
)
from exchange.market import market_for
from tests.handmade import market, play

LOT = [(1920.0, 1.3)]  # stage 1 at 1740, stage 2 at 1650
SHORT_LOT = [(2080.0, 1.2)]  # stage 1 at 2260, stage 2 at 2350
BIG_LOT = [(1920.0, 260.4)]  # 5 x the wallet
BIG = {"leverage": 10, "grid_levels": 0, "atr_sl_mult": 1e3, "gap_prune_mult": 1e3}
BIG |= {"max_drawdown_pct": 1.0}


def one_tier(rate: float, cum: float = 0.0) -> np.ndarray:
    return np.array([(0.0, 1e12, rate, cum)])


class TestLiquidation:
    def test_it_closes_all_where_equity_equals_the_maintenance_margin(self) -> None:
        # 100,000 + 260.4 (x - 1920) = 0.004 * 260.4 x
        played = play([1950, (1950, 1950, 1500, 1600)], longs=BIG_LOT, liquidation_fee=0.001, **BIG)
        price = (260.4 * 1920 - 100_000) / (260.4 * 0.996)
        row = played.rows[0]
        assert (row.label, row.side, row.qty) == ("LIQUIDATION", "long", 260.4)
        assert row.price == pytest.approx(price, abs=1e-7)
        assert row.fee == pytest.approx(0.001 * 260.4 * price, abs=1e-6)
        assert row.pnl == pytest.approx(260.4 * (price - 1920) - row.fee, abs=1e-6)
        assert played.account["liquidations"] == len(played.rows) == 1
        assert played.account["insurance"] == 0.0

    def test_nothing_happens_a_tick_above_that_price(self) -> None:
        assert play([1950, (1950, 1950, 1542.2, 1600)], longs=BIG_LOT, **BIG).fills == []

    def test_the_price_is_solved_in_the_tier_that_holds_there(self) -> None:
        # Above 400,000 the rate is 1 % and cum 2400.
        tiers = [(0, 400_000, 0.004, 0), (400_000, 1e9, 0.01, 2400)]
        crash = [1950, (1950, 1950, 1500, 1600)]
        played = play(crash, longs=BIG_LOT, on=market(tiers=tiers), **BIG)
        price = (260.4 * 1920 - 100_000 - 2400) / (260.4 * 0.99)
        assert price * 260.4 > 400_000
        assert played.rows[0].price == pytest.approx(price, abs=1e-7)

    def test_a_short_is_liquidated_on_the_way_up(self) -> None:
        played = play([2050, (2050, 2600, 2050, 2600)], shorts=[(2080, 240.3)], **BIG)
        assert played.rows[0][1:3] == ("short", "LIQUIDATION")
        expected = (100_000 + 240.3 * 2080) / (240.3 * 1.004)
        assert played.rows[0].price == pytest.approx(expected, abs=1e-7)

    def test_both_sides_share_one_margin_and_close_together_long_first(self) -> None:
        crash = [1950, (1950, 1950, 1500, 1600)]
        both = play(crash, longs=BIG_LOT, shorts=[(1300, 60)], liquidation_fee=0.001, **BIG)
        price = (260.4 * 1920 - 60 * 1300 - 100_000) / (200.4 - 0.004 * 320.4)
        assert [row.side for row in both.rows] == ["long", "short"]
        for row in both.rows:
            assert row.label == "LIQUIDATION"
            assert row.price == pytest.approx(price, abs=1e-7)
            assert row.fee == pytest.approx(0.001 * row.qty * price, abs=1e-6)

    def test_the_fee_is_at_most_what_is_left(self) -> None:
        # 1.25 % would be 5020, but only the maintenance margin is left.
        played = play([1950, (1950, 1950, 1500, 1600)], longs=BIG_LOT, **BIG)
        price = (260.4 * 1920 - 100_000) / (260.4 * 0.996)
        assert played.rows[0].fee == pytest.approx(0.004 * 260.4 * price, abs=1e-6)
        assert played.equity[1] == pytest.approx(0.0, abs=1e-6)

    def test_the_second_side_pays_from_what_the_first_has_left(self) -> None:
        crash = [1950, (1950, 1950, 1500, 1600)]
        played = play(crash, longs=BIG_LOT, shorts=[(1300, 60)], **BIG)
        assert played.rows[1].fee == pytest.approx(0.0, abs=1e-6)
        assert played.account["insurance"] == pytest.approx(0.0, abs=1e-6)

    def test_an_entry_that_waits_beyond_it_does_not_fill(self) -> None:
        # 300 coins are liquidated at 1593; the entry waits at 1950 * 0.8 = 1560.
        wide = BIG | {"grid_levels": 1, "spacing_floor": 0.2, "order_pct": 0.001}
        played = play([1950, (1950, 1950, 1500, 1600)], longs=[(1920, 300.0)], **wide)
        assert [row.label for row in played.rows] == ["LIQUIDATION"]

    def test_a_gap_past_it_closes_at_the_open_and_the_shortfall_is_insured(self) -> None:
        played = play([1950, (1400, 1500, 1400, 1500)], longs=BIG_LOT, **BIG)
        assert played.fills == [(1, "LIQUIDATION", 1400.0, 260.4)]
        assert played.rows[0].fee == 0.0
        assert played.account["insurance"] == pytest.approx(260.4 * 520 - 100_000)
        assert played.equity[1] == played.account["wallet"] == 0.0

    def test_a_stop_that_lies_before_it_comes_first(self) -> None:
        near = BIG | {"atr_sl_mult": 4.5}
        played = play([1950, (1950, 1950, 1500, 1600)], longs=BIG_LOT, **near)
        assert played.fills == [(1, "STOP_LONG", 1649.175, 260.4)]

    def test_it_takes_the_resting_entries_away_and_lays_a_new_grid(self) -> None:
        still = BIG | {"grid_levels": 1, "regen_drift_mult": 100.0, "regime": -1}
        candles = [1950, (1950, 1950, 1500, 1600), 1600]
        at_once = play(candles[:2], longs=BIG_LOT, **still)
        later = play(candles, longs=BIG_LOT, **still)
        assert at_once.entries(SHORT) == []
        assert later.anchor(SHORT) == 1600.0

    def test_nothing_opens_where_nothing_is_left(self) -> None:
        played = play([1950, (1400, 1400, 1400, 1400), 1400, 1400], longs=BIG_LOT, **BIG)
        assert len(played.fills) == 1
        assert played.equity[-1] == 0.0


class TestMarginTiers:
    def test_a_cap_belongs_to_the_lower_tier(self) -> None:
        assert get_margin_tier(50_000.0) == (0.004, 0.0)
        assert get_margin_tier(50_000.01) == (0.005, 50.0)
        assert get_margin_tier(0.0) == (0.0, 0.0)

    def test_the_last_tier_goes_on(self) -> None:
        assert get_margin_tier(9e9) == (0.5, 421_481_450.0)

    def test_maintenance_margin_is_rate_times_notional_less_cum(self) -> None:
        assert calculate_maintenance_margin(100_000.0) == pytest.approx(450.0)
        assert calculate_maintenance_margin(700_000.0) == pytest.approx(3600.0)

    def test_it_is_continuous_from_tier_to_tier(self) -> None:
        for cap in BTC_TIERS[:-1, 1]:
            below, above = (calculate_maintenance_margin(cap * x) for x in (1.0, 1.0 + 1e-12))
            assert below == pytest.approx(above, rel=1e-9)

    def test_the_scripting_default_is_the_published_table(self) -> None:
        np.testing.assert_array_equal(BTC_TIERS, market_for("BTC").tier_table)


class TestLiquidationPrice:
    @pytest.mark.parametrize(
        ("wallet", "size", "entry", "rate", "cum", "expected"),
        [
            # Binance's published example: isolated, then cross with the other contract's margin
            # and unrealised result taken from the wallet
            (1_535_443.01, 3683.979, 1456.84, 0.10, 135_365.0, 1114.78),
            (1_535_443.01, 109.488, 32_481.98, 0.025, 16_300.0, 18_778.73),
            (1_535_443.01 - 71_200.81 - 56_354.57, 3683.979, 1456.84, 0.10, 135_365.0, 1153.26),
            (
                1_535_443.01 - 356_512.51 - 448_192.89,
                109.488,
                32_481.98,
                0.025,
                16_300.0,
                26_316.89,
            ),
        ],
    )
    def test_published_examples(
        self, wallet: float, size: float, entry: float, rate: float, cum: float, expected: float
    ) -> None:
        price = calculate_liquidation_price(entry, size, wallet, 1, tiers=one_tier(rate, cum))
        assert price == pytest.approx(expected, abs=0.006)

    @pytest.mark.parametrize(
        ("long", "short", "below", "above"),
        [
            (0.1, 0.04, 42_395.693, 0.0),
            (0.05, 0.05, 0.0, 2_750_000.0),
            (0.04, 0.1, 0.0, 79_260.238),
        ],
    )
    def test_hedged_pairs(self, long: float, short: float, below: float, above: float) -> None:
        prices = liquidation_prices(1000.0, long, 60_000.0, short, 62_000.0, one_tier(0.004))
        assert prices == pytest.approx((below, above), abs=0.0006)

    def test_equity_equals_the_maintenance_margin_there_in_whatever_tier(self) -> None:
        for size in (0.5, 5.0, 50.0, 500.0, 2000.0):
            for side in (1, -1):
                wallet = 0.1 * size * 60_000.0
                price = calculate_liquidation_price(60_000.0, size, wallet, side)
                equity = wallet + side * (price - 60_000.0) * size
                assert equity == pytest.approx(calculate_maintenance_margin(price * size), rel=1e-9)

    def test_there_is_none_where_the_wallet_covers_everything(self) -> None:
        assert calculate_liquidation_price(60_000.0, 0.1, 6000.0, 1) == 0.0
        assert liquidation_prices(1000.0, 0.0, 0.0, 0.0, 0.0) == (0.0, 0.0)

    def test_leverage_does_not_move_it(self) -> None:
        prices = {
            calculate_liquidation_price(60_000.0, 1.0, 9000.0, 1, x) for x in (1.0, 5.0, 20.0)
        }
        assert len(prices) == 1

    def test_a_side_that_is_neither_is_an_error(self) -> None:
        with pytest.raises(ValueError, match="side must be 1"):
            calculate_liquidation_price(60_000.0, 1.0, 9000.0, 0)


class TestValueAtRiskFormulas:
    def test_the_public_one_looks_one_bar_ahead(self) -> None:
        assert calculate_var_95(10_000.0, 0.01) == pytest.approx(165.0)
        assert check_var_constraint(10_000.0, 0.01, 0.15, 1099.0)
        assert not check_var_constraint(10_000.0, 0.01, 0.15, 1101.0)

    def test_the_strategys_grows_with_the_square_root_of_the_horizon(self) -> None:
        # 10,000 * 1.65 * 0.01 * sqrt(100) = 1650
        assert var_blocks(10_000.0, 0.01, 10.0, 0.15, 10_999.0)
        assert not var_blocks(10_000.0, 0.01, 10.0, 0.15, 11_001.0)

    def test_value_at_risk_at_the_limit_does_not_block(self) -> None:
        assert not var_blocks(100.0, 1.0, 1.0, 0.5, 330.0)  # 165 of 165
        assert not check_var_constraint(100.0, 1.0, 0.5, 330.0)

    def test_a_portfolio_is_judged_by_the_covariance_of_its_returns(self) -> None:
        returns = np.array([[0.01, 0.01], [-0.01, 0.01], [0.01, -0.01], [-0.01, -0.01]])
        var, correlation = calculate_portfolio_var(np.array([3000.0, 4000.0]), returns)
        sigma = 0.01 * math.sqrt(4 / 3)
        assert correlation == pytest.approx(0.0, abs=1e-12)
        assert var == pytest.approx(1.65 * 5000.0 * sigma)

    @pytest.mark.parametrize(("noise", "adds_up"), [(0.002, True), (0.006, False)])
    def test_above_a_correlation_of_080_exposures_add_up(self, noise: float, adds_up: bool) -> None:
        common, own = np.array([1.0, -1, 1, -1]) * 0.01, np.array([1.0, 1, -1, -1]) * noise
        returns = np.column_stack([common + own, common - own])
        sigma = np.std(returns[:, 0], ddof=1)
        expected = (1e-4 - noise**2) / (1e-4 + noise**2)  # 0.92, 0.47
        var, correlation = calculate_portfolio_var(np.array([3000.0, -4000.0]), returns)
        assert correlation == pytest.approx(expected)
        summed = 1.65 * 7000.0 * sigma
        hedged = 1.65 * sigma * math.sqrt(9e6 + 16e6 - 24e6 * expected)
        assert var == pytest.approx(summed if adds_up else hedged)

    def test_one_coin_has_its_own_value_at_risk(self) -> None:
        returns = np.array([[0.01], [-0.01], [0.03]])
        var, correlation = calculate_portfolio_var(np.array([-1000.0]), returns)
        assert (var, correlation) == (pytest.approx(1.65 * 1000 * 0.02), 0.0)

    def test_shapes_that_do_not_fit_are_an_error(self) -> None:
        with pytest.raises(ValueError, match="shape"):
            calculate_portfolio_var(np.ones(2), np.zeros((5, 3)))
        with pytest.raises(ValueError, match="bars >= 2"):
            calculate_portfolio_var(np.ones(2), np.zeros((1, 2)))
