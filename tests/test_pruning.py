"""Pruning: five reasons, value-at-risk de-leverage, cooldown, order and ties.

Under 1 s once the kernel is compiled. Lots are there from bar 0 on and no grid is laid, so that a
prune is the only thing that can happen. At p = 2000 a spacing is 80.
"""

import numpy as np
import pytest

if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__, "-v"]))

from engine.account import LONG, SHORT
from tests.handmade import Lot, Played, play

NAN = np.nan
ALONE = {"grid_levels": 0, "atr_sl_mult": 1000.0}
OLD = {"max_position_age_hours": 0.5}  # two bars of 15 minutes

ALL = {"kama": 2200, "max_position_age_hours": 0.1, "gap_prune_mult": 1.0}
NEVER = {
    "deviance_sigma": 1000.0,
    "max_position_age_hours": 1e5,
    "gap_prune_mult": 1e3,
    "funding_cost_ratio": 1e3,
    "offset_prune_ratio": 1e3,
}


def pruned(played: Played) -> list[tuple[int, str, float]]:
    """Bar, reason and quantity of each row."""
    return [(row.bar, row.label.removeprefix("PRUNE_"), row.qty) for row in played.rows]


def with_buffer(side: int, amount: float):
    def prepare(account) -> None:
        account["sides"][side]["buffer"] = amount

    return prepare


class TestExecution:
    def test_a_lot_closes_whole_at_the_open_with_slippage_and_taker_fee(self) -> None:
        played = play([2000, 2010], longs=[(2100, 1.5)], kama=2200, **ALONE)
        row = played.rows[0]
        price = 2010 * 0.9995
        assert row[:5] == (1, "long", "PRUNE_DEVIANCE", round(price, 8), 1.5)
        assert row.fee == pytest.approx(price * 1.5 * 0.0005, abs=1e-8)
        assert row.pnl == pytest.approx((price - 2100) * 1.5 - row.fee, abs=1e-8)

    def test_a_short_is_bought_back_above_the_open(self) -> None:
        played = play([2000, 2010], shorts=[(1900, 1.5)], kama=1800, **ALONE)
        price = 2010 * 1.0005
        assert played.rows[0][1:4] == ("short", "PRUNE_DEVIANCE", round(price, 8))
        assert played.rows[0].pnl == pytest.approx(
            (1900 - price) * 1.5 - price * 1.5 * 0.0005, abs=1e-8
        )

    def test_at_most_one_lot_of_each_side_closes_in_a_bar(self) -> None:
        lots = [(2100, 1.0), (2100, 1.0)]
        old = ALONE | {"max_position_age_hours": 0.1}
        both = play([2000, 2000], longs=lots, shorts=[(1900, 1.0)] * 2, **old)
        assert [row.side for row in both.rows] == ["long", "short"]

    def test_a_prune_does_not_lay_a_new_grid(self) -> None:
        settings = {"kama": [2000, 2200], "atr_sl_mult": 1000.0}
        played = play([2000, 1990, 1990], longs=[(2100, 1.0)], **settings)
        assert pruned(played) == [(2, "DEVIANCE", 1.0)]
        assert played.anchor(SHORT) == 2000.0
        assert played.sent(SHORT) == [1, 1, 1]

    def test_what_it_closes_counts_for_kelly_in_the_same_bar(self) -> None:
        # The 20th record, and no win among them: a quarter of 5000 instead of half.
        def nineteen_losses(account) -> None:
            account["results"][2, :19] = -10.0
            account["closed_lots"][2] = 19

        played = play([2000, 2000], longs=[(2100, 1.0)], kama=2200, prepare=nineteen_losses)
        assert played.account["closed_lots"][2] == 20
        assert played.entries(LONG)[0] == (1920.0, 0.6)  # 99,899 * 0.0125 / 1920


