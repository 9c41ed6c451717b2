"""How kind the simulated exchange is: touch, path and strict fills, and finer candles.

Under 1 s once the kernel is compiled.
"""

import pytest

from engine.account import LONG, SHORT
from engine.rules import FILL_MODELS
from tests.handmade import ONE_LONG, play

NEW = 1920.0
LOT = [(1920.0, 1.3)]  # sells 0.7 at 1996.8 and 0.6 at 2076.7; stops at 1650


def low(price: float) -> list:
    """A market that comes down to `price` in bar 1."""
    return [2000, (2000, 2000, price, 1950)]


class TestTouch:
    @pytest.mark.parametrize("model", ["touch", "path"])
    def test_a_limit_fills_when_its_price_is_reached(self, model: str) -> None:
        assert len(play(low(1920.0), fill_model=model, **ONE_LONG).fills) == 1
        assert play(low(1920.1), fill_model=model, **ONE_LONG).fills == []

    def test_strict_wants_the_market_to_trade_a_tick_through(self) -> None:
        filled = play(low(1919.9), fill_model="strict", **ONE_LONG)
        assert filled.fills == [(1, "BUY_OPEN_LONG", 1920.0, 1.3)]
        assert play(low(1920.0), fill_model="strict", **ONE_LONG).fills == []

    def test_strict_wants_a_tick_through_a_take_profit_as_well(self) -> None:
        at = [1950, 1950, (1950, 1996.8, 1950, 1950)]
        through = [1950, 1950, (1950, 1996.9, 1950, 1950)]
        assert play(at, longs=LOT, fill_model="strict", grid_levels=0).fills == []
        sold = play(through, longs=LOT, fill_model="strict", grid_levels=0)
        assert sold.fills == [(2, "SELL_CLOSE_LONG", 1996.8, 0.7)]

    @pytest.mark.parametrize(("opened", "sold"), [(1996.8, []), (2076.7, [0.7])])
    def test_strict_fills_no_resting_take_profit_by_an_open_at_its_price(
        self, opened: float, sold: list[float]
    ) -> None:
        played = play([1950, 1950, opened], longs=LOT, fill_model="strict", grid_levels=0)
        assert [row.qty for row in played.rows] == sold

    def test_penetration_wants_the_market_to_go_through_by_its_share(self) -> None:
        # 10 basis points of 1920 are 1.92
        through = {"fill_penetration_bps": 10.0, **ONE_LONG}
        assert play(low(1918.1), **through).fills == []
        assert play(low(1918.0), **through).fills == [(1, "BUY_OPEN_LONG", 1920.0, 1.3)]
        up = [2000, (2000, 2082.0, 2000, 2000)]
        assert play(up, fill_penetration_bps=10.0).fills == []  # 2082.08
        assert len(play([2000, (2000, 2082.1, 2000, 2000)], fill_penetration_bps=10.0).fills) == 1

    def test_a_limit_in_an_opening_gap_must_be_gone_through_too(self) -> None:
        gap = [2000, 2000, 1920]
        assert play(gap, fill_model="strict", **ONE_LONG).fills == []
        assert len(play([2000, 2000, 1919.9], fill_model="strict", **ONE_LONG).fills) == 1


class TestCrossedByTheOpen:
    @pytest.mark.parametrize("model", ["path", "strict"])
    def test_a_new_entry_is_refused(self, model: str) -> None:
        played = play([2000, 1900, 1900], fill_model=model, **ONE_LONG)
        assert played.fills == []
        assert played.account["refused_entries"] == 1

    def test_touch_refuses_none_and_fills_it_at_its_price(self) -> None:
        played = play([2000, 1900], fill_model="touch", **ONE_LONG)
        assert played.fills == [(1, "BUY_OPEN_LONG", 1920.0, 1.3)]
        assert played.account["refused_entries"] == 0

    @pytest.mark.parametrize(
        ("model", "rate"), [("touch", 0.0002), ("path", 0.0005), ("strict", 0.0005)]
    )
    def test_a_new_take_profit_pays_the_taker_fee_except_with_touch(
        self, model: str, rate: float
    ) -> None:
        row = play([1950, 2010], longs=LOT, fill_model=model, grid_levels=0).rows[0]
        assert row[:5] == (1, "long", "SELL_CLOSE_LONG", 2010.0, 0.7)
        assert row.fee == pytest.approx(2010 * 0.7 * rate, abs=1e-8)


