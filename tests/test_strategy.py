"""The bar loop, rule by rule, on markets of a few bars (about 1 s once the kernel is compiled).

Regime, breaker, hedge mode, grid regeneration, fills, take-profits, trailing, value at risk,
funding and the last close. Where no comment says more, the numbers are those of `tests.handmade`.
"""

import numpy as np
import pytest

if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__, "-v"]))

from engine.account import LONG, SHORT
from tests.handmade import Played, market, play, play_to_the_end

NAN = np.nan
LONGS = [1920.0, 1840.0, 1760.0]
SHORTS = [2080.0, 2160.0, 2240.0]
DIP = (2000.0, 2000.0, 1910.0, 1950.0)  # fills 1.3 long at 1920
SPIKE = (2000.0, 2090.0, 2000.0, 2050.0)  # fills 1.2 short at 2080
BOUGHT = (1, "BUY_OPEN_LONG", 1920.0, 1.3)
SOLD = (1, "SELL_OPEN_SHORT", 2080.0, 1.2)
ONE_LONG = {"grid_levels": 1, "allow_short": False}
UP = {"regime": 1, "er": [0.0, 0.7]}  # a trend from bar 2 on: bar 1 is a change of regime


def account_adds_up(played: Played) -> bool:
    account = played.account
    booked = account["gross"] - account["fees"] + account["funding"] + account["insurance"]
    return abs(account["wallet"] - (100_000.0 + booked)) < 1e-9 * 100_000.0


class TestRegime:
    def test_a_bar_is_ruled_by_the_regime_of_the_close_before(self) -> None:
        assert play_to_the_end([2000, 2000, 2000, 2000], regime=[1, -1, 2, 0]).regime == [
            *[0, 1, -1, 2]
        ]
        assert play([2000, DIP], regime=[1, -1]).rows[0].regime == "UPTREND"

    @pytest.mark.parametrize("regime", [-1, -2])
    def test_a_down_regime_opens_shorts_alone(self, regime: int) -> None:
        played = play([2000, 2000], regime=regime)
        assert (played.prices(LONG), played.prices(SHORT)) == ([], SHORTS)

    @pytest.mark.parametrize("regime", [1, 2])
    def test_an_up_regime_opens_longs_alone(self, regime: int) -> None:
        played = play([2000, 2000], regime=regime)
        assert (played.prices(LONG), played.prices(SHORT)) == (LONGS, [])

    def test_a_change_lays_both_grids_anew(self) -> None:
        stays = play([2000, 2020, 2020], regime=[-1])
        changes = play([2000, 2020, 2020], regime=[-1, -2])
        assert stays.prices(SHORT) == SHORTS
        assert changes.prices(SHORT) == [2103.2, 2181.6, 2262.4]  # 2100.8 is near 2100

    def test_a_change_leaves_lots_and_their_take_profits(self) -> None:
        played = play([2000, DIP, 1950, 1950], regime=[0, 0, -1])
        assert played.lots(LONG) == [(1920.0, 1.3)]
        assert played.take_profits(LONG) == [(1996.8, 0.7, 2076.7, 0.6)]
        assert played.prices(LONG) == []

    def test_a_change_during_a_halt_counts_when_the_halt_ends(self) -> None:
        # In an up-regime only a change moves the long anchor: 1960 * (1 - 0.04 j).
        played = play([2000, 2000, 1960, 1960, 1960], z=[0, -4, -4, 0], regime=[0, 0, 1])
        assert played.prices(LONG) == [1881.6, 1803.2, 1724.8]
        without = play([2000, 2000, 1960, 1960, 1960], z=[0, -4, -4, 0], regime=1)
        assert without.anchor(LONG) == 2000.0