class TestDeviance:
    @pytest.mark.parametrize(("kama", "count"), [(2140.0, 0), (2140.1, 1), (1859.9, 0)])
    def test_a_long_closes_when_price_is_far_under_kama(self, kama: float, count: int) -> None:
        played = play([2000, 2000], longs=[(2100, 1.0)], kama=kama, **ALONE)  # 3.5 * 40 = 140
        assert pruned(played) == [(1, "DEVIANCE", 1.0)] * count

    @pytest.mark.parametrize(("kama", "count"), [(1860.0, 0), (1859.9, 1), (2140.1, 0)])
    def test_a_short_closes_when_price_is_far_above_kama(self, kama: float, count: int) -> None:
        played = play([2000, 2000], shorts=[(1900, 1.0)], kama=kama, **ALONE)
        assert pruned(played) == [(1, "DEVIANCE", 1.0)] * count

    @pytest.mark.parametrize(
        ("lots", "qty"),
        [
            ([(2050, 2.0), (2100, 1.1)], 1.1),  # losses of 100 and 110
            ([(2100, 1.0), (2040, 3.0)], 3.0),  # 100 and 120: quote currency, not distance
            ([(2050, 2.0), (2100, 1.0)], 2.0),  # 100 and 100: the oldest of equals
        ],
    )
    def test_the_worst_lot_goes(self, lots: list[Lot], qty: float) -> None:
        played = play([2000, 2000], longs=lots, kama=2200, **ALONE)
        assert pruned(played) == [(1, "DEVIANCE", qty)]

    @pytest.mark.parametrize("entry", [1990.0, 2000.0])
    def test_a_lot_that_does_not_lose_stays(self, entry: float) -> None:
        assert play([2000, 2000], longs=[(entry, 1.0)], kama=2200, **ALONE).rows == []

    def test_the_smallest_loss_is_a_loss(self) -> None:
        played = play([2000, 2000], longs=[(2000.1, 1.0)], kama=2200, **ALONE)
        assert pruned(played) == [(1, "DEVIANCE", 1.0)]

    def test_it_waits_for_no_cooldown(self) -> None:
        played = play([2000] * 3, longs=[(2100, 1.0), (2050, 1.1)], kama=2200, **ALONE)
        assert pruned(played) == [(1, "DEVIANCE", 1.0), (2, "DEVIANCE", 1.1)]


class TestOldest:
    def test_a_losing_lot_goes_once_it_is_older_than_the_limit(self) -> None:
        played = play([2000] * 5, longs=[(2010, 1.0)], **OLD, **ALONE)
        assert pruned(played) == [(3, "OLDEST", 1.0)]  # 30 minutes in bar 2 are not older

    def test_the_oldest_that_loses_goes(self) -> None:
        lots = [(1900, 1.0), (1999.9, 1.0), (2000, 1.0), (2000.1, 1.1), (2100, 1.2)]
        played = play([2000] * 4, longs=lots, **OLD, **ALONE)
        assert pruned(played) == [(3, "OLDEST", 1.1)]

    def test_shorts_age_as_well(self) -> None:
        played = play([2000] * 4, shorts=[(2010, 1.0), (1990, 1.1)], **OLD, **ALONE)
        assert pruned(played) == [(3, "OLDEST", 1.1)]

    def test_a_lot_of_a_later_bar_is_younger(self) -> None:
        # Bought at 1920 in bar 1, it is 45 minutes old in bar 4.
        candles = [2000, (2000, 2000, 1910, 1910), *[1910] * 3]
        played = play(candles, grid_levels=1, allow_short=False, **OLD)
        assert pruned(played)[1:] == [(4, "OLDEST", 1.3)]


