"""Two stages of stops, and the pause behind them (under 1 s once the kernel is compiled)."""

import math

import pytest

from engine.account import LONG, SHORT
from tests.handmade import ONE_LONG, market, play

LOT = [(1920.0, 1.3)]  # stage 1 at 1740, stage 2 at 1650
SHORT_LOT = [(2080.0, 1.2)]  # stage 1 at 2260, stage 2 at 2350
TWO_LOTS = [(1880.0, 1.3), (1760.0, 1.4)]  # average 1817.78, stage 1 at 1637.78, stage 2 at 1547.78


class TestFirstStage:
    def test_a_close_at_the_distance_closes_a_single_lot_at_the_next_open(self) -> None:
        played = play([2000, 1740, (1745, 1745, 1745, 1745)], longs=LOT, grid_levels=0)
        row = played.rows[0]
        fee = 1744.1275 * 1.3 * 0.0005
        assert row[:5] == (2, "long", "STOP_LONG", 1744.1275, 1.3)  # 1745 * 0.9995
        assert row.fee == pytest.approx(fee, abs=1e-8)
        assert row.pnl == pytest.approx((1744.1275 - 1920) * 1.3 - fee, abs=1e-8)

    def test_a_close_short_of_it_or_a_wick_closes_nothing(self) -> None:
        above = play([2000, 1740.1, 1740.1], longs=LOT, grid_levels=0)
        wick = play([2000, (2000, 2000, 1660, 1800), 1800], longs=LOT, grid_levels=0)
        assert above.fills == wick.fills == []

    def test_a_short_stops_above_its_entry(self) -> None:
        played = play([2000, 2260, 2260], shorts=SHORT_LOT, grid_levels=0)
        assert played.fills == [(2, "STOP_SHORT", 2261.13, 1.2)]  # 2260 * 1.0005
        assert play([2000, 2259.9, 2259.9], shorts=SHORT_LOT, grid_levels=0).fills == []

    def test_half_of_several_lots_closes_oldest_first_floored_to_the_step(self) -> None:
        played = play([2000, 1630, 1630], longs=TWO_LOTS, grid_levels=0)
        assert played.fills == [(2, "STOP_LONG", 1629.185, 1.3)]  # half of 2.7 is 1.35
        assert played.lots(LONG) == [(1760.0, 1.4)]

    def test_half_of_small_lots_is_closed_as_well(self) -> None:
        played = play([2000, 1739, 1739], longs=[(1920.0, 0.4)] * 2, grid_levels=0)
        assert played.fills[0][3] == 0.4

    def test_a_side_that_was_flat_before_stops_like_any_other(self) -> None:
        played = play([2000, (2000, 2090, 2000, 2090), 2260, 2260], grid_levels=1)
        assert played.fills[1:] == [(3, "STOP_SHORT", 2261.13, 1.2)]

    def test_it_fires_once_until_the_side_is_flat(self) -> None:
        # The lot that is left would stop at 1580 on the close.
        played = play([2000, 1630, 1570, 1570, 1570], longs=TWO_LOTS, grid_levels=0)
        assert len(played.fills) == 1

    def test_it_can_fire_again_once_the_side_was_flat(self) -> None:
        # The second lot, opened at 1740 * 0.96 = 1670.4, stops at 1490.4 on the close.
        fall = (1740, 1740, 1490, 1490)
        played = play([2000, 1740, fall, 1490], longs=LOT, **ONE_LONG)
        assert [row.label for row in played.rows] == ["STOP_LONG", "BUY_OPEN_LONG", "STOP_LONG"]
        assert played.rows[2].bar == 3

    @pytest.mark.parametrize(("least", "closed"), [(2028.0, 1.3), (2028.1, 2.7)])
    def test_everything_closes_where_half_is_under_the_minimum(
        self, least: float, closed: float
    ) -> None:
        # Half is worth 1.3 * 1560 = 2028 at the close.
        played = play([2000, 1560, 1560], longs=TWO_LOTS, on=market(least), grid_levels=0)
        assert played.fills[0][1::2] == ("STOP_LONG", closed)

    def test_everything_closes_where_half_is_under_a_step(self) -> None:
        lots = [(1920.0, 0.1), (1920.0, 0.05)]
        played = play([2000, 1739, 1739], longs=lots, on=market(0.0), grid_levels=0)
        assert played.fills[0][3] == 0.15


