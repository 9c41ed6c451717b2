"""An unmodified sync ccxt sets up the account and reads its history. 1 s."""

from decimal import Decimal
from typing import Any

import ccxt
import pytest

from exchange.paper.threaded import ThreadedExchange
from tests.paper.support import BAR, START, SYMBOL, place


def trade(threaded: ThreadedExchange, side: str, position_side: str, quantity: float) -> None:
    threaded.call(lambda running: place(running, side, position_side, quantity))


def test_hedge_mode_is_switched_once_and_only_while_nothing_is_open(sync_client: Any) -> None:
    assert sync_client.fetch_position_mode(SYMBOL)["hedged"]
    with pytest.raises(ccxt.OperationRejected, match="-4059"):
        sync_client.set_position_mode(True)
    sync_client.set_position_mode(False)
    assert not sync_client.fapiPrivateGetAccountConfig()["dualSidePosition"]
    order = sync_client.create_order(SYMBOL, "limit", "buy", 1, 98)
    with pytest.raises(ccxt.OperationRejected, match="-4067"):
        sync_client.set_position_mode(True)
    sync_client.cancel_order(order["id"], SYMBOL)
    sync_client.create_order(SYMBOL, "market", "buy", 1)
    with pytest.raises(ccxt.OperationRejected, match="-4068"):
        sync_client.set_position_mode(True)


def test_leverage_is_set_within_the_brackets(sync_client: Any, threaded: ThreadedExchange) -> None:
    assert sync_client.fetch_leverage(SYMBOL)["longLeverage"] == 20
    assert sync_client.set_leverage(5, SYMBOL)["leverage"] == 5
    assert sync_client.fetch_leverages([SYMBOL])[SYMBOL]["longLeverage"] == 5
    with pytest.raises(ccxt.BadRequest, match="-4028"):
        sync_client.fapiPrivatePostLeverage({"symbol": "BTCUSDT", "leverage": 126})
    trade(threaded, "BUY", "LONG", 400)
    with pytest.raises(ccxt.OperationRejected, match="-2028"):
        sync_client.set_leverage(1, SYMBOL)


def test_the_margin_mode_is_cross_already(sync_client: Any) -> None:
    with pytest.raises(ccxt.MarginModeAlreadySet, match="No need to change margin type"):
        sync_client.set_margin_mode("cross", SYMBOL)
    assert sync_client.fetch_margin_modes([SYMBOL])[SYMBOL]["marginMode"] == "cross"
    with pytest.raises(ccxt.BadRequest, match="-1130"):
        sync_client.set_margin_mode("isolated", SYMBOL)


def test_fees_and_tiers_are_told(sync_client: Any) -> None:
    fee = sync_client.fetch_trading_fee(SYMBOL)
    assert (fee["maker"], fee["taker"]) == (0.0002, 0.0005)
    tiers = sync_client.fetch_leverage_tiers([SYMBOL])[SYMBOL]
    assert [(t["maxNotional"], t["maintenanceMarginRate"], t["maxLeverage"]) for t in tiers][
        :5
    ] == [
        (50_000, 0.004, 125),
        (600_000, 0.005, 100),
        (3_000_000, 0.0065, 75),
        (12_000_000, 0.01, 50),
        (70_000_000, 0.02, 25),
    ]
    assert tiers[1]["info"]["cum"] == 50


def test_balance_and_account_agree_in_every_version(
    sync_client: Any, threaded: ThreadedExchange
) -> None:
    trade(threaded, "BUY", "LONG", 2)
    newest = sync_client.fapiPrivateV3GetAccount()
    assert newest["totalWalletBalance"] == "9999.89995"  # 10000 - 2 * 100.05 * 0.0005
    assert newest["totalUnrealizedProfit"] == "-0.1"
    assert newest["totalInitialMargin"] == "10"
    assert newest["availableBalance"] == "9989.79995"
    assert newest["totalMaintMargin"] == "0.8"
    assert sync_client.fapiPrivateV2GetAccount()["assets"] == newest["assets"]
    (v2,), (v3,) = sync_client.fapiPrivateV2GetBalance(), sync_client.fapiPrivateV3GetBalance()
    assert v2 == v3
    assert v3["balance"] == "9999.89995"


