"""Fills on candles drawn by hand: every expected number is worked out on paper.

The first candle is history and closes at 100 unless it says otherwise. 0.1 s.
"""

from decimal import Decimal

import pytest

from exchange.paper.errors import RefusalError
from exchange.paper.faults import Fault, Faults
from tests.paper.support import FLAT, Candle, exchange, fills, place, stop, wallet

UP: Candle = (100.0, 104.0, 97.0, 102.0)  # O-L-H-C: 100, 97, 104, 102
DOWN: Candle = (100.0, 104.0, 97.0, 99.0)  # O-H-L-C: 100, 104, 97, 99


def test_a_rising_candle_meets_its_low_before_its_high() -> None:
    paper = exchange(FLAT, UP)
    paper.open_bar()
    place(paper, "SELL", "SHORT", 1, 103)
    place(paper, "BUY", "LONG", 1, 98)
    paper.walk_bar()
    assert fills(paper) == [("BUY LONG", "1", "98"), ("SELL SHORT", "1", "103")]


def test_a_falling_candle_meets_its_high_before_its_low() -> None:
    paper = exchange(FLAT, DOWN)
    paper.open_bar()
    place(paper, "BUY", "LONG", 1, 98)
    place(paper, "SELL", "SHORT", 1, 103)
    paper.walk_bar()
    assert fills(paper) == [("SELL SHORT", "1", "103"), ("BUY LONG", "1", "98")]


def test_a_touch_fills_and_a_tick_less_does_not() -> None:
    paper = exchange(FLAT, UP)
    paper.open_bar()
    place(paper, "BUY", "LONG", 1, 97)
    place(paper, "BUY", "LONG", 1, "96.9")
    paper.walk_bar()
    assert fills(paper) == [("BUY LONG", "1", "97")]
    assert [str(order.price) for order in paper.venue.book.resting()] == ["96.9"]


def test_a_candle_that_closes_where_it_opened_meets_its_low_first() -> None:
    paper = exchange(FLAT, (100.0, 104.0, 97.0, 100.0))
    paper.open_bar()
    place(paper, "SELL", "SHORT", 1, 103)
    place(paper, "BUY", "LONG", 1, 98)
    paper.walk_bar()
    assert fills(paper) == [("BUY LONG", "1", "98"), ("SELL SHORT", "1", "103")]


def test_all_orders_at_the_turn_of_the_path_fill() -> None:
    paper = exchange(FLAT, DOWN)
    paper.open_bar()
    for _ in range(2):
        place(paper, "BUY", "LONG", 1, 97)
        place(paper, "SELL", "SHORT", 1, 104)
    paper.walk_bar()
    assert [price for *_, price in fills(paper)] == ["104", "104", "97", "97"]


def test_orders_fill_in_the_order_in_which_the_path_meets_them() -> None:
    paper = exchange(FLAT, UP)
    paper.open_bar()
    for price in (98, 99, "98.5"):
        place(paper, "BUY", "LONG", 1, price)
    paper.walk_bar()
    assert [price for *_, price in fills(paper)] == ["99", "98.5", "98"]


def test_a_maker_pays_two_hundredths_of_a_percent_of_the_notional() -> None:
    paper = exchange(FLAT, UP)
    paper.open_bar()
    place(paper, "BUY", "LONG", 2, 98)
    paper.walk_bar()
    assert wallet(paper) == 10_000 - Decimal("0.0392")  # 2 * 98 * 0.0002


def test_a_market_order_pays_slippage_and_the_taker_fee() -> None:
    paper = exchange(FLAT, UP)
    paper.open_bar()
    place(paper, "BUY", "LONG", 1)
    place(paper, "SELL", "SHORT", 1)
    assert fills(paper) == [("BUY LONG", "1", "100.05"), ("SELL SHORT", "1", "99.95")]
    assert wallet(paper) == 10_000 - Decimal("0.050025") - Decimal("0.049975")


