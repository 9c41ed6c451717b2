"""How large orders are: Kelly, tilt, leverage and the caps (under 1 s once it is compiled)."""

from typing import Any

import numpy as np
import pytest

from engine.account import LONG, SHORT
from engine.sizing import kelly_multiplier
from tests.handmade import market, play

NAN = np.nan


def results(*values: float) -> np.ndarray:
    return np.array(values, np.float64)


def records(*values: float, regime: int = 0):
    """Fill the ring of a regime before the first bar."""

    def prepare(account: Any) -> None:
        account["results"][regime + 2, : len(values)] = values
        account["closed_lots"][regime + 2] = len(values)

    return prepare


class TestKellyFormula:
    def test_a_quarter_of_kelly_as_a_multiple_of_the_order(self) -> None:
        # W = 0.6, average win 30, average loss 20: f = 0.6 - 0.4 / 1.5 = 1 / 3
        ring = results(*[30.0] * 12, *[-20.0] * 8)
        assert kelly_multiplier(ring, 20, 0.1) == pytest.approx(0.25 / 3 / 0.1)

    def test_fewer_than_twenty_records_halve_the_order(self) -> None:
        ring = results(*[30.0] * 20)
        assert kelly_multiplier(ring, 19, 0.4) == 0.5
        assert kelly_multiplier(ring, 20, 0.4) == 0.625  # f = W = 1: 0.25 / 0.4
        assert kelly_multiplier(ring, 0, 0.4) == 0.5

    def test_without_a_loss_f_is_the_win_rate(self) -> None:
        assert kelly_multiplier(results(*[0.5] * 20), 20, 0.4) == pytest.approx(0.625)
        # Results of 0 count as losses, but lose nothing: f = W = 0.5.
        half = results(*[5.0] * 10, *[0.0] * 10)
        assert kelly_multiplier(half, 20, 0.4) == pytest.approx(0.25 * 0.5 / 0.4)

    def test_a_result_of_zero_is_a_loss_in_the_average_too(self) -> None:
        # W = 0.5, average win 30, average loss 100 / 10: f = 0.5 - 0.5 / 3 = 1 / 3
        ring = results(*[30.0] * 10, *[-20.0] * 5, *[0.0] * 5)
        assert kelly_multiplier(ring, 20, 0.2) == pytest.approx(0.25 / 3 / 0.2)

    def test_small_results_count_like_large_ones(self) -> None:
        # W = 0.5, average win 0.5, average loss 0.05: f = 0.5 - 0.5 / 10
        ring = results(*[0.5] * 10, *[-0.05] * 10)
        assert kelly_multiplier(ring, 20, 0.4) == pytest.approx(0.25 * 0.45 / 0.4)

    def test_without_a_win_it_is_a_quarter(self) -> None:
        assert kelly_multiplier(results(*[-5.0] * 20), 20, 0.01) == 0.25
        assert kelly_multiplier(results(*[5.0] * 20), 20, 0.0) == 0.25  # nothing is ordered at all

    def test_it_stays_between_a_quarter_and_one(self) -> None:
        assert kelly_multiplier(results(*[1.0] * 10, *[-30.0] * 10), 20, 0.05) == 0.25
        assert kelly_multiplier(results(*[30.0] * 18, *[-1.0] * 2), 20, 0.05) == 1.0

    def test_only_what_the_ring_holds_counts(self) -> None:
        assert kelly_multiplier(results(*[5.0] * 20), 500, 0.4) == pytest.approx(0.625)


