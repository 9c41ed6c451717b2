"""Laws that hold for every candle, every order and every request. 3 s."""

import hashlib
import hmac
import random
import urllib.parse
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.paper.door import ROUTES, Request
from exchange.paper.errors import RefusalError
from exchange.paper.params import Params
from exchange.paper.server import PAPER_KEYS, PaperExchange
from tests.paper.support import BAR, FLAT, START, Candle, exchange, fills, place, stop, wallet

_PRICES = st.integers(960, 1040)


@st.composite
def candles(draw: st.DrawFn) -> list[Candle]:
    """A history candle at 100 and some more on ticks of 0.1 around it."""
    drawn: list[Candle] = [FLAT]
    for _ in range(draw(st.integers(1, 4))):
        opened, high, low, close = (draw(_PRICES) for _ in range(4))
        high, low = max(opened, high, low, close), min(opened, high, low, close)
        drawn.append((opened / 10, high / 10, low / 10, close / 10))
    return drawn


_LIMITS = st.lists(st.tuples(st.booleans(), _PRICES), max_size=8)


@settings(max_examples=150, deadline=None)
@given(candles(), _LIMITS)
def test_fills_are_those_of_a_price_that_creeps_tick_by_tick(
    market: list[Candle], limits: list[tuple[bool, int]]
) -> None:
    paper = exchange(*market)
    paper.open_bar()
    opened = round(market[1][0] * 10)
    resting: list[tuple[int, int, bool]] = []
    for number, (buys, price) in enumerate(limits):
        if (price < opened) if buys else (price > opened):
            side, where = ("BUY", "LONG") if buys else ("SELL", "SHORT")
            place(paper, side, where, 1, Decimal(price) / 10, "GTX")
            resting.append((number, price, buys))
    expected: list[tuple[str, str, str]] = []
    here = opened
    for candle in market[1:]:
        first, high, low, close = (round(price * 10) for price in candle)
        turns = [first, low, high, close] if close >= first else [first, high, low, close]
        for turn in turns:
            step = 1 if turn > here else -1
            for at in range(here, turn + step, step):
                met = [order for order in resting if order[1] == at]
                for order in met:
                    resting.remove(order)
                    side = "BUY LONG" if order[2] else "SELL SHORT"
                    expected.append((side, "1", f"{Decimal(at) / 10:f}"))
            here = turn
    paper.walk_bar()
    while paper.open_bar() is not None:
        paper.walk_bar()
    assert fills(paper) == expected


_ACTS = st.lists(
    st.tuples(
        st.sampled_from(["limit", "market", "close", "stop", "cancel", "step", "walk", "open"]),
        st.booleans(),
        st.integers(-40, 40),
        st.integers(1, 60),
    ),
    max_size=40,
)


@settings(max_examples=150, deadline=None)
@given(candles(), _ACTS, st.sampled_from([10_000, 60, 20]))
def test_whatever_is_done_the_wallet_is_the_sum_of_its_payments(
    market: list[Candle], acts: list[tuple[str, bool, int, int]], money: int
) -> None:
    paper = exchange(*market, rates={2: 0.001, 3: -0.002}, wallet=money)
    paper.open_bar()
    for act in acts:
        _try(paper, *act)
        account = paper.venue.account
        payments = sum(paid.amount for paid in account.income)
        # an average entry may have no last digit: the 28th of each sum is rounded
        assert abs(wallet(paper) - money - payments) < Decimal("1e-20")
        assert wallet(paper) >= 0 or account.open_positions()
        long = account.position("BTCUSDT", "LONG").amount
        short = account.position("BTCUSDT", "SHORT").amount
        assert long >= 0 >= short
        for where, held in (("LONG", long), ("SHORT", -short)):
            promised = sum(order.left for order in paper.venue.book.closing("BTCUSDT", where))
            assert promised <= held
        bought = sum(
            trade.quantity * (1 if trade.order.side == "BUY" else -1) for trade in account.trades
        )
        assert bought == long + short


def _try(paper: PaperExchange, what: str, long: bool, away: int, quantity: int) -> None:
    where, opens, closes = ("LONG", "BUY", "SELL") if long else ("SHORT", "SELL", "BUY")
    price = paper.venue.instruments["BTCUSDT"].price + Decimal(away) / 10
    try:
        if what == "limit":
            place(paper, opens, where, quantity, price)
        elif what == "market":
            place(paper, opens, where, quantity)
        elif what == "close":
            place(paper, closes, where, quantity, price if away % 2 else None)
        elif what == "stop":
            stop(paper, closes, where, None if away % 2 else quantity, price)
        elif what == "cancel" and paper.venue.book.open_orders:
            order = next(iter(paper.venue.book.open_orders.values()))
            paper.venue.book.end(order, order.status.CANCELED, 0)
        elif what == "step":
            paper.step()
        elif what == "walk":
            paper.walk_bar()
        elif what == "open":
            paper.open_bar()
    except RefusalError:
        return


_VALUES = ("", "0", "-1", "1", "2.5", "BTCUSDT", "true", "x" * 40, "15m", "[]", "{}", '["a"]')
_MORE = (
    "LIMIT",
    "BUY",
    "LONG",
    "GTC",
    "100",
    "1e3",
    "NaN",
    "\u0661",
    str(START),
    str(10**18),
    "CROSSED",
)
_NAMES = (
    "symbol",
    "side",
    "positionSide",
    "type",
    "timeInForce",
    "quantity",
    "price",
    "orderId",
    "origClientOrderId",
    "limit",
    "startTime",
    "endTime",
    "fromId",
    "interval",
    "batchOrders",
    "orderIdList",
    "origClientOrderIdList",
    "leverage",
    "marginType",
    "dualSidePosition",
    "countdownTime",
    "algoId",
    "clientAlgoId",
    "triggerPrice",
    "closePosition",
    "incomeType",
)


def test_no_request_however_odd_breaks_the_exchange() -> None:
    dice = random.Random(5)
    paper = exchange(FLAT, FLAT)
    paper.open_bar()
    place(paper, "BUY", "LONG", 1)
    place(paper, "SELL", "LONG", 1, 104)
    answered = {200: 0, 400: 0}
    for number in range(4000):
        method, path = dice.choice(list(ROUTES))
        sent = {name: dice.choice(_VALUES + _MORE) for name in dice.sample(_NAMES, 12)}
        if dice.random() < 0.7:
            sent["symbol"] = "BTCUSDT"
        sent["timestamp"] = str(paper.clock.wall_ms())
        query = urllib.parse.urlencode(sent)
        key = PAPER_KEYS.secret.encode()
        signature = hmac.new(key, query.encode(), hashlib.sha256).hexdigest()
        query = f"{query}&signature={signature}"
        request = Request(method, path, query, "", PAPER_KEYS.key)
        answer = paper.door.answer(request, Params.parse(query))
        assert answer.text
        answered[answer.status] = answered.get(answer.status, 0) + 1
        if number % 100 == 99:
            paper.advance_to(paper.clock.market_ms + BAR)
    assert set(answered) == {200, 400}
    assert min(answered.values()) > 500