class TestSecondStage:
    def test_a_wick_at_one_and_a_half_distances_closes_the_side(self) -> None:
        played = play([2000, (2000, 2000, 1640, 1900)], longs=LOT, grid_levels=0)
        row = played.rows[0]
        fee = 1649.175 * 1.3 * 0.0005
        assert row[:5] == (1, "long", "STOP_LONG", 1649.175, 1.3)  # 1650 * 0.9995
        assert row.fee == pytest.approx(fee, abs=1e-8)
        assert row.pnl == pytest.approx((1649.175 - 1920) * 1.3 - fee, abs=1e-8)
        assert play([2000, (2000, 2000, 1650.1, 1900)], longs=LOT, grid_levels=0).fills == []

    def test_a_short_stops_on_the_high(self) -> None:
        played = play([2000, (2000, 2350, 2000, 2100)], shorts=SHORT_LOT, grid_levels=0)
        assert played.fills == [(1, "STOP_SHORT", 2351.175, 1.2)]  # 2350 * 1.0005

    def test_all_lots_of_the_side_are_one_row(self) -> None:
        lots = [(1930.0, 1.5), (1910.0, 1.5)]
        played = play([2000, (2000, 2000, 1500, 1600)], longs=lots, grid_levels=0)
        assert played.fills == [(1, "STOP_LONG", 1649.175, 3.0)]

    def test_the_stop_is_rounded_to_the_tick_away_from_the_position(self) -> None:
        # 1.5 * 4.5 * 40.03 = 270.2025: 1649.7975 and 2350.2025
        long = play([2000, 2000], longs=LOT, atr=40.03, grid_levels=0)
        short = play([2000, 2000], shorts=SHORT_LOT, atr=40.03, grid_levels=0)
        assert long.account["sides"][LONG]["stop_price"] == 1649.7
        assert short.account["sides"][SHORT]["stop_price"] == 2350.3

    def test_it_is_set_anew_every_bar(self) -> None:
        candles = [2000, 2000, (2000, 2000, 1780, 1900)]
        played = play(candles, longs=LOT, atr=[40, 20], grid_levels=0)
        assert played.fills == [(2, "STOP_LONG", round(1785 * 0.9995, 8), 1.3)]
        assert played.rows[0].born == 2

    def test_an_open_beyond_it_executes_there(self) -> None:
        played = play([2000, (1600, 1700, 1600, 1700)], longs=LOT, grid_levels=0)
        at_it = play([2000, (1650, 1700, 1650, 1700)], longs=LOT, grid_levels=0)
        assert played.fills == [(1, "STOP_LONG", 1599.2, 1.3)]  # 1600 * 0.9995
        assert at_it.fills == [(1, "STOP_LONG", 1649.175, 1.3)]

    def test_at_an_open_beyond_it_the_stop_comes_before_gap_fills_and_entries_stay(self) -> None:
        played = play([2000, (2000, 2000, 1910, 1950), (1600, 1600, 1600, 1600)])
        assert played.fills[1:] == [
            (2, "STOP_LONG", 1599.2, 1.3),
            (2, "BUY_OPEN_LONG", 1840.0, 1.3),
            (2, "BUY_OPEN_LONG", 1760.0, 1.4),
        ]

    def test_it_hits_lots_of_the_same_bar(self) -> None:
        played = play([2000, (2000, 2000, 1600, 1700)], **ONE_LONG)
        assert played.fills == [
            (1, "BUY_OPEN_LONG", 1920.0, 1.3),
            (1, "STOP_LONG", 1649.175, 1.3),
        ]

    def test_a_lot_filled_in_a_gap_past_its_stop_stops_at_the_open(self) -> None:
        played = play([2000, 2000, (1600, 1700, 1600, 1700)], **ONE_LONG)
        assert played.fills[-1] == (2, "STOP_LONG", 1599.2, 1.3)

    def test_a_take_profit_fill_sets_it_for_what_is_left(self) -> None:
        # Of lots at 1900 and 1950 the first sells at 1976: what is left averages higher.
        played = play([1950, 1950, (1950, 1990, 1950, 1980)], longs=[(1900, 1.0), (1950, 1.0)])
        left = (0.4 * 1900 + 1.0 * 1950) / 1.4
        stop = float(played.account["sides"][LONG]["stop_price"])
        assert stop == pytest.approx(left - 270, abs=0.1)

    def test_a_stop_that_a_take_profit_raised_is_live_on_the_way_back(self) -> None:
        # The lot of 1800 sells on the way up; the stop of the other, 2050 - 270, lies above the
        # low of the way down before it.
        candles = [1800, 1800, (1750, 2000, 1700, 1755)]
        played = play(candles, longs=[(1800, 1.0), (2050, 1.0)], grid_levels=0)
        assert [row.price for row in played.rows] == [1872.0, 1946.9, 1779.11]

    def test_a_stop_that_is_raised_past_the_path_executes_where_the_path_is(self) -> None:
        # With the lot of 1690 sold at 1757.6 and 1828 the stop of the other is 2100 - 270 = 1830.
        candles = [1730, 1730, (1730, 1850, 1730, 1840)]
        played = play(candles, longs=[(1690, 1.0), (2100, 1.0)], grid_levels=0)
        assert [row.price for row in played.rows] == [1757.6, 1828.0, 1827.086]

    def test_a_flat_side_has_no_stop(self) -> None:
        played = play([2000, 1740, 1740], longs=LOT, grid_levels=0)
        assert math.isnan(played.account["sides"][LONG]["stop_price"])