def test_a_limit_that_crosses_trades_at_the_price_without_slippage_as_a_taker() -> None:
    paper = exchange(FLAT, UP)
    paper.open_bar()
    paper.step()  # nothing rests: the bar is walked to its close, 102
    place(paper, "BUY", "LONG", 1, 103)
    assert fills(paper) == [("BUY LONG", "1", "102")]
    assert paper.ledger.of("trade")[0]["fee"] == "0.051"  # 102 * 0.0005


@pytest.mark.parametrize(("side", "price"), [("BUY", "100"), ("BUY", "101"), ("SELL", "100")])
def test_a_post_only_order_that_the_open_crosses_is_refused_and_equality_crosses(
    side: str, price: str
) -> None:
    paper = exchange(FLAT, UP)
    paper.open_bar()
    position_side = "LONG" if side == "BUY" else "SHORT"
    with pytest.raises(RefusalError) as error:
        place(paper, side, position_side, 1, price, "GTX")
    assert error.value.code == -5022
    assert not paper.venue.book.orders


def test_a_post_only_order_a_tick_away_rests() -> None:
    paper = exchange(FLAT, UP)
    paper.open_bar()
    assert place(paper, "BUY", "LONG", 1, "99.9", "GTX").status == "NEW"
    assert place(paper, "SELL", "SHORT", 1, "100.1", "GTX").status == "NEW"


def test_orders_in_the_opening_gap_fill_at_their_own_price_nearest_first() -> None:
    paper = exchange(FLAT, (100.0, 100.0, 99.0, 99.0), (95.0, 96.0, 95.0, 96.0))
    paper.open_bar()
    place(paper, "BUY", "LONG", 1, 96)
    place(paper, "BUY", "LONG", 1, 98)
    paper.walk_bar()
    paper.open_bar()
    assert fills(paper) == []
    paper.walk_bar()
    assert fills(paper) == [("BUY LONG", "1", "98"), ("BUY LONG", "1", "96")]
    assert all(trade["maker"] for trade in paper.ledger.of("trade"))


def test_an_order_cancelled_at_the_open_is_not_filled_by_the_gap() -> None:
    paper = exchange(FLAT, FLAT, (95.0, 96.0, 95.0, 96.0))
    paper.open_bar()
    order = place(paper, "BUY", "LONG", 1, 98)
    paper.walk_bar()
    paper.open_bar()
    paper.venue.book.end(order, order.status.CANCELED, 0)
    paper.walk_bar()
    assert fills(paper) == []


def test_a_limit_sent_at_the_open_that_crosses_it_trades_there_behind_the_gap() -> None:
    paper = exchange(FLAT, FLAT, (103.0, 103.0, 102.0, 102.0))
    paper.open_bar()
    place(paper, "SELL", "SHORT", 1, 102)
    place(paper, "BUY", "LONG", 1)
    paper.walk_bar()
    paper.open_bar()
    late = place(paper, "SELL", "LONG", 1, 101)
    assert late.status == "NEW"
    paper.walk_bar()
    assert fills(paper)[1:] == [("SELL SHORT", "1", "102"), ("SELL LONG", "1", "103")]
    assert paper.ledger.of("trade")[-1]["fee"] == "0.0515"  # 103 * 0.0005: a taker, no slippage


def test_a_stop_fires_at_its_trigger_with_slippage() -> None:
    paper = exchange(FLAT, (100.0, 100.0, 90.0, 92.0))
    paper.open_bar()
    place(paper, "BUY", "LONG", 1)
    fired = stop(paper, "SELL", "LONG", 1, 95)
    paper.walk_bar()
    assert fills(paper)[1:] == [("SELL LONG", "1", "94.9525")]  # 95 * 0.9995
    assert fired.status == "FINISHED"
    assert fired.child is not None
    assert fired.child.client_id != fired.client_id


def test_a_stop_of_a_short_fires_on_the_way_up() -> None:
    paper = exchange(FLAT, (100.0, 110.0, 99.0, 108.0))
    paper.open_bar()
    place(paper, "SELL", "SHORT", 1)
    stop(paper, "BUY", "SHORT", None, 105)
    paper.walk_bar()
    assert fills(paper)[1:] == [("BUY SHORT", "1", "105.0525")]