class TestKellyRecords:
    def test_one_record_for_a_lot_when_its_last_part_closes(self) -> None:
        # Bought at 1920, sold at 1996.8 (0.7) and 2076.7 (0.6), funding paid in between.
        candles = [2000, (2000, 2000, 1910, 1950), (1950, 2000, 1950, 2000)]
        settings = {"grid_levels": 1, "allow_short": False, "settlement": [NAN, NAN, 0.001, NAN]}
        part = play(candles, **settings)
        whole = play([*candles, (2000, 2080, 2000, 2000)], **settings)
        fees = 0.0002 * (1920 * 1.3 + 1996.8 * 0.7 + 2076.7 * 0.6)
        funding = -0.001 * 1950 * 1.3
        expected = 76.8 * 0.7 + 156.7 * 0.6 - fees + funding
        assert part.account["closed_lots"].tolist() == [0, 0, 0, 0, 0]
        assert whole.account["closed_lots"].tolist() == [0, 0, 1, 0, 0]
        assert whole.account["results"][2, 0] == pytest.approx(expected, abs=1e-8)

    def test_a_stop_shares_its_fee_by_quantity(self) -> None:
        lots = [(1940.0, 1.0), (1910.0, 2.0)]
        played = play([2000, (2000, 2000, 1600, 1700)], longs=lots, grid_levels=0)
        fee = 1649.175 * 0.0005  # for each coin
        assert played.account["results"][2, :2] == pytest.approx(
            [1649.175 - 1940 - fee, 2 * (1649.175 - 1910 - fee)], abs=1e-8
        )

    def test_it_belongs_to_the_regime_at_the_close(self) -> None:
        candles = [1950, 1950, 1950, (1950, 2080, 1950, 2000)]
        played = play(candles, longs=[(1920, 1.3)], regime=[0, 0, -2], grid_levels=0)
        assert played.account["closed_lots"].tolist() == [1, 0, 0, 0, 0]

    def test_the_window_keeps_the_latest_records(self) -> None:
        def ring_is_full(account: Any) -> None:
            account["results"][2, :20] = 5.0
            account["closed_lots"][2] = 20

        losing = {"longs": [(2100, 1.0)], "kama": 2200, "kelly_window": 20}
        played = play([2000, 2000], **losing, prepare=ring_is_full)
        assert played.account["closed_lots"][2] == 21
        assert played.account["results"][2, 0] < -100.0
        assert played.account["results"][2, 1] == 5.0

    def test_orders_are_sized_by_the_records_of_their_regime(self) -> None:
        # No loss: 0.25 * 1 / 0.05 is cut to 1: 5000 / 1920 = 2.6 coins instead of 1.3.
        wins = [5.0] * 20
        assert play([2000, 2000], prepare=records(*wins)).entries(LONG)[0] == (1920.0, 2.6)
        other = play([2000, 2000], prepare=records(*wins, regime=1))
        assert other.entries(LONG)[0] == (1920.0, 1.3)
        up = play([2000, 2000], prepare=records(*wins, regime=1), regime=1)
        assert up.entries(LONG)[0] == (1920.0, 2.6)

    def test_a_window_shorter_than_twenty_never_has_enough(self) -> None:
        played = play([2000, 2000], prepare=records(*[5.0] * 30), kelly_window=10)
        assert played.entries(LONG)[0] == (1920.0, 1.3)


class TestOrderSize:
    def test_it_is_equity_times_share_times_kelly(self) -> None:
        played = play([2000, 2000])
        assert played.entries(LONG) == [(1920.0, 1.3), (1840.0, 1.3), (1760.0, 1.4)]
        assert played.entries(SHORT) == [(2080.0, 1.2), (2160.0, 1.1), (2240.0, 1.1)]

    def test_it_follows_the_equity_of_the_last_close(self) -> None:
        def richer(account: Any) -> None:
            account["equity"] = 200_000.0

        assert play([2000, 2000], prepare=richer).entries(LONG)[0] == (1920.0, 2.6)

    def test_leverage_multiplies_it(self) -> None:
        assert play([2000, 2000], leverage=3).entries(LONG)[0] == (1920.0, 3.9)

    @pytest.mark.parametrize(
        ("rate", "long", "short"),
        [
            (0.0003, 0.9, 1.5),  # 1875 / 1920 and 3125 / 2080
            (-0.0003, 1.6, 0.9),  # 3125 / 1920 and 1875 / 2080
            (0.0002, 1.3, 1.2),
            (-0.0002, 1.3, 1.2),
        ],
    )
    def test_high_funding_tilts_it_towards_the_side_that_is_paid(
        self, rate: float, long: float, short: float
    ) -> None:
        played = play([2000, 2000], funding_rate=rate)
        assert played.entries(LONG)[0] == (1920.0, long)
        assert played.entries(SHORT)[0] == (2080.0, short)

    def test_it_is_not_tilted_outside_noise(self) -> None:
        played = play([2000, 2000], funding_rate=0.001, regime=-1)
        assert played.entries(SHORT)[0] == (2080.0, 1.2)

    def test_an_order_under_a_step_is_none(self) -> None:
        assert play([2000, 2000], order_pct=0.001, on=market(0)).entries(LONG) == []

    def test_it_is_fixed_when_laid(self) -> None:
        played = play([2000, 2000, 2000], funding_rate=[0, 0.0003])
        assert played.entries(LONG)[0] == (1920.0, 1.3)