class TestCircuitBreaker:
    def test_halts_on_crash(self) -> None:
        played = play([2000, 2000, (1990, 2100, 1900, 1900)], z=[0, -3.1])
        assert played.fills == [(2, "CIRCUIT_BREAKER_HALT", 2000.0, 0.0)]
        row = played.rows[0]
        assert (row.side, row.pnl, row.fee, row.funding) == ("", 0.0, 0.0, 0.0)
        assert played.entries(LONG) == played.entries(SHORT) == []

    def test_does_not_halt_at_the_threshold_itself(self) -> None:
        assert play([2000, 2000, 2000], z=-3.0).prices(LONG) == LONGS

    def test_halts_never_when_it_is_switched_off(self) -> None:
        played = play([2000, 2000], z=-9.0, circuit_breaker_enabled=False)
        assert played.prices(LONG) == LONGS

    def test_one_halt_writes_one_row(self) -> None:
        played = play([2000] * 5, z=[0, -4])
        assert len(played.fills) == played.account["halts"] == 1

    def test_resumes_above_the_threshold_with_a_new_grid(self) -> None:
        at_threshold = play([2000, 2000, 1950, 1950], z=[0, -4, -1.0])
        above = play([2000, 2000, 1950, 1950], z=[0, -4, -0.9])
        assert at_threshold.prices(LONG) == at_threshold.prices(SHORT) == []
        assert above.prices(LONG) == [1872.0, 1794.0, 1716.0]
        assert above.prices(SHORT) == [2028.0, 2106.0, 2184.0]

    def test_a_lot_gets_and_fills_its_take_profits_in_a_halt(self) -> None:
        played = play([2000, DIP, 1950, (1950, 2080, 1950, 2000)], z=[0, -4], grid_levels=1)
        assert played.fills == [
            BOUGHT,
            (2, "CIRCUIT_BREAKER_HALT", 1950.0, 0.0),
            (3, "SELL_CLOSE_LONG", 1996.8, 0.7),
            (3, "SELL_CLOSE_LONG", 2076.7, 0.6),
        ]

    def test_stops_of_both_stages_work_in_a_halt(self) -> None:
        wick = play([2000, DIP, (1950, 1950, 1640, 1900)], z=[0, -4], **ONE_LONG)
        close = play([2000, DIP, (1950, 1950, 1700, 1700), 1700], z=[0, -4], **ONE_LONG)
        assert wick.fills[-1] == (2, "STOP_LONG", 1649.175, 1.3)
        assert close.fills[-1] == (3, "STOP_LONG", 1699.15, 1.3)
        assert wick.entries(LONG) == close.entries(LONG) == []

    def test_lots_are_pruned_and_pay_funding_in_a_halt(self) -> None:
        played = play([1950, 1950], longs=[(2000, 1)], z=-4, kama=2200, settlement=[NAN, 0.001])
        assert [row.label for row in played.rows] == ["CIRCUIT_BREAKER_HALT", "PRUNE_DEVIANCE"]
        assert played.rows[1].funding == -1.95

    def test_trailing_and_value_at_risk_wait_in_a_halt(self) -> None:
        played = play([2000, 2300, 2300], regime=1, er=0.7, z=[0, -4], sigma=[0, 0.5])
        assert (played.anchor(LONG), played.account["var_blocked_bars"]) == (2000.0, 0)


class TestHedgeMode:
    def test_longs_and_shorts_are_held_at_once_and_never_net(self) -> None:
        played = play([2000, (2000, 2090, 1910, 2000)])
        assert played.fills == [BOUGHT, SOLD]
        assert played.lots(LONG) == [(1920.0, 1.3)]
        assert played.lots(SHORT) == [(2080.0, 1.2)]

    def test_equity_counts_what_both_sides_would_win(self) -> None:
        played = play([2000, (2000, 2090, 1910, 1990)])
        fees = 0.0002 * (1920 * 1.3 + 2080 * 1.2)
        assert played.equity[1] == pytest.approx(100_000 + 70 * 1.3 + 90 * 1.2 - fees, abs=1e-8)

    def test_bars_that_close_with_a_position_are_counted(self) -> None:
        assert play([2000, 2000, DIP, 1950]).account["exposed_bars"] == 2

    def test_no_short_is_opened_where_shorts_are_not_allowed(self) -> None:
        played = play([2000, (2000, 2300, 1910, 2000)], allow_short=False)
        assert played.fills == [BOUGHT]

    def test_every_cent_is_accounted_for(self) -> None:
        both, rise = (2000, 2090, 1910, 1950), (1950, 2100, 1950, 2000)
        crash = (2000, 2000, 1500, 1500)
        played = play_to_the_end([2000, both, rise, crash, 1500], settlement=[NAN, NAN, 0.001])
        labels = {row.label for row in played.rows}
        assert {"STOP_LONG", "SELL_CLOSE_LONG", "BUY_CLOSE_SHORT"} <= labels
        assert played.account["funding"] != 0.0
        assert account_adds_up(played)
        assert played.equity[-1] == played.account["wallet"]


class TestLookahead:
    def test_what_comes_later_changes_nothing_that_was(self) -> None:
        past = [2000, DIP, (1950, 2010, 1900, 1990), (1990, 2000, 1830, 1850)]
        calm, wild = play([*past, 1850, 1850]), play([*past, (1800, 2500, 1500, 1600), 1600])
        assert calm.equity[:4] == wild.equity[:4]
        assert [r for r in calm.rows if r.bar < 4] == [r for r in wild.rows if r.bar < 4]
        assert calm.rows != wild.rows

    def test_the_grid_of_a_bar_is_laid_around_the_close_before(self) -> None:
        assert play([2000, (2000, 2000, 1990, 1990)]).prices(LONG) == LONGS

    def test_the_features_of_a_bar_rule_the_next_bar_first(self) -> None:
        assert play([2000, 2000], z=[0, -9], regime=[0, 2]).prices(SHORT) == SHORTS