class TestGap:
    @pytest.mark.parametrize(("entry", "count"), [(2480.0, 0), (2480.1, 1)])
    def test_a_lot_farther_than_six_spacings_goes(self, entry: float, count: int) -> None:
        played = play([2000, 2000], longs=[(entry, 1.0)], **ALONE)
        assert pruned(played) == [(1, "GAP", 1.0)] * count

    def test_a_short_far_under_the_price_goes(self) -> None:
        played = play([2000, 2000], shorts=[(1519.9, 1.0)], **ALONE)
        assert pruned(played) == [(1, "GAP", 1.0)]

    @pytest.mark.parametrize(
        "lots",
        [
            [(2490, 3.0), (2500, 1.0)],
            [(2500, 1.0), (2490, 3.0)],
            [(2500, 1.0), (2500, 3.0)],  # the oldest of equals
        ],
    )
    def test_the_farthest_goes_not_the_worst(self, lots: list[Lot]) -> None:
        played = play([2000, 2000], longs=lots, **ALONE)
        assert pruned(played) == [(1, "GAP", 1.0)]

    def test_a_lot_far_on_the_winning_side_stays(self) -> None:
        assert play([2000, 2000], longs=[(1400, 1.0)], **ALONE).rows == []


class TestFundingCost:
    # The limit is 0.5 * 80 = 40 for each coin: a rate of 0.02 at 2000.
    @pytest.mark.parametrize(("rate", "count"), [(0.02, 0), (0.0201, 1), (-0.03, 0)])
    def test_a_lot_that_paid_too_much_goes_in_the_same_bar(self, rate: float, count: int) -> None:
        played = play([2000, 2000], longs=[(2010, 1.5)], settlement=[NAN, rate], **ALONE)
        assert pruned(played) == [(1, "FUNDING", 1.5)] * count

    def test_a_short_pays_a_negative_rate(self) -> None:
        played = play([2000, 2000], shorts=[(1990, 1.5)], settlement=[NAN, -0.0201], **ALONE)
        assert pruned(played) == [(1, "FUNDING", 1.5)]

    def test_what_it_received_is_set_against_what_it_paid(self) -> None:
        rates = [NAN, 0.015, -0.01, 0.0149]  # 0.0199 net
        assert play([2000] * 4, longs=[(2010, 1.0)], settlement=rates, **ALONE).rows == []

    def test_the_oldest_that_paid_too_much_and_loses_goes(self) -> None:
        lots = [(1999.9, 1.0), (2000, 1.0), (2000.1, 1.1), (2000.2, 1.2)]
        played = play([2000, 2000], longs=lots, settlement=[NAN, 0.03], **ALONE)
        assert pruned(played) == [(1, "FUNDING", 1.1)]

    def test_the_limit_scales_with_the_ratio(self) -> None:
        settings = {"settlement": [NAN, 0.0201], "funding_cost_ratio": 0.6}
        assert play([2000, 2000], longs=[(2010, 1.0)], **settings, **ALONE).rows == []


class TestOffset:
    @pytest.mark.parametrize(
        ("entry", "buffer", "count"),
        [(2160.0, 480.1, 1), (2160.0, 480.0, 0), (2159.9, 900.0, 0)],
    )
    def test_the_worst_lot_goes_two_spacings_under_water_if_profits_cover_it(
        self, entry: float, buffer: float, count: int
    ) -> None:
        played = play(
            [2000, 2000], longs=[(entry, 2.0)], prepare=with_buffer(LONG, buffer), **ALONE
        )
        assert pruned(played) == [(1, "OFFSET", 2.0)] * count

    def test_only_the_worst_lot_is_looked_at(self) -> None:
        # It loses 300 but lies within two spacings; the other lies beyond them and loses 170.
        lots = [(2100, 3.0), (2170, 1.0)]
        played = play([2000, 2000], longs=lots, prepare=with_buffer(LONG, 1e4), **ALONE)
        assert played.rows == []

    def test_the_buffer_of_the_other_side_does_not_help(self) -> None:
        played = play([2000, 2000], longs=[(2160, 1.0)], prepare=with_buffer(SHORT, 1e4), **ALONE)
        assert played.rows == []

    def test_a_short_goes_the_same_way(self) -> None:
        played = play([2000, 2000], shorts=[(1840, 1.0)], prepare=with_buffer(SHORT, 241), **ALONE)
        assert pruned(played) == [(1, "OFFSET", 1.0)]


