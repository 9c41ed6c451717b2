"""Why a level of the grid has no order, rule by rule. Costs 3 s.

The numbers are those of `tests.handmade`: longs at 1920, 1840, 1760, shorts at 2080, 2160, 2240,
2500 USDT each.
"""

from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from engine.account import LONG, new_state
from engine.features import Features
from engine.grid import nudge_off_round_number, round_down, round_up
from engine.live.absent import absent, lay_grid
from engine.live.kernel import Kernel
from engine.live.memory import Memory
from engine.live.orders import Sent, wanted_orders
from engine.live.standing import nudged_off
from engine.params import StrategyParams
from exchange.market import Market
from tests.bars import NEW_YEAR_2022_MS, QUARTER_MS
from tests.handmade import CALM, LONGS, QUIET, SHORTS, market

Why = list[tuple[str, float | None, str]]


class Grid:
    """A kernel and what a run remembers of it, standing before bar 1."""

    def __init__(self, on: Market | None = None, **settings: Any) -> None:
        columns = {name: settings.pop(name, QUIET[name]) for name in QUIET}
        self.params = StrategyParams.checked(CALM | settings)
        self.market = on or market()
        self.memory = Memory.fresh("test01", "TEST", "15m", {}, 100_000.0, NEW_YEAR_2022_MS)
        self.memory.kernel = new_state(100_000.0)
        self.kernel = Kernel(self.params, self.market, self.memory.kernel)
        self.columns = columns
        self.bar = 0

    def lay(self, price: float = 2000.0, **changes: Any) -> "Grid":
        """Decide the next bar, all that is wanted rests."""
        self.columns |= changes
        self.bar += 1
        self.memory.bar = self.bar
        self.kernel.at_bar(self._features(price), 1, NEW_YEAR_2022_MS + self.bar * QUARTER_MS)
        self.kernel.bar = self.bar
        self.kernel.begin_bar()
        lay_grid(self.kernel, self.memory)
        self.rest()
        return self

    def rest(self) -> None:
        """Everything that is wanted is at the exchange."""
        self.memory.orders.clear()
        for order in wanted_orders(self.kernel.state, self.market, self.bar):
            sent = Sent(order.purpose.client_id("test01", 0), order.qty, order.price, "resting")
            self.memory.orders[str(sent.client_id)] = sent

    def fill(self, price: float) -> None:
        """The long entry at a price trades in full."""
        side = self.kernel.state[0]["sides"][LONG]
        row = next(row for row in side["entries"] if row["price"] == price)
        order = (int(row["sent"]), int(row["level"]), int(row["generation"]))
        self.kernel.fill_entry(LONG, price, float(row["qty"]), 0.1, order)
        self.rest()

    @property
    def why(self) -> Why:
        """Side, price and reason of what is missing."""
        missing = absent(self.kernel, self.memory)
        return [(level["side"], level["price"], level["why"]) for level in missing]

    def _features(self, price: float) -> Features:
        kinds = {"regime": np.int64, "synthetic": np.bool_}
        made = {
            name: np.full(1, price if value is None else value, kinds.get(name, np.float64))
            for name, value in self.columns.items()
        }
        flat = {name: np.full(1, price) for name in ("open", "high", "low", "close")}
        return Features(time=np.full(1, NEW_YEAR_2022_MS), **flat, **made)


def test_where_all_levels_rest_nothing_is_missing() -> None:
    assert Grid().lay().why == []


def test_the_side_cap_takes_the_levels_beyond_it() -> None:
    # the cap 5000 holds two orders of 2496 and 2392 long, and two short
    reason = "side cap 5% reached"
    grid = Grid(max_position_pct=0.05).lay()
    assert grid.why == [("long", LONGS[2], reason), ("short", SHORTS[2], reason)]


def test_low_volume_is_named_where_it_alone_lowers_the_cap() -> None:
    reason = "low volume: 70% of the side cap"
    grid = Grid(max_position_pct=0.1, volume_ratio=0.1).lay()
    assert grid.why == [("long", LONGS[2], reason), ("short", SHORTS[2], reason)]
    assert Grid(max_position_pct=0.1).lay().why == []


def test_in_an_up_trend_the_reserve_for_trailing_is_named_and_shorts_are_not_opened() -> None:
    grid = Grid(max_position_pct=0.09, regime=1).lay()
    levels = [row for row in grid.why if row[0] == "long"]
    assert [why for _, _, why in levels] == ["25% of the side cap kept for trailing up"]
    assert ("short", None, "no new shorts: UPTREND") in grid.why


@pytest.mark.parametrize(
    ("regime", "side", "name"),
    [(1, "short", "UPTREND"), (-1, "long", "DOWNTREND"), (-2, "long", "BREAKOUT_DOWN")],
)
def test_against_a_trend_the_regime_is_the_reason(regime: int, side: str, name: str) -> None:
    assert Grid(regime=regime).lay().why == [(side, None, f"no new {side}s: {name}")]


def test_a_side_that_is_switched_off_says_so() -> None:
    grid = Grid(allow_short=False).lay()
    assert grid.why == [("short", None, "the short side is switched off")]