class TestGrid:
    def test_a_price_that_leaves_one_anchor_renews_that_side_alone(self) -> None:
        # Long inventory pulls the long anchor down, so that it is the short one that is left.
        skewed = {"gamma": 8.0, "sigma": [0.01, 0.0], "atr_sl_mult": 1000.0}
        down = play([2000, 1710, 1710], longs=[(1990, 4.0)], **skewed)
        assert 1900 < down.anchor(LONG) < 1930
        assert down.anchor(SHORT) == 1710.0
        up = play([2000, 2350, 2350], shorts=[(2010, 4.0)], **skewed)
        assert 2070 < up.anchor(SHORT) < 2100
        assert up.anchor(LONG) == 2350.0

    def test_drift_must_exceed_its_limit(self) -> None:
        by_atr = {"grid_spacing_k": 2.0, "spacing_floor": 0.0}  # spacing 80, limit 280
        assert play([2000, 1720, 1720], **by_atr, grid_levels=0).anchor(LONG) == 2000.0
        assert play([2000, 1719.9, 1719.9], **by_atr, grid_levels=0).anchor(LONG) == 1719.9
        assert play([2000, 2280, 2280], **by_atr, grid_levels=0).anchor(SHORT) == 2000.0
        assert play([2000, 2280.1, 2280.1], **by_atr, grid_levels=0).anchor(SHORT) == 2280.1

    def test_the_long_anchor_ignores_drift_in_an_up_regime_while_trailing_is_on(self) -> None:
        assert play([2000, 2400, 2400], regime=1).prices(LONG) == LONGS
        assert play([2000, 2400, 2400], regime=1, trailing_enabled=False).anchor(LONG) == 2400.0
        assert play([2000, 2400, 2400], regime=1).anchor(SHORT) == 2400.0

    def test_one_entry_fill_leaves_the_grid_and_its_level_empty(self) -> None:
        played = play([2000, DIP, 1950])
        assert played.prices(LONG) == [1840.0, 1760.0]
        assert played.prices(SHORT) == SHORTS

    def test_two_entry_fills_in_a_bar_renew_both_sides(self) -> None:
        one_side = play([2000, (2000, 2000, 1830, 1850), 1850])
        each_side = play([2000, (2000, 2090, 1910, 1950), 1950])
        assert one_side.anchors == (1850.0, 1850.0)
        assert each_side.anchors == (1950.0, 1950.0)

    def test_two_entry_fills_in_two_bars_renew_nothing(self) -> None:
        played = play([2000, DIP, (1950, 1950, 1830, 1850), 1850])
        assert played.prices(LONG) == [1760.0]
        assert played.anchor(LONG) == 2000.0

    def test_a_stop_renews_both_sides(self) -> None:
        wick = play([2000, DIP, (1950, 1950, 1640, 1900), 1900], grid_levels=1)
        close = play([2000, DIP, (1950, 1950, 1730, 1730), 1730], grid_levels=1)
        assert wick.anchors == (1900.0, 1900.0)
        assert close.anchors == (1730.0, 1730.0)

    def test_a_stop_renews_them_once(self) -> None:
        candles = [2000, DIP, (1950, 1950, 1640, 1900), 1890, 1890]
        played = play(candles, grid_levels=1)
        assert played.anchors == (1900.0, 1900.0)
        assert played.account["generation"] == 2

    def test_a_filled_level_is_laid_again_by_the_next_regeneration(self) -> None:
        played = play([2000, DIP, 2000, 2000, 2000], regime=[0, 0, 1])
        assert played.prices(LONG) == [1920.0, 1840.0]  # and one lot: three in all

    def test_an_unchanged_order_keeps_its_place_through_a_regeneration(self) -> None:
        played = play([2000, 2000, 2000], regime=[0, 1])
        assert played.sent(LONG) == [1, 1, 1]
        laid_in = [int(e["generation"]) for e in played.account["sides"][LONG]["entries"][:3]]
        assert laid_in == [1, 1, 1]
        moved = play([2000, 2001, 2001], regime=[0, 1])
        assert moved.sent(LONG) == [2, 2, 2]

    def test_an_order_that_kept_its_place_is_not_refused_by_the_open(self) -> None:
        played = play([2000, 2000, (1915, 1915, 1915, 1915)], regime=[0, 1])
        assert played.rows[0][:6] == (2, "long", "BUY_OPEN_LONG", 1920.0, 1.3, 0.0)
        assert played.rows[0].born == 1

    def test_an_order_of_another_size_is_a_new_one(self) -> None:
        # In NOISE the paying long is laid at 0.75: 1875 / 1920 = 0.9 coins, at the same price.
        played = play([2000, 2000, 2000], regime=[1, 0], funding_rate=0.00025)
        assert played.entries(LONG)[0] == (1920.0, 0.9)
        assert played.sent(LONG)[0] == 2