class TestBuffer:
    def test_take_profits_fill_it_with_their_net_profit(self) -> None:
        played = play([1950, 1950, (1950, 2000, 1950, 1950)], longs=[(1920, 1.3)], **ALONE)
        assert played.rows[0].label == "SELL_CLOSE_LONG"
        expected = 76.8 * 0.7 - 1996.8 * 0.7 * 0.0002
        assert played.buffer(LONG) == pytest.approx(expected, abs=1e-8)
        assert played.buffer(SHORT) == 0.0

    def test_every_other_losing_close_takes_from_it(self) -> None:
        played = play(
            [2000, 2000], longs=[(2100, 1.0)], kama=2200, prepare=with_buffer(LONG, 500), **ALONE
        )
        assert played.buffer(LONG) == pytest.approx(500 + played.rows[0].pnl, abs=1e-8)
        stop = ALONE | {"atr_sl_mult": 1.0}  # stage 1 at 2060
        stopped = play([2000, 2000], longs=[(2100, 1.0)], prepare=with_buffer(LONG, 500), **stop)
        assert stopped.rows[0].label == "STOP_LONG"
        assert stopped.buffer(LONG) == pytest.approx(500 + stopped.rows[0].pnl, abs=1e-8)

    def test_it_never_falls_under_zero(self) -> None:
        played = play(
            [2000, 2000], longs=[(2100, 1.0)], kama=2200, prepare=with_buffer(LONG, 50), **ALONE
        )
        assert played.buffer(LONG) == 0.0

    def test_a_close_that_wins_without_a_take_profit_leaves_it(self) -> None:
        # At the open of 2200 the lot that p = 2000 prunes has become a winner.
        played = play([2000, 2200], longs=[(2100, 1.0)], kama=2200, **ALONE)
        assert played.rows[0].pnl > 90
        assert played.buffer(LONG) == 0.0


class TestOrderAndCooldown:
    @pytest.mark.parametrize(
        ("switched_off", "reason"),
        list(enumerate(["DEVIANCE", "OLDEST", "GAP", "FUNDING", "OFFSET", None])),
    )
    def test_the_first_reason_that_holds_counts(self, switched_off: int, reason: str) -> None:
        off = dict(list(NEVER.items())[:switched_off])
        played = play(
            [2000, 2000],
            longs=[(2170, 1.0)],
            settlement=[NAN, 0.03],
            prepare=with_buffer(LONG, 1e4),
            **ALONE | ALL | off,
        )
        assert pruned(played) == ([(1, reason, 1.0)] if reason else [])

    def test_all_but_the_first_reason_wait_for_the_cooldown(self) -> None:
        waiting = ALONE | {"max_position_age_hours": 0.1, "prune_cooldown_bars": 3}
        lots = [(2010, 1.0), (2020, 1.1), (2030, 1.2)]
        played = play([2000] * 9, longs=lots, **waiting)
        assert pruned(played) == [(1, "OLDEST", 1.0), (4, "OLDEST", 1.1), (7, "OLDEST", 1.2)]

    @pytest.mark.parametrize(
        "due",
        [
            {"longs": [(2500, 1.0)] * 2},
            {"longs": [(2010, 1.0)] * 2, "settlement": [NAN, 0.03, NAN]},
            {"longs": [(2170, 1.0)] * 2, "prepare": with_buffer(LONG, 1e4)},
        ],
    )
    def test_gap_funding_and_offset_wait_as_well(self, due: dict) -> None:
        first = {"kama": [2200, 2000, 2000], "prune_cooldown_bars": 3}
        played = play([2000] * 6, **due, **first, **ALONE)
        assert [row.bar for row in played.rows] == [1, 4]

    def test_sides_cool_down_apart(self) -> None:
        sides = {"longs": [(2100, 1.0)], "shorts": [(1990, 1.0)]}
        played = play([2000] * 4, **sides, kama=[2200, 2000], **OLD, **ALONE)
        assert [(row.bar, row.side) for row in played.rows] == [(1, "long"), (3, "short")]