class TestCaps:
    """Three levels are worth 2496, 2392 and 2464, together 7352."""

    @pytest.mark.parametrize(
        ("share", "levels"), [(0.0736, 3), (0.0735, 2), (0.0489, 2), (0.0488, 1), (0.02, 0)]
    )
    def test_the_notional_of_a_side_is_capped_and_a_cap_ends_the_loop(
        self, share: float, levels: int
    ) -> None:
        played = play([2000, 2000], max_position_pct=share)
        assert played.prices(LONG) == [1920.0, 1840.0, 1760.0][:levels]

    def test_a_level_that_would_fit_behind_one_that_does_not_is_not_laid(self) -> None:
        # Of a cap of 2480 the first (2496) is too much; the second (2392) would fit.
        assert play([2000, 2000], max_position_pct=0.0248).prices(LONG) == []

    def test_open_lots_count_at_the_last_close(self) -> None:
        # 1.5 coins at 2000 are 3000; with 2496 and 2392 that makes 7888.
        fits = play([2000, 2000], longs=[(1990, 1.5)], max_position_pct=0.0789)
        over = play([2000, 2000], longs=[(1990, 1.5)], max_position_pct=0.0788)
        assert (len(fits.prices(LONG)), len(over.prices(LONG))) == (2, 1)

    def test_leverage_raises_the_cap(self) -> None:
        # An order is 7500: 3.9, 4.0 and 4.2 coins are worth 22,240; the cap is 300,000 * share.
        played = play([2000, 2000], leverage=3, max_position_pct=0.0742)
        assert len(played.prices(LONG)) == 3
        assert len(play([2000, 2000], leverage=3, max_position_pct=0.0741).prices(LONG)) == 2

    @pytest.mark.parametrize(("ratio", "levels"), [(0.5, 3), (0.49, 2)])
    def test_low_volume_lowers_the_cap_to_seven_tenths(self, ratio: float, levels: int) -> None:
        played = play([2000, 2000], max_position_pct=0.08, volume_ratio=ratio)
        assert len(played.prices(LONG)) == levels

    def test_low_volume_caps_at_seven_tenths_exactly(self) -> None:
        # 4888 / 0.7 = 6982.9
        low = {"volume_ratio": 0.1}
        assert len(play([2000, 2000], max_position_pct=0.06983, **low).prices(LONG)) == 2
        assert len(play([2000, 2000], max_position_pct=0.06982, **low).prices(LONG)) == 1

    def test_lots_and_entries_of_a_side_are_capped_in_number(self) -> None:
        played = play([2000, 2000], longs=[(1990, 0.5)] * 2, grid_levels=5)
        assert len(played.prices(LONG)) == 1
        assert len(played.prices(SHORT)) == 3

    @pytest.mark.parametrize(("most", "longs", "shorts"), [(6, 3, 3), (4, 3, 1), (2, 2, 0)])
    def test_orders_of_both_sides_are_capped_in_number_long_before_short(
        self, most: int, longs: int, shorts: int
    ) -> None:
        played = play([2000, 2000], max_orders=most)
        assert (len(played.prices(LONG)), len(played.prices(SHORT))) == (longs, shorts)

    def test_take_profits_count_as_orders_and_are_always_laid(self) -> None:
        lots = [(1990, 1.5)] * 2
        some = play([2000, 2000], longs=lots, max_orders=5)
        none = play([2000, 2000], longs=lots, max_orders=1)
        assert (len(some.prices(LONG)), len(some.prices(SHORT))) == (1, 0)
        assert none.prices(LONG) == []
        assert all(near > 0 and far > 0 for _, near, _, far in none.take_profits(LONG))

    def test_orders_that_a_regeneration_replaces_do_not_count(self) -> None:
        # Four take-profits, two more longs, and one short is left of seven.
        played = play([2000, (2000, 2090, 1910, 2000), 2000], max_orders=7)
        assert (len(played.prices(LONG)), len(played.prices(SHORT))) == (2, 1)

    def test_an_entry_needs_a_fifth_more_than_the_minimum_or_is_skipped(self) -> None:
        # 1.2 * 2050 = 2460 skips 2392 alone; 1.2 * 2053.4 = 2464.08 the third as well.
        skips_one = play([2000, 2000], on=market(2050))
        skips_two = play([2000, 2000], on=market(2053.4))
        assert skips_one.prices(LONG) == [1920.0, 1760.0]
        assert skips_two.prices(LONG) == [1920.0]
        assert play([2000, 2000], on=market(2080)).prices(LONG) == [1920.0]  # 2496 itself will do