class TestCosts:
    @pytest.mark.parametrize(
        ("model", "rate"), [("touch", 0.0002), ("path", 0.0002), ("strict", 0.0005)]
    )
    def test_strict_take_profits_pay_the_taker_fee(self, model: str, rate: float) -> None:
        candles = [1950, 1950, (1950, 2000, 1950, 1950)]
        row = play(candles, longs=LOT, fill_model=model, grid_levels=0).rows[0]
        assert row.fee == pytest.approx(1996.8 * 0.7 * rate, abs=1e-8)

    @pytest.mark.parametrize("model", list(FILL_MODELS))
    def test_entries_pay_the_maker_fee_under_every_model(self, model: str) -> None:
        row = play(low(1900.0), fill_model=model, **ONE_LONG).rows[0]
        assert row.fee == pytest.approx(1920 * 1.3 * 0.0002, abs=1e-8)

    @pytest.mark.parametrize(
        ("model", "stop", "pruned"),
        [("touch", 1650.0, 1900.0), ("path", 1649.175, 1899.05), ("strict", 1649.175, 1899.05)],
    )
    def test_market_orders_slip_except_with_touch(
        self, model: str, stop: float, pruned: float
    ) -> None:
        wick = [2000, (2000, 2000, 1600, 1900)]
        stopped = play(wick, longs=LOT, fill_model=model, grid_levels=0).rows[0]
        closed = play([1900, 1900], longs=LOT, kama=2200, fill_model=model, grid_levels=0).rows[0]
        assert (stopped.label, stopped.price) == ("STOP_LONG", stop)
        assert (closed.label, closed.price) == ("PRUNE_DEVIANCE", pruned)
        assert stopped.fee == pytest.approx(stop * 1.3 * 0.0005, abs=1e-8)


class TestFinerCandles:
    BASE = (2000, 2090, 1910, 2000)
    UP_FIRST = ((2000, 2090, 2000, 2050), (2050, 2050, 1910, 2000))

    def test_they_are_walked_instead_of_the_bar(self) -> None:
        coarse = play([2000, self.BASE])
        fine = play([2000, self.BASE], detail={1: list(self.UP_FIRST)})
        assert [row.side for row in coarse.rows] == ["long", "short"]
        assert [row.side for row in fine.rows] == ["short", "long"]
        assert [row.bar for row in fine.rows] == [1, 1]

    def test_a_bar_without_any_walks_its_own_path(self) -> None:
        played = play([2000, 2000, self.BASE], detail={1: [(2000, 2000, 2000, 2000)]})
        assert [(row.bar, row.side) for row in played.rows] == [(2, "long"), (2, "short")]

    def test_a_price_that_they_do_not_reach_fills_nothing(self) -> None:
        assert play([2000, self.BASE], detail={1: [(2000, 2050, 1950, 2000)]}).fills == []

    def test_a_lot_takes_no_profit_later_in_its_bar(self) -> None:
        rise = [(2000, 2000, 1910, 1950), (1950, 2500, 1950, 2400)]
        played = play([2000, (2000, 2500, 1910, 2400)], allow_short=False, detail={1: rise})
        assert played.fills == [(1, "BUY_OPEN_LONG", 1920.0, 1.3)]

    def test_its_stop_is_live_in_the_later_candles(self) -> None:
        fall = [(2000, 2000, 1910, 1910), (1900, 1900, 1640, 1700)]
        played = play([2000, (2000, 2000, 1640, 1700)], detail={1: fall}, **ONE_LONG)
        assert played.fills[1:] == [(1, "STOP_LONG", 1649.175, 1.3)]

    def test_a_stop_that_a_later_candle_gaps_past_executes_at_its_open(self) -> None:
        fall = [(2000, 2000, 1910, 1910), (1600, 1650, 1600, 1650)]
        played = play([2000, (2000, 2000, 1600, 1650)], detail={1: fall}, **ONE_LONG)
        assert played.fills[1:] == [(1, "STOP_LONG", 1599.2, 1.3)]

    def test_new_entries_meet_the_first_open_and_rest_at_the_later_ones(self) -> None:
        gap = [(2000, 2000, 1990, 1990), (1900, 1950, 1900, 1950)]
        rested = play([2000, (2000, 2000, 1900, 1950)], detail={1: gap}, **ONE_LONG)
        assert rested.fills == [(1, "BUY_OPEN_LONG", 1920.0, 1.3)]
        crossed = [(1900, 1900, 1890, 1890), (1990, 1990, 1900, 1900)]
        refused = play([2000, (1900, 1990, 1890, 1900)], detail={1: crossed}, **ONE_LONG)
        assert refused.fills == []

    def test_fills_of_several_candles_of_a_bar_add_up(self) -> None:
        played = play([2000, self.BASE, 2010], detail={1: list(self.UP_FIRST)})
        assert played.account["entry_fills"] == 0  # of bar 2
        assert play([2000, self.BASE], detail={1: list(self.UP_FIRST)}).account["entry_fills"] == 2

    def test_the_bar_begins_at_its_own_open(self) -> None:
        # The finer candle opens higher than the bar; the bar's open crosses the new entry.
        played = play([2000, 1900], detail={1: [(1950, 1950, 1900, 1900)]}, **ONE_LONG)
        assert played.fills == []

    def test_equity_and_decisions_stay_those_of_the_bars(self) -> None:
        played = play([2000, self.BASE, 2000], detail={1: list(self.UP_FIRST)})
        assert played.entries(LONG)[0][0] == 1920.0
        assert played.entries(SHORT)[0][0] == 2080.0
        assert len(played.equity) == 3