class TestValueAtRiskDeleverage:
    # More than 0.75 * 0.15 * 100,000 = 11,250 must be lost at p.
    @pytest.mark.parametrize(("qty", "count"), [(112.4, 0), (112.6, 1)])
    def test_the_worst_lot_goes_once_open_losses_near_the_limit(
        self, qty: float, count: int
    ) -> None:
        played = play([2000, 2000], longs=[(2100, qty)], **ALONE)
        assert pruned(played) == [(1, "VAR_WARNING", qty)] * count

    def test_losses_at_the_limit_itself_close_nothing(self) -> None:
        half = ALONE | {"max_drawdown_pct": 0.5}  # 37,500, exact in binary
        assert play([2000, 2000], longs=[(2100, 375.0)], **half).rows == []

    def test_the_worst_and_of_equals_the_oldest_lot_goes(self) -> None:
        worst = play([2000, 2000], longs=[(2200, 20.0), (2100, 100.0)], **ALONE)
        tie = play([2000, 2000], longs=[(2200, 30.0), (2100, 60.0)], **ALONE)
        assert pruned(worst) == [(1, "VAR_WARNING", 100.0)]
        assert pruned(tie) == [(1, "VAR_WARNING", 30.0)]

    def test_what_wins_is_set_against_what_loses(self) -> None:
        played = play([2000, 2000], longs=[(2100, 120.0)], shorts=[(2100, 10.0)], **ALONE)
        assert played.rows == []

    def test_both_sides_are_judged_before_either_closes(self) -> None:
        played = play([2000, 2000], longs=[(2100, 110.0)], shorts=[(1950, 20.0)], **ALONE)
        assert pruned(played) == [(1, "VAR_WARNING", 110.0), (1, "VAR_WARNING", 20.0)]

    def test_losses_are_taken_after_the_prunes_of_this_bar(self) -> None:
        played = play([2000, 2000], longs=[(2100, 100.0), (2200, 20.0)], kama=2200, **ALONE)
        assert pruned(played) == [(1, "DEVIANCE", 100.0)]

    def test_a_side_that_was_pruned_in_this_bar_is_left_alone(self) -> None:
        longs, shorts = [(2100, 120.0), (2100, 100.0)], [(1950, 40.0)]
        played = play([2000, 2000], longs=longs, shorts=shorts, kama=2200, **ALONE)
        assert pruned(played) == [(1, "DEVIANCE", 120.0), (1, "VAR_WARNING", 40.0)]

    def test_it_waits_for_no_cooldown_but_starts_one(self) -> None:
        due = ALONE | {"max_position_age_hours": 0.1}
        # 13,000 are lost beside the 1.0 coins that are too old.
        waits_not = play([2000] * 3, longs=[(2010, 1.0), (2100, 130.0), (2050, 1.0)], **due)
        assert pruned(waits_not) == [(1, "OLDEST", 1.0), (2, "VAR_WARNING", 130.0)]
        settings = ALONE | OLD | {"prune_cooldown_bars": 4}
        starts = play([2000] * 7, longs=[(2100, 130.0), (2050, 1.0)], **settings)
        assert pruned(starts) == [(1, "VAR_WARNING", 130.0), (5, "OLDEST", 1.0)]

    def test_equity_is_that_of_the_last_close(self) -> None:
        def poorer(account) -> None:
            account["equity"] = 99_000.0

        lots = [(2100, 112.0)]  # 11,200 of 11,137.5
        assert play([2000, 2000], longs=lots, **ALONE).rows == []
        assert len(play([2000, 2000], longs=lots, prepare=poorer, **ALONE).rows) == 1