def test_the_minimum_notional_skips_only_what_is_smaller() -> None:
    # 1840 * 1.3 = 2392 is the only one under 1.2 * 2000 long; short 2376 at 2160 and 2464 at 2240
    grid = Grid(market(min_notional=2000.0)).lay()
    reason = "smaller than 2400 USDT"
    assert grid.why == [("long", LONGS[1], reason), ("short", SHORTS[1], reason)]


def test_less_than_a_step_is_not_an_order() -> None:
    grid = Grid(market(step="10")).lay()
    assert {why for _, _, why in grid.why} == {"less than a step of 10"}
    assert [price for _, price, _ in grid.why] == LONGS + SHORTS


def test_lots_and_entries_together_have_a_limit() -> None:
    reason = "2 lots and entries at most"
    grid = Grid(max_inventory_per_side=2).lay()
    assert grid.why == [("long", LONGS[2], reason), ("short", SHORTS[2], reason)]


def test_the_number_of_orders_is_limited_for_both_sides_together() -> None:
    reason = "4 orders at most"
    grid = Grid(max_orders=4).lay()
    assert grid.why == [("short", SHORTS[1], reason), ("short", SHORTS[2], reason)]


def test_value_at_risk_holds_every_entry_back_and_lets_it_go_again() -> None:
    grid = Grid().lay().lay(sigma=0.5)
    reason = "the value at risk is at its limit"
    assert grid.why == [(side, price, reason) for side, price in _all()]
    assert grid.lay(sigma=0.0).why == []


def test_a_halt_is_the_only_reason_while_it_lasts() -> None:
    grid = Grid().lay().lay(z=-4.0)
    reason = "halted by the circuit breaker"
    assert grid.why == [("long", None, reason), ("short", None, reason)]
    assert grid.lay(z=0.0).why == []


def test_a_pause_is_named_at_every_entry_that_it_keeps_away() -> None:
    grid = Grid().lay()
    grid.memory.orders.clear()
    assert grid.why == [(side, price, "on its way to the exchange") for side, price in _all()]
    grid.memory.paused.append("operator")
    assert grid.why == [(side, price, "paused: operator") for side, price in _all()]


def test_an_open_lot_stands_for_its_level_and_a_closed_one_waits_for_the_next_grid() -> None:
    grid = Grid().lay()
    grid.fill(LONGS[0])
    assert grid.why == []
    grid.kernel.fill_exit(LONG, None, 1900.0, 1.3, 0.1, 4, 1)
    grid.rest()
    gone = "filled or refused; comes back with the next grid"
    assert grid.why == [("long", LONGS[0], gone)]


def test_one_side_is_laid_anew_without_touching_the_reasons_of_the_other() -> None:
    grid = Grid(max_position_pct=0.05, regen_drift_mult=1.0).lay()
    before = [row for row in grid.why if row[0] == "short"]
    grid.kernel.state["sides"]["anchor"][0, LONG] = 1500.0
    grid.lay()
    assert [row for row in grid.why if row[0] == "short"] == before
    assert [price for side, price, _ in grid.why if side == "long"] == [LONGS[2]]


def test_reasons_outlive_a_restart() -> None:
    grid = Grid(max_position_pct=0.05).lay()
    before = grid.why
    grid.memory = Memory.from_document(grid.memory.to_document())
    grid.kernel = Kernel(grid.params, grid.market, grid.memory.kernel)
    assert grid.why == before
    assert len(before) == 2


def test_what_was_laid_before_reasons_were_kept_is_judged_by_what_rests() -> None:
    grid = Grid().lay()
    grid.memory.levels = []
    assert grid.why == []
    name = next(iter(grid.memory.orders))
    assert grid.memory.orders[name].price == Decimal("1920.0")
    del grid.memory.orders[name]
    assert grid.why == [("long", 1920.0, "on its way to the exchange")]


def test_the_strategy_decides_the_same_whether_it_is_asked_for_reasons_or_not() -> None:
    settings: dict[str, Any] = {"max_position_pct": 0.05, "volume_ratio": 0.1}
    grid = Grid(**settings).lay()
    plain = Grid(**settings)
    plain.kernel.at_bar(plain._features(2000.0), 1, NEW_YEAR_2022_MS + QUARTER_MS)
    plain.kernel.begin_bar()
    plain.kernel.lay_orders()
    assert plain.kernel.state.tobytes() == grid.kernel.state.tobytes()


@pytest.mark.parametrize(
    ("level", "tick", "magnet"),
    [(64_000.0, 0.1, 64_000.0), (63_990.0, 0.1, 64_000.0), (150.05, 0.01, 150.0)],
)
def test_a_level_that_was_moved_off_a_round_number_says_which(
    level: float, tick: float, magnet: float
) -> None:
    moved = nudge_off_round_number(level)
    assert moved != level
    assert nudged_off(round_down(moved, tick), tick) == magnet
    assert nudged_off(round_up(moved, tick), tick) == magnet
    assert nudged_off(round_up(moved, tick) + 3 * tick, tick) is None


def _all() -> list[tuple[str, float]]:
    return [("long", price) for price in LONGS] + [("short", price) for price in SHORTS]