class TestFills:
    def test_the_path_goes_to_the_low_first_unless_the_bar_falls(self) -> None:
        up = play([2000, (2000, 2090, 1910, 2010)])
        level = play([2000, (2000, 2090, 1910, 2000)])
        down = play([2000, (2000, 2090, 1910, 1999.9)])
        assert up.fills == level.fills == [BOUGHT, SOLD]
        assert down.fills == [SOLD, BOUGHT]

    def test_a_limit_fills_at_its_price_for_the_maker_fee(self) -> None:
        row = play([2000, DIP]).rows[0]
        assert (row.price, row.fee, row.pnl) == (1920.0, round(1920 * 1.3 * 0.0002, 8), 0.0)

    def test_a_lot_remembers_the_order_that_it_came_from(self) -> None:
        played = play([2000, 2000, (2000, 2000, 1830, 1850)])
        lot = played.account["sides"][LONG]["lots"][1]
        assert [int(lot[n]) for n in ("bar", "born", "level", "generation")] == [2, 1, 2, 1]
        assert round(float(lot["fee"]), 8) == played.rows[1].fee

    def test_levels_fill_in_the_order_in_which_the_path_meets_them(self) -> None:
        played = play([2000, (2000, 2250, 1750, 1900)], atr_sl_mult=1000)
        assert [row.price for row in played.rows] == [*SHORTS, *LONGS]

    def test_a_new_entry_that_the_open_crosses_is_refused_and_not_laid_again(self) -> None:
        beyond = play([2000, (1900, 1900, 1890, 1900), 1900])
        equal = play([2000, (1920, 1920, 1915, 1915), 1915])
        short_side = play([2000, (2080, 2085, 2080, 2085), 2085])
        short_of_it = play([2000, (1920.1, 1920.1, 1920.1, 1920.1)])
        assert beyond.fills == equal.fills == short_side.fills == []
        assert beyond.prices(LONG) == equal.prices(LONG) == [1840.0, 1760.0]
        assert short_side.prices(SHORT) == [2160.0, 2240.0]
        assert beyond.account["refused_entries"] == 1
        assert short_of_it.account["refused_entries"] == 0

    def test_resting_orders_in_an_opening_gap_fill_at_their_own_price_nearest_first(self) -> None:
        played = play([2000, 2000, (1800, 1800, 1790, 1800)])
        assert played.fills == [
            (2, "BUY_OPEN_LONG", 1920.0, 1.3),
            (2, "BUY_OPEN_LONG", 1840.0, 1.3),
        ]

    def test_a_gap_across_both_kinds_of_limits_is_walked_from_the_close_before(self) -> None:
        # The short's take-profits, 2236 / 1.04 and / 1.04^2, lie on the way to the long at 2064.
        played = play([2150, (2150, 2236, 2150, 2200), 2200, (2050, 2050, 2050, 2050)])
        assert [(row.side, row.price) for row in played.rows[1:]] == [
            ("short", 2150.0),
            ("short", 2067.3),
            ("long", 2064.0),
        ]

    def test_at_one_price_a_limit_comes_before_a_stop_which_then_moves(self) -> None:
        # Levels 1940 and 1880; the first lot's stop lies 1.5 * 40 under it, at 1880 as well. Then
        # the average is (1.2 * 1940 + 1.3 * 1880) / 2.5 = 1908.8 and the stop 1848.8.
        close_levels = {"spacing_floor": 0.03, "atr_sl_mult": 1.0, "allow_short": False}
        met = play([2000, (2000, 2000, 1848.9, 1900)], **close_levels)
        assert [row.label for row in met.rows] == ["BUY_OPEN_LONG", "BUY_OPEN_LONG"]
        hit = play([2000, (2000, 2000, 1848.8, 1900)], **close_levels)
        assert hit.fills[-1] == (1, "STOP_LONG", round(1848.8 * 0.9995, 8), 2.5)

    def test_at_one_price_entries_come_before_take_profits(self) -> None:
        # p = 1920.1 pushes both take-profits of the short to 1920, the price of the long entry.
        candles = [2000, (2000, 2080, 1920.1, 1920.1), (1920.1, 1920.1, 1919, 1919)]
        assert play(candles).fills == [
            SOLD,
            (2, "BUY_OPEN_LONG", 1920.0, 1.3),
            (2, "BUY_CLOSE_SHORT", 1920.0, 0.7),
            (2, "BUY_CLOSE_SHORT", 1920.0, 0.5),
        ]


