"""The bar loop, rule by rule, on markets of a few bars (about 1 s once the kernel is compiled).

Regime, breaker, hedge mode, grid regeneration and fills. Where no comment says more, the numbers
are those of `tests.handmade`.
"""

import pytest

if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__, "-v"]))

from engine.account import LONG, SHORT
from tests.handmade import BOUGHT, DIP, LONGS, NAN, ONE_LONG, SHORTS, SOLD, play, play_to_the_end


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
        assert played.adds_up()
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
