"""What every broker says of the market and of the account's settings. Costs 3 s."""

from decimal import Decimal

import pytest

from exchange.broker import Broker
from exchange.checks import CANDLE_COLUMNS
from exchange.outcomes import Refused, Unreachable
from tests.contract.conftest import MINUTE, Subject


async def test_it_is_a_broker_of_its_symbol(subject: Subject) -> None:
    assert isinstance(subject.broker, Broker)
    assert subject.broker.symbol.id == "BTCUSDT"


async def test_the_market_comes_with_grid_filters_and_tiers(subject: Subject) -> None:
    listed = await subject.broker.market()
    assert listed.market.symbol == subject.broker.symbol
    assert listed.trading
    assert listed.market.tick > 0
    assert listed.market.step > 0
    assert listed.market.min_notional > 0
    assert listed.market.tiers[0].floor == 0
    assert listed.max_orders >= 100


async def test_the_time_is_the_exchange_s_and_goes_forward(subject: Subject) -> None:
    first = await subject.broker.server_time()
    if subject.move:
        await subject.move()
    assert await subject.broker.server_time() >= first > 1_700_000_000_000


async def test_candles_are_closed_in_order_and_from_the_time_asked(subject: Subject) -> None:
    now = await subject.broker.server_time()
    since = now // MINUTE * MINUTE - 5 * MINUTE
    candles = await subject.broker.closed_candles("1m", since)
    opens = candles["timestamp"].tolist()
    assert list(candles.columns[:6]) == list(CANDLE_COLUMNS)
    assert opens[0] == since
    assert opens == sorted(set(opens))
    assert opens[-1] + MINUTE <= await subject.broker.server_time()


async def test_the_candle_that_is_open_is_never_told(subject: Subject) -> None:
    opened = await subject.broker.server_time() // MINUTE * MINUTE
    if subject.move is None:
        pytest.skip("nobody can move this market")
    assert (await subject.broker.closed_candles("1m", opened)).empty
    await subject.move()
    closed = await subject.broker.closed_candles("1m", opened)
    assert closed["timestamp"].tolist() == [opened]


async def test_the_mark_price_is_a_positive_price(subject: Subject) -> None:
    mark = await subject.broker.mark_price()
    assert isinstance(mark, Decimal)
    assert mark > 0


async def test_funding_rates_are_told_once_they_have_settled(subject: Subject) -> None:
    now = await subject.broker.server_time()
    if subject.move is None:
        rates = await subject.broker.funding_rates(now - 3 * 86_400_000)
        assert len(rates) >= 2
        assert [r.time_ms for r in rates] == sorted(r.time_ms for r in rates)
        return
    assert await subject.broker.funding_rates(0) == []
    for _ in range(11):
        await subject.move()
    (rate,) = await subject.broker.funding_rates(0)
    assert rate.rate == Decimal("0.0001")
    assert await subject.broker.funding_rates(rate.time_ms + 1) == []


async def test_hedge_mode_and_cross_margin_can_be_had_again_and_again(subject: Subject) -> None:
    for _ in range(2):
        await subject.broker.ensure_hedge_mode()
        await subject.broker.ensure_cross_margin()
    assert await subject.broker.position_mode() == "hedge"
    assert await subject.broker.margin_mode() == "cross"


async def test_leverage_is_set_and_read_within_its_bounds(subject: Subject) -> None:
    for leverage in (7, 10):
        await subject.broker.set_leverage(leverage)
        assert await subject.broker.leverage() == leverage
    for wrong in (0, 126):
        with pytest.raises(Refused):
            await subject.broker.set_leverage(wrong)
    assert await subject.broker.leverage() == 10


async def test_a_flat_account_has_its_wallet_free(subject: Subject) -> None:
    positions = await subject.broker.positions()
    assert (positions.long.qty, positions.short.qty) == (0, 0)
    assert (positions.long.side, positions.short.side) == ("long", "short")
    balance = await subject.broker.balance()
    assert balance.wallet == balance.equity == balance.available > 0


async def test_a_market_that_cannot_be_reached_is_a_failure_and_never_an_answer(
    subject: Subject,
) -> None:
    if subject.unplug is None:
        pytest.skip("nobody can unplug this market")
    await subject.unplug()
    broker = subject.broker
    for read in (
        broker.balance,
        broker.positions,
        broker.open_orders,
        broker.mark_price,
        broker.server_time,
        broker.leverage,
        broker.market,
        lambda: broker.trades_since(None),
        lambda: broker.funding_paid(0),
        lambda: broker.funding_rates(0),
        lambda: broker.closed_candles("1m", 0),
    ):
        with pytest.raises(Unreachable):
            await read()