class TestTakeProfits:
    def test_a_lot_takes_no_profit_in_the_bar_of_its_fill(self) -> None:
        played = play([2000, (2000, 2500, 1910, 2000)], allow_short=False)
        assert played.fills == [BOUGHT]
        assert played.take_profits(LONG) == [(0.0, 0.0, 0.0, 0.0)]

    def test_a_new_lot_inherits_none_from_the_lot_before_it(self) -> None:
        # The first is stopped with both of its orders unfilled; 1900 * 0.96 = 1824.
        stopped, again = (1950, 1950, 1640, 1900), (1900, 2100, 1800, 2000)
        played = play([2000, DIP, stopped, again], **ONE_LONG)
        assert [row.label for row in played.rows][2:] == ["BUY_OPEN_LONG"]

    def test_two_parts_lie_one_and_two_spacings_from_the_entry(self) -> None:
        # 1920 * 1.04 = 1996.8, 1920 * 1.04^2 = 2076.672, up to the tick; 0.6 * 1.3 down to the step
        played = play([2000, DIP, 1950])
        assert played.take_profits(LONG) == [(1996.8, 0.7, 2076.7, 0.6)]

    def test_short_ones_have_negative_exponents_and_round_down(self) -> None:
        # 2236 / 1.04 = 2150, 2236 / 1.04^2 = 2067.31
        played = play([2150, (2150, 2236, 2150, 2200), 2200])
        assert played.take_profits(SHORT) == [(2150.0, 0.6, 2067.3, 0.5)]

    def test_they_are_kept_until_the_lot_closes(self) -> None:
        # Later the spacing doubles, the price moves and the grid is laid anew.
        by_atr = {"grid_spacing_k": 2.0, "spacing_floor": 0.0, "allow_short": False}
        later = [(1950, 1950, 1900, 1900), 1900, 1900]
        played = play([2000, DIP, *later], atr=[40, 40, 80], regime=[0, 0, 0, 1], **by_atr)
        first = play([2000, DIP, *later[:1]], atr=40, **by_atr)
        assert played.take_profits(LONG) == first.take_profits(LONG)
        # 80 / 1950 of 1920: 1998.77 lies in the zone of 2000 and moves to 1997
        assert first.take_profits(LONG)[0][0] == 1997.0

    def test_each_earns_both_maker_fees_at_least(self) -> None:
        # Spacing 0.2: 1920.2 and 1920.4 lie under 1920 * 1.0002 / 0.9998 = 1920.77.
        by_atr = {"grid_spacing_k": 1.0, "spacing_floor": 0.0, "gap_prune_mult": 1000.0}
        by_atr["atr_sl_mult"] = 1000.0
        played = play([2000, (2000, 2000, 1910, 1910), 1910], atr=[80, 0.2], **by_atr)
        assert played.take_profits(LONG) == [(1920.8, 0.7, 1920.8, 0.6)]
        short = play([2000, (2000, 2090, 2000, 2090), 2090], atr=[80, 0.2], **by_atr)
        assert short.take_profits(SHORT) == [(2079.1, 0.7, 2079.1, 0.5)]  # 2079.168

    def test_each_lies_a_tick_beyond_the_last_close(self) -> None:
        long = play([2000, (2000, 2000, 1910, 1999), 1999])
        assert long.take_profits(LONG) == [(1999.1, 0.7, 2076.7, 0.6)]
        short = play([2150, (2150, 2240, 2100, 2110), 2110])
        assert short.take_profits(SHORT) == [(2109.9, 0.6, 2067.3, 0.5)]

    def test_they_leave_round_numbers_but_not_their_floors(self) -> None:
        # 1960 * 1.02 = 1999.2 moves to 1997; the far one is 1960 * 1.02^2 = 2039.184.
        free = play([2000, (2000, 2000, 1950, 1970), 1970], spacing_floor=0.02, allow_short=False)
        held = play([2000, (2000, 2000, 1950, 1998), 1998], spacing_floor=0.02, allow_short=False)
        assert free.take_profits(LONG)[0][::2] == (1997.0, 2039.2)
        assert held.take_profits(LONG)[0][::2] == (1998.1, 2039.2)

    @pytest.mark.parametrize(
        ("settings", "whole"),
        [
            ({"on": market(1400)}, True),  # 0.7 * 1996.8 = 1397.76 is too little
            ({"on": market(1300)}, True),  # so is 0.6 * 2076.7 = 1246.02
            ({"on": market(1246)}, False),
            ({"tp_concentration": 1.0}, True),
            ({"tp_concentration": 0.07}, True),  # 0.091 is under the step
            ({"tp_concentration": 0.95}, False),  # 1.2 and 0.1
            ({"tp_concentration": 0.07, "on": market(0)}, True),  # without a minimum as well
            ({"tp_concentration": 0.3, "on": market(600)}, True),  # 0.3 * 1996.8 = 599.04
            ({"tp_concentration": 0.3, "on": market(599)}, False),
        ],
    )
    def test_a_part_that_is_too_small_leaves_one_order_at_the_first_price(
        self, settings: dict, whole: bool
    ) -> None:
        near_price, near, _, far = play([2000, DIP, 1950], **settings).take_profits(LONG)[0]
        assert near_price == 1996.8
        assert ((near, far) == (1.3, 0.0)) is whole

    def test_a_lot_under_the_minimum_gets_its_order_all_the_same(self) -> None:
        played = play([1950, 1950], longs=[(1920, 0.1)], on=market(1000))
        assert played.take_profits(LONG) == [(1996.8, 0.1, 0.0, 0.0)]

    def test_a_fill_pays_its_profit_less_the_maker_fee(self) -> None:
        row = play([2000, DIP, (1950, 2000, 1950, 2000)]).rows[1]
        fee = 1996.8 * 0.7 * 0.0002
        assert row[:5] == (2, "long", "SELL_CLOSE_LONG", 1996.8, 0.7)
        assert row.fee == pytest.approx(fee, abs=1e-8)
        assert row.pnl == pytest.approx(76.8 * 0.7 - fee, abs=1e-8)

    @pytest.mark.parametrize("opened", [1996.8, 2010.0])
    def test_a_new_one_that_the_open_crosses_fills_there_as_taker(self, opened: float) -> None:
        played = play([2000, DIP, (opened, opened, opened, opened)])
        row = played.rows[1]
        assert row[:5] == (2, "long", "SELL_CLOSE_LONG", opened, 0.7)
        assert row.fee == pytest.approx(opened * 0.7 * 0.0005, abs=1e-8)
        assert played.account["crossed_take_profits"] == 1
        assert played.take_profits(LONG) == [(1996.8, 0.0, 2076.7, 0.6)]

    def test_both_parts_can_be_crossed_lot_by_lot_nearer_first(self) -> None:
        played = play([1950, 2076.7], longs=[(1920, 0.1), (1920, 1.3)], grid_levels=0)
        assert [row.qty for row in played.rows] == [0.1, 0.7, 0.6]
        assert played.account["crossed_take_profits"] == 3

    def test_an_undivided_one_has_no_second_part_to_fill(self) -> None:
        candles = [1950, (1950, 1950, 1860, 1900)]
        played = play(candles, longs=[(1920, 0.1)], grid_levels=1)
        assert [row.label for row in played.rows] == ["BUY_OPEN_LONG"]

    def test_what_rests_in_the_gap_before_the_open_fills_first(self) -> None:
        played = play([2000, DIP, (2100, 2100, 2100, 2100)])
        assert [(row.label, row.price) for row in played.rows[1:]] == [
            ("SELL_OPEN_SHORT", 2080.0),
            ("SELL_CLOSE_LONG", 2100.0),
            ("SELL_CLOSE_LONG", 2100.0),
        ]

    def test_a_resting_one_that_the_open_gaps_past_fills_at_its_own_price(self) -> None:
        played = play([2000, DIP, 1950, (2010, 2010, 2010, 2010)])
        assert played.fills[1:] == [(3, "SELL_CLOSE_LONG", 1996.8, 0.7)]
        assert played.rows[1].fee == pytest.approx(1996.8 * 0.7 * 0.0002, abs=1e-8)

    def test_a_lot_reduced_by_a_stop_keeps_its_prices_and_loses_its_far_part_first(self) -> None:
        # Average 1838: at 1650 stage 1 takes 2.0 of 4.0, the first lot (1.3) and 0.7 of the second.
        candles = [2000, (2000, 2000, 1750, 1760), (1760, 1760, 1650, 1650), 1650]
        played = play(candles, allow_short=False)
        assert played.fills[-1] == (3, "STOP_LONG", 1649.175, 2.0)
        assert played.lots(LONG) == [(1840.0, 0.6), (1760.0, 1.4)]
        assert played.take_profits(LONG) == [
            (1913.6, 0.6, 1990.2, 0.0),
            (1830.4, 0.8, 1903.7, 0.6),
        ]