def test_a_gap_past_a_stop_fires_it_at_the_open_before_the_limits_in_the_gap() -> None:
    paper = exchange(FLAT, FLAT, (90.0, 91.0, 90.0, 91.0))
    paper.open_bar()
    place(paper, "BUY", "LONG", 1)
    stop(paper, "SELL", "LONG", None, 95)
    place(paper, "BUY", "LONG", 2, 98)
    paper.walk_bar()
    paper.open_bar()
    paper.walk_bar()
    assert fills(paper)[1:] == [("SELL LONG", "1", "89.955"), ("BUY LONG", "2", "98")]


def test_a_take_profit_stop_fires_on_the_profitable_side() -> None:
    paper = exchange(FLAT, UP)
    paper.open_bar()
    place(paper, "BUY", "LONG", 1)
    stop(paper, "SELL", "LONG", 1, 103, kind="TAKE_PROFIT_MARKET")
    paper.walk_bar()
    assert fills(paper)[1:] == [("SELL LONG", "1", "102.9485")]


def test_at_one_price_a_limit_comes_before_a_stop_and_an_opening_before_a_closing_order() -> None:
    paper = exchange(FLAT, (100.0, 104.0, 99.0, 104.0))
    paper.open_bar()
    place(paper, "BUY", "LONG", 1)
    place(paper, "SELL", "SHORT", 1)
    stop(paper, "BUY", "SHORT", "0.5", 103)
    place(paper, "SELL", "LONG", 1, 103)
    place(paper, "SELL", "SHORT", 2, 103)
    paper.walk_bar()
    assert fills(paper)[2:] == [
        ("SELL SHORT", "2", "103"),
        ("SELL LONG", "1", "103"),
        ("BUY SHORT", "0.5", "103.0515"),
    ]


def test_a_fired_stop_expires_the_closing_orders_of_what_it_closed() -> None:
    paper = exchange(FLAT, (100.0, 100.0, 90.0, 92.0))
    paper.open_bar()
    place(paper, "BUY", "LONG", 2)
    near, far = place(paper, "SELL", "LONG", 1, 104), place(paper, "SELL", "LONG", 1, 105)
    stop(paper, "SELL", "LONG", 1, 95)
    paper.walk_bar()
    assert (near.status, far.status) == ("NEW", "EXPIRED")


def test_a_stop_without_position_expires() -> None:
    paper = exchange(FLAT, (100.0, 100.0, 90.0, 92.0))
    paper.open_bar()
    lonely = stop(paper, "SELL", "LONG", 1, 95)
    paper.walk_bar()
    assert lonely.status == "EXPIRED"
    assert fills(paper) == []


def test_stepping_stops_at_each_event_so_that_a_client_can_react_there() -> None:
    paper = exchange(FLAT, (100.0, 101.0, 90.0, 92.0))
    paper.open_bar()
    place(paper, "BUY", "LONG", 1, 98)
    event = paper.step()
    assert event is not None
    assert (event.kind, str(event.price)) == ("fill", "98")
    with pytest.raises(RefusalError) as error:
        stop(paper, "SELL", "LONG", None, 98)
    assert error.value.code == -2021
    stop(paper, "SELL", "LONG", None, 96)
    event = paper.step()
    assert event is not None
    assert (event.kind, str(event.price)) == ("stop", "96")
    assert paper.step() is None
    assert str(paper.venue.instruments["BTCUSDT"].price) == "92.0"


def test_stepping_and_walking_give_the_same_trades() -> None:
    def orders(paper: object) -> None:
        for price in (99, "98.5", 98):
            place(paper, "BUY", "LONG", 1, price)  # type: ignore[arg-type]
            place(paper, "SELL", "SHORT", 1, 200 - float(price))  # type: ignore[arg-type]

    walked, stepped = exchange(FLAT, UP), exchange(FLAT, UP)
    for paper in (walked, stepped):
        paper.open_bar()
        orders(paper)
    walked.walk_bar()
    while stepped.step():
        pass
    assert fills(walked) == fills(stepped)
    assert len(fills(walked)) == 6