def test_position_risk_has_the_words_of_both_versions(
    sync_client: Any, threaded: ThreadedExchange
) -> None:
    trade(threaded, "SELL", "SHORT", 2)
    (short,) = sync_client.fapiPrivateV3GetPositionRisk()
    expected = {
        "symbol": "BTCUSDT",
        "positionSide": "SHORT",
        "positionAmt": "-2",
        "entryPrice": "99.95",
        "markPrice": "100",
        "unRealizedProfit": "-0.1",
        "isolatedMargin": "0",
        "notional": "-200",
        "initialMargin": "10",
        "maintMargin": "0.8",
    }
    assert {name: short[name] for name in expected} == expected
    assert Decimal(short["liquidationPrice"]) > 4000
    rows = sync_client.fapiPrivateV2GetPositionRisk({"symbol": "BTCUSDT"})
    assert [(r["positionSide"], r["positionAmt"], r["leverage"]) for r in rows] == [
        ("LONG", "0", "20"),
        ("SHORT", "-2", "20"),
    ]


def test_trades_are_paged_by_id(sync_client: Any, threaded: ThreadedExchange) -> None:
    for _ in range(5):
        trade(threaded, "BUY", "LONG", 1)
    ask = {"symbol": "BTCUSDT"}
    assert [t["id"] for t in sync_client.fapiPrivateGetUserTrades(ask)] == [1, 2, 3, 4, 5]
    page = sync_client.fapiPrivateGetUserTrades({**ask, "fromId": 3, "limit": 2})
    assert [t["id"] for t in page] == [3, 4]
    assert [t["id"] for t in sync_client.fapiPrivateGetUserTrades({**ask, "limit": 2})] == [4, 5]
    by_order = sync_client.fapiPrivateGetUserTrades({**ask, "orderId": page[0]["orderId"]})
    assert [t["id"] for t in by_order] == [3]


def test_trades_are_told_for_a_week_at_a_time(sync_client: Any, threaded: ThreadedExchange) -> None:
    trade(threaded, "BUY", "LONG", 1)
    week = 7 * 86_400_000
    ask = {"symbol": "BTCUSDT"}
    threaded.advance_to(START + BAR + week + 60_000)
    assert sync_client.fapiPrivateGetUserTrades(ask) == []
    assert len(sync_client.fetch_my_trades(SYMBOL, since=START)) == 1
    with pytest.raises(ccxt.BadRequest, match="-4165"):
        sync_client.fapiPrivateGetUserTrades(
            {**ask, "startTime": START, "endTime": START + week + 1}
        )
    with pytest.raises(ccxt.BadRequest, match="-1128"):
        sync_client.fapiPrivateGetUserTrades({**ask, "startTime": START, "fromId": 1})
    with pytest.raises(ccxt.BadRequest, match="-1023"):
        sync_client.fapiPrivateGetUserTrades({**ask, "startTime": START + 1, "endTime": START})


def test_funding_paid_is_in_the_income_history(
    sync_client: Any, threaded: ThreadedExchange
) -> None:
    trade(threaded, "BUY", "LONG", 3)
    trade(threaded, "SELL", "SHORT", 1)
    threaded.walk_bar()
    threaded.open_bar()
    paid = sync_client.fetch_funding_history(SYMBOL)
    assert [(entry["timestamp"], entry["amount"]) for entry in paid] == [
        (START + 2 * BAR, -0.3),
        (START + 2 * BAR, 0.1),
    ]
    kinds = {entry["incomeType"] for entry in sync_client.fapiPrivateGetIncome({"limit": 1000})}
    assert kinds == {"COMMISSION", "FUNDING_FEE"}


def test_an_unknown_path_is_not_found(sync_client: Any, threaded: ThreadedExchange) -> None:
    with pytest.raises(ccxt.ExchangeError, match="-5000"):
        sync_client.fapiPrivateGetFeeBurn()
    assert threaded.exchange.ledger.requests()[-1]["status"] == 404