class TestTrailing:
    def test_the_long_anchor_rises_half_way_and_the_grid_is_laid_there(self) -> None:
        # 2300 > 2000 * 1.04^3; then 2150 - j * 2300 * 0.04 * (1 - 0.7 / 2)
        played = play([2000, 2300, 2300], **UP)
        assert played.anchor(LONG) == 2150.0
        assert played.prices(LONG) == [2090.2, 2030.4, 1970.6]
        assert played.account["trailing_shifts"] == 1

    @pytest.mark.parametrize(
        ("price", "settings"),
        [
            (2249.7, {}),  # the top level is 2249.728
            (2300.0, {"er": [0.0, 0.65]}),
            (2300.0, {"regime": [1, 2]}),
            (2300.0, {"trailing_cap_price": 1900.0}),
            (2300.0, {"trailing_cap_price": 2000.0}),
        ],
    )
    def test_it_stays_without_a_reason_to_trail(self, price: float, settings: dict) -> None:
        played = play([2000, price, price], **(UP | settings))
        changed = "regime" in settings
        assert played.anchor(LONG) == (price if changed else 2000.0)  # step 8 sets it on a change
        assert played.account["trailing_shifts"] == 0
        assert changed or played.prices(LONG) == LONGS

    def test_it_trails_a_tick_above_the_top_level(self) -> None:
        assert play([2000, 2249.8, 2249.8], **UP).anchor(LONG) == 2124.9

    def test_it_stays_outside_up_regimes_and_where_it_is_switched_off(self) -> None:
        flat = play([2000, 2300, 2300], regime=0, er=0.9)
        off = play([2000, 2300, 2300], trailing_enabled=False, **UP)
        assert flat.anchor(LONG) == off.anchor(LONG) == 2000.0

    def test_it_never_passes_the_cap_price(self) -> None:
        played = play([2000, 2300, 2300], trailing_cap_price=2100.0, **UP)
        assert played.anchor(LONG) == 2100.0

    def test_a_regeneration_in_an_up_regime_keeps_the_long_anchor(self) -> None:
        played = play([2000, (2000, 2000, 1835, 1900), 1900], regime=1)
        assert played.anchor(LONG) == 2000.0
        assert played.anchor(SHORT) == 1900.0

    def test_part_of_the_long_cap_is_held_back_until_it_has_trailed(self) -> None:
        # Three levels are worth 7352, and at the new anchor 7100. The cap is 8000, less a quarter.
        small = {"max_position_pct": 0.08}
        assert len(play([2000, 2000], regime=0, **small).prices(LONG)) == 3
        assert len(play([2000, 2000], regime=1, **small).prices(LONG)) == 2
        assert len(play([2000, 2000], regime=-1, **small).prices(SHORT)) == 3
        assert len(play([2000, 2000], regime=1, trailing_enabled=False, **small).prices(LONG)) == 3
        assert len(play([2000, 2300, 2300], **UP, **small).prices(LONG)) == 3

    def test_a_change_of_regime_holds_it_back_again(self) -> None:
        up = {"regime": [1, 1, 2], "er": [0.0, 0.7], "max_position_pct": 0.08}
        played = play([2000, 2300, 2300, 2300], **up)
        assert played.account["trailing_shifts"] == 1
        assert played.prices(LONG) == [2240.2, 2180.4]