def test_time_passes_along_the_path_a_third_of_the_bar_for_each_leg() -> None:
    paper = exchange(FLAT, UP)
    opened = paper.open_bar()
    assert opened is not None
    place(paper, "BUY", "LONG", 1, "98.5")  # half of the first leg, from 100 to 97
    event = paper.step()
    assert event is not None
    assert event.time_ms == opened + 150_000
    paper.walk_bar()
    assert paper.clock.market_ms == opened + 900_000 - 1


def test_advancing_in_small_pieces_of_time_gives_the_trades_of_one_walk() -> None:
    pieces, whole = exchange(FLAT, UP, DOWN), exchange(FLAT, UP, DOWN)
    for paper in (pieces, whole):
        paper.open_bar()
        for price in (99, "97.5"):
            place(paper, "BUY", "LONG", 1, price)
        place(paper, "SELL", "SHORT", 1, "103.3")
    start = pieces.clock.market_ms
    for passed in range(0, 1_800_000, 7_001):
        pieces.advance_to(start + passed)
    pieces.advance_to(start + 1_800_000)
    whole.walk_bar()
    whole.open_bar()
    whole.walk_bar()
    assert fills(pieces) == fills(whole)
    assert [t["market_ms"] for t in pieces.ledger.of("trade")] == [
        t["market_ms"] for t in whole.ledger.of("trade")
    ]


def test_a_partial_fill_leaves_the_rest_until_the_price_comes_back() -> None:
    faults = Faults([Fault(what="partial", share=Decimal("0.25"))])
    paper = exchange(FLAT, UP, DOWN, faults=faults)
    paper.open_bar()
    order = place(paper, "BUY", "LONG", 1, 98)
    paper.walk_bar()  # down through 98 once, then up and down to 102
    assert (str(order.status), str(order.filled)) == ("PARTIALLY_FILLED", "0.250")
    paper.open_bar()
    paper.walk_bar()
    assert str(order.status) == "FILLED"
    assert fills(paper) == [("BUY LONG", "0.25", "98"), ("BUY LONG", "0.75", "98")]


def test_what_a_gap_fills_in_part_waits_until_the_price_falls_again() -> None:
    faults = Faults([Fault(what="partial", share=Decimal("0.25"))])
    rises, falls = (97.5, 99.0, 97.5, 99.0), (99.0, 99.0, 98.0, 98.0)
    paper = exchange(FLAT, FLAT, rises, falls, faults=faults)
    paper.open_bar()
    place(paper, "BUY", "LONG", 1, 98)
    paper.walk_bar()
    paper.open_bar()
    paper.walk_bar()
    assert fills(paper) == [("BUY LONG", "0.25", "98")]
    paper.open_bar()
    paper.walk_bar()
    assert fills(paper)[1:] == [("BUY LONG", "0.75", "98")]


def test_funding_settles_at_the_open_on_the_position_of_that_instant() -> None:
    paper = exchange(FLAT, FLAT, (100.0, 101.0, 99.0, 100.0), rates={2: 0.001})
    paper.open_bar()
    place(paper, "BUY", "LONG", 3)
    place(paper, "SELL", "SHORT", 1)
    before = wallet(paper)
    paper.walk_bar()
    assert wallet(paper) == before
    paper.open_bar()
    assert wallet(paper) == before - Decimal("0.3") + Decimal("0.1")  # 0.001 * 100 * (3 - 1)


def test_one_way_positions_net_and_turn() -> None:
    paper = exchange(FLAT, UP, hedge_mode=False)
    paper.open_bar()
    place(paper, "BUY", "", 1)
    place(paper, "SELL", "", 3)
    position = paper.venue.account.position("BTCUSDT", "BOTH")
    assert (position.amount, position.entry) == (-2, Decimal("99.95"))
    with pytest.raises(RefusalError) as error:
        place(paper, "BUY", "", 3, 99, reduceOnly="true")
    assert error.value.code == -2022
