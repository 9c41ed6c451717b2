"""Take-profits, trailing, value at risk, funding and the last close, rule by rule.

Where no comment says more, the numbers are those of `tests.handmade`.
"""

import pytest

from engine.account import LONG, SHORT
from tests.handmade import (
    BOUGHT,
    DIP,
    LONGS,
    NAN,
    ONE_LONG,
    SHORTS,
    SPIKE,
    market,
    play,
    play_to_the_end,
)

UP = {"regime": 1, "er": [0.0, 0.7]}  # a trend from bar 2 on: bar 1 is a change of regime


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
        assert long.adds_up()
        assert short.adds_up()

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