class TestValueAtRisk:
    # The six entries are worth 14,688; * 1.65 * sqrt(96) * sigma > 15,000 from sigma 0.0632 on.
    def test_no_entry_is_at_the_exchange_while_too_much_is_at_risk(self) -> None:
        played = play([2000, 2000, (2000, 2090, 1910, 2000)], sigma=[0, 0.0633])
        assert played.fills == []
        assert played.sent(LONG) == played.sent(SHORT) == [-1, -1, -1]
        assert played.account["var_blocked_bars"] == 1
        free = play([2000, 2000, (2000, 2090, 1910, 2000)], sigma=[0, 0.0631])
        assert len(free.fills) == 2
        assert free.account["var_blocked_bars"] == 0

    def test_entries_come_back_at_their_prices_as_new_orders(self) -> None:
        played = play([2000, 2000, 2000, 2000], sigma=[0, 0.07, 0])
        assert played.prices(LONG) == LONGS
        assert played.prices(SHORT) == SHORTS
        assert played.sent(LONG) == played.sent(SHORT) == [3, 3, 3]

    @pytest.mark.parametrize("opened", [1920.0, 1915.0])
    def test_one_that_comes_back_can_be_refused_by_the_open(self, opened: float) -> None:
        played = play([2000, 2000, 2000, opened], sigma=[0, 0.07, 0])
        assert played.fills == []
        assert played.prices(LONG) == [1840.0, 1760.0]

    @pytest.mark.parametrize("close", [1920.0, 1915.0])
    def test_one_that_comes_back_can_be_refused_by_the_last_close(self, close: float) -> None:
        played = play([2000, 2000, close, (2000, 2000, 1910, 2000)], sigma=[0, 0.07, 0])
        assert played.fills == []
        assert played.prices(LONG) == [1840.0, 1760.0]
        assert played.account["refused_entries"] == 1

    def test_entries_laid_in_the_same_step_are_held_back_as_well(self) -> None:
        played = play([2000, 2000, 2000], sigma=[0, 0.07], regime=[0, 1])
        assert played.sent(LONG) == [-1, -1, -1]

    def test_nothing_rests_before_the_first_grid_so_it_is_sent(self) -> None:
        played = play([2000, 2000], sigma=0.3)
        assert set(played.sent(LONG)) == {1}
        assert played.account["var_blocked_bars"] == 0

    def test_open_lots_count_at_the_last_close(self) -> None:
        # 1.3 coins at 1950 are 2535; 16.167 * 0.37 * 2535 = 15,163, at 1920 they would be 14,930.
        played = play([2000, DIP, 1950], sigma=[0, 0.37], **ONE_LONG)
        assert played.account["var_blocked_bars"] == 1

    def test_take_profits_and_stops_are_not_held_back(self) -> None:
        sold = play([2000, DIP, (1950, 2000, 1950, 2000)], sigma=[0, 0.0, 0.5], **ONE_LONG)
        stopped = play([2000, DIP, (1950, 1950, 1640, 1900)], sigma=[0, 0.5], **ONE_LONG)
        assert sold.rows[-1].label == "SELL_CLOSE_LONG"
        assert stopped.rows[-1].label == "STOP_LONG"