class TestStopCooldown:
    # A long is bought at 1920 and stopped at 1650 in bar 1; a new one (2491 / 1632 = 1.5 coins) at
    # 1632 in bar 2, stopped at 1362. The grid of bar 3 lies at 1400 * 0.96 = 1344.
    CRASH = (2000, 2000, 1600, 1700), (1700, 1700, 1350, 1400)

    def test_two_stops_close_together_halve_the_orders(self) -> None:
        played = play([2000, *self.CRASH, 1400], **ONE_LONG)
        assert [row.label for row in played.rows if "STOP" in row.label] == ["STOP_LONG"] * 2
        assert played.entries(LONG) == [(1344.0, 0.9)]  # about 99,200 * 0.0125 / 1344
        one = play([2000, self.CRASH[0], 1700], **ONE_LONG)
        assert one.entries(LONG) == [(1632.0, 1.5)]

    def test_more_of_them_halve_no_further(self) -> None:
        more = (1400, 1400, 1000, 1100)  # 0.9 coins at 1344, stopped at 1074
        played = play([2000, *self.CRASH, more, 1100], **ONE_LONG)
        assert played.account["stops"] == 3
        assert played.entries(LONG) == [(1056.0, 1.1)]  # about 98,950 * 0.0125 / 1056

    def test_the_halving_lasts_up_to_and_including_its_last_bar(self) -> None:
        # The second stop is in bar 2. A change of regime lays the grid anew.
        short = ONE_LONG | {"stop_cooldown_bars": 3}
        last = play([2000, *self.CRASH, *[1400] * 3], regime=[0] * 4 + [1], **short)
        after = play([2000, *self.CRASH, *[1400] * 4], regime=[0] * 5 + [1], **short)
        assert last.entries(LONG) == [(1344.0, 0.9)]
        assert after.entries(LONG) == [(1344.0, 1.8)]

    @pytest.mark.parametrize(("bars", "qty"), [(3, 1.8), (4, 0.9)])
    def test_stops_count_together_only_if_less_than_the_cooldown_apart(
        self, bars: int, qty: float
    ) -> None:
        candles = [2000, self.CRASH[0], 1700, 1700, self.CRASH[1], 1400]  # stops in bars 1 and 4
        played = play(candles, stop_cooldown_bars=bars, **ONE_LONG)
        assert played.entries(LONG) == [(1344.0, qty)]

    def test_as_many_stops_are_needed_as_the_threshold_says(self) -> None:
        more = (1400, 1400, 1000, 1100)
        two = play([2000, *self.CRASH, 1400], stop_cooldown_thresh=3, **ONE_LONG)
        three = play([2000, *self.CRASH, more, 1100], stop_cooldown_thresh=3, **ONE_LONG)
        assert two.entries(LONG) == [(1344.0, 1.8)]
        assert three.entries(LONG) == [(1056.0, 1.1)]

    def test_both_stages_count(self) -> None:
        # Stage 1 in bar 2, stage 2 of what is left at 1760 - 270 in the same bar.
        candles = [2000, 1630, (1630, 1630, 1480, 1500), 1500]
        played = play(candles, longs=TWO_LOTS, regime=[-1, -1, 0], **ONE_LONG)
        assert [row.label for row in played.rows] == ["STOP_LONG", "STOP_LONG"]
        assert played.entries(LONG)[0] == (1440.0, 0.8)  # about 99,300 * 0.0125 / 1440

    def test_stops_of_both_sides_count_together(self) -> None:
        candles = [2000, (2000, 2350, 2000, 2000), (2000, 2000, 1650, 2000), 2000]
        played = play(candles, longs=LOT, shorts=SHORT_LOT, grid_levels=1)
        assert {"STOP_LONG", "STOP_SHORT"} <= {row.label for row in played.rows}
        assert played.entries(LONG) == [(1920.0, 0.6)]  # about 99,300 * 0.0125 / 1920