class TestFunding:
    def test_longs_pay_a_positive_rate_and_shorts_receive_it_at_the_open(self) -> None:
        bar = (1940.0, 1960.0, 1940.0, 1950.0)
        long = play([2000, DIP, bar], settlement=[NAN, NAN, 0.001])
        short = play([2000, SPIKE, (2060, 2060, 2055, 2055)], settlement=[NAN, NAN, 0.001])
        assert long.account["funding"] == pytest.approx(-1.3 * 1940 * 0.001, abs=1e-9)
        assert short.account["funding"] == pytest.approx(1.2 * 2060 * 0.001, abs=1e-9)
        assert account_adds_up(long)
        assert account_adds_up(short)

    def test_a_negative_rate_pays_longs(self) -> None:
        played = play([2000, DIP, 1950], settlement=[NAN, NAN, -0.001])
        assert played.account["funding"] == pytest.approx(1.3 * 1950 * 0.001, abs=1e-9)

    def test_it_is_booked_before_anything_of_its_bar(self) -> None:
        opened = play([2000, DIP], settlement=[NAN, 0.001])
        crash = [2000, DIP, (1950, 1950, 1700, 1700), 1700]
        closed = play(crash, settlement=[NAN] * 3 + [0.001], **ONE_LONG)
        assert opened.account["funding"] == 0.0
        assert closed.rows[-1].label == "STOP_LONG"
        assert closed.rows[-1].funding == pytest.approx(-1.3 * 1700 * 0.001, abs=1e-8)

    def test_lots_share_it_by_quantity_and_a_row_tells_that_of_what_it_closes(self) -> None:
        candles = [1950, 1950, (1950, 2000, 1950, 2000)]
        played = play(candles, longs=[(1920, 1.3), (1900, 2.6)], settlement=[NAN, NAN, 0.001])
        assert played.rows[0][:5] == (2, "long", "SELL_CLOSE_LONG", 1976.0, 1.5)
        assert played.rows[0].funding == pytest.approx(-1.5 * 1.95, abs=1e-8)
        assert played.rows[1][3:5] == (1996.8, 0.7)
        assert played.rows[1].funding == pytest.approx(-0.7 * 1.95, abs=1e-8)
        left = [float(lot["funding"]) for lot in played.account["sides"][LONG]["lots"][:2]]
        assert left == pytest.approx([-0.6 * 1.95, -1.1 * 1.95], abs=1e-8)

    def test_settlements_add_up(self) -> None:
        played = play([2000, DIP, 1950, 1950], settlement=[NAN, NAN, 0.001, 0.002])
        assert played.account["funding"] == pytest.approx(-1.3 * 1950 * 0.003, abs=1e-9)


class TestFinalClose:
    def test_positions_close_at_the_last_close_at_market(self) -> None:
        played = play_to_the_end([2000, (2000, 2090, 1910, 1960)])
        assert played.fills[2:] == [
            (1, "FINAL_CLOSE", 1959.02, 1.3),  # 1960 * 0.9995
            (1, "FINAL_CLOSE", 1960.98, 1.2),
        ]
        long = played.rows[2]
        assert long.side == "long"
        assert played.rows[3].side == "short"
        assert long.fee == pytest.approx(1959.02 * 1.3 * 0.0005, abs=1e-8)
        assert long.pnl == pytest.approx(39.02 * 1.3 - long.fee, abs=1e-8)

    def test_the_last_equity_point_has_it_in_it(self) -> None:
        played = play_to_the_end([2000, DIP, 1950])
        opening = 1920 * 1.3 * 0.0002
        assert played.equity[-1] == pytest.approx(100_000 - opening + played.rows[-1].pnl, abs=1e-8)
        assert played.account["sides"][LONG]["lot_count"] == 0

    def test_all_lots_of_a_side_are_one_row(self) -> None:
        played = play_to_the_end([2000, (2000, 2000, 1835, 1900), 1900])
        assert played.fills[2:] == [(2, "FINAL_CLOSE", 1899.05, 2.6)]

    def test_nothing_closes_where_nothing_is_open_or_before_the_end(self) -> None:
        assert play_to_the_end([2000, 2000, 2000]).fills == []
        assert play([2000, DIP, 1950]).fills == [BOUGHT]


def test_candles_too_few_for_the_warm_up_are_refused_with_the_number_needed() -> None:
    from engine.strategy import GridStrategyV4
    from exchange.candles import fetch_data
    from exchange.errors import DataError

    df = fetch_data("BTC", "15m", "2024-01-01", "2024-01-04", source="sim")
    with pytest.raises(DataError, match=r"Insufficient data for BTC/USDT: 288 candles"):
        GridStrategyV4({"kama_period": 200}).run(df)


def test_an_unknown_fill_model_is_named_before_anything_runs() -> None:
    from engine.errors import ParameterError
    from engine.strategy import GridStrategyV4

    with pytest.raises(ParameterError, match="unknown fill model 'nope'; known: touch"):
        GridStrategyV4(fill_model="nope")
