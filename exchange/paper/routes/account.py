"""The account: balance, positions, settings, trades, income, listen keys."""

from bisect import bisect_left
from typing import Any

from exchange.decimals import plain
from exchange.paper.account import Income, Trade
from exchange.paper.errors import refusal
from exchange.paper.numbers import ZERO
from exchange.paper.orders import available, instrument
from exchange.paper.params import Params
from exchange.paper.routes.endpoint import Endpoint, Security, page
from exchange.paper.venue import Venue
from exchange.paper.views import flat_view, income_view, position_views, trade_view
from exchange.timeframe import DAY_MS

_DONE = {"code": 200, "msg": "success"}
_WEEK_MS = 7 * DAY_MS


def account(venue: Venue, _params: Params) -> dict[str, Any]:
    """GET account, v2 and v3."""
    ours, coins = venue.account, venue.instruments
    profit, positions = ours.profit(coins), ours.position_margin(coins)
    orders = ours.order_margin(venue.book.resting())
    maintenance = sum((held.maintenance for held in ours.held(coins)), ZERO)
    free = max(available(venue), ZERO)
    figures = {
        "walletBalance": ours.wallet,
        "unrealizedProfit": profit,
        "marginBalance": ours.wallet + profit,
        "maintMargin": maintenance,
        "initialMargin": positions + orders,
        "positionInitialMargin": positions,
        "openOrderInitialMargin": orders,
        "crossWalletBalance": ours.wallet,
        "crossUnPnl": profit,
        "availableBalance": free,
        "maxWithdrawAmount": min(free, max(ours.wallet, ZERO)),
    }
    texts = {name: plain(value) for name, value in figures.items()}
    totals = {
        f"total{name[0].upper()}{name[1:]}": text
        for name, text in texts.items()
        if name not in ("availableBalance", "maxWithdrawAmount")
    }
    return {
        **totals,
        "availableBalance": texts["availableBalance"],
        "maxWithdrawAmount": texts["maxWithdrawAmount"],
        "canTrade": True,
        "canDeposit": True,
        "canWithdraw": False,
        "feeTier": 0,
        "multiAssetsMargin": False,
        "updateTime": ours.updated_ms,
        "assets": [{"asset": "USDT", **texts, "updateTime": ours.updated_ms}],
        "positions": [_short_view(venue, view) for view in position_views(venue)],
    }


def balance(venue: Venue, _params: Params) -> list[dict[str, Any]]:
    ours = venue.account
    free = plain(max(available(venue), ZERO))
    return [
        {
            "accountAlias": "paper",
            "asset": "USDT",
            "balance": plain(ours.wallet),
            "crossWalletBalance": plain(ours.wallet),
            "crossUnPnl": plain(ours.profit(venue.instruments)),
            "availableBalance": free,
            "maxWithdrawAmount": free,
            "marginAvailable": True,
            "updateTime": ours.updated_ms,
        }
    ]


def positions(venue: Venue, params: Params) -> list[dict[str, Any]]:
    """GET positionRisk, v3."""
    symbol = instrument(venue, params).symbol if "symbol" in params else None
    return position_views(venue, symbol)


def positions_v2(venue: Venue, params: Params) -> list[dict[str, Any]]:
    """GET positionRisk, v2: every side of every symbol, flat ones too, with leverage."""
    coins = [instrument(venue, params)] if "symbol" in params else venue.instruments.values()
    views = []
    for coin in coins:
        known = {view["positionSide"]: view for view in position_views(venue, coin.symbol)}
        leverage = venue.account.leverage_of(coin.symbol)
        settings = {
            "leverage": str(leverage),
            "marginType": "cross",
            "isAutoAddMargin": "false",
            "maxNotionalValue": plain(coin.largest_notional(leverage)),
        }
        for side in venue.account.sides():
            flat = flat_view(coin, side)
            views.append(flat | known.get(side, {}) | settings)
    return views


def user_trades(venue: Venue, params: Params) -> list[dict[str, Any]]:
    """Oldest first; a window of a week at most, or from a trade id on."""
    coin = instrument(venue, params)
    limit = page(params, 500, 1000)
    first, order_id = params.optional_integer("fromId"), params.optional_integer("orderId")
    trades = [
        trade
        for trade in _trades_from(venue, first or 1)
        if trade.order.symbol == coin.symbol and order_id in (None, trade.order.id)
    ]
    if first is not None:
        if "startTime" in params or "endTime" in params:
            raise refusal(-1128)
        return [trade_view(trade) for trade in trades[:limit]]
    start, end = _window(venue, params)
    trades = [trade for trade in trades if start <= trade.time_ms <= end]
    trades = trades[:limit] if "startTime" in params else trades[-limit:]
    return [trade_view(trade) for trade in trades]


def income(venue: Venue, params: Params) -> list[dict[str, Any]]:
    """Oldest first; the last week unless startTime says more."""
    limit = page(params, 100, 1000)
    kind = params.text("incomeType", "")
    symbol = params.text("symbol", "")
    now = venue.clock.wall_ms()
    start, end = params.integer("startTime", now - _WEEK_MS), params.integer("endTime", now)

    def fits(paid: Income) -> bool:
        asked = kind in ("", paid.kind) and symbol in ("", paid.symbol)
        return asked and start <= paid.time_ms <= end

    found = [paid for paid in venue.account.income if fits(paid)]
    found = found[:limit] if "startTime" in params else found[-limit:]
    return [income_view(paid) for paid in found]


def set_position_mode(venue: Venue, params: Params) -> dict[str, Any]:
    """POST positionSide/dual."""
    params.text("dualSidePosition")
    wanted = params.flag("dualSidePosition")
    if wanted == venue.account.hedge:
        raise refusal(-4059)
    if venue.book.open_orders or venue.book.open_stops:
        raise refusal(-4067)
    if venue.account.open_positions():
        raise refusal(-4068)
    venue.account.hedge = wanted
    return dict(_DONE)


def set_leverage(venue: Venue, params: Params) -> dict[str, Any]:
    coin = instrument(venue, params)
    wanted = params.integer("leverage")
    largest = coin.largest_notional(wanted)
    if wanted < 1 or not largest:
        raise refusal(-4028, wanted)
    ours = venue.account
    held = [p for p in ours.open_positions() if p.symbol == coin.symbol]
    if any(abs(position.amount) * coin.price > largest for position in held):
        raise refusal(-2027)
    before = ours.leverage_of(coin.symbol)
    ours.leverage[coin.symbol] = wanted
    if wanted < before and available(venue) < 0:
        ours.leverage[coin.symbol] = before
        raise refusal(-2028)
    return {
        "symbol": coin.symbol,
        "leverage": wanted,
        "maxNotionalValue": plain(largest),
    }


def _set_margin_type(venue: Venue, params: Params) -> dict[str, Any]:
    """Accounts here are cross: ISOLATED is no valid choice, CROSSED is set already."""
    instrument(venue, params)
    if params.text("marginType") != "CROSSED":
        raise refusal(-1130, "marginType")
    raise refusal(-4046)


def _symbol_config(venue: Venue, params: Params) -> list[dict[str, Any]]:
    coins = [instrument(venue, params)] if "symbol" in params else venue.instruments.values()
    return [
        {
            "symbol": coin.symbol,
            "marginType": "CROSSED",
            "isAutoAddMargin": False,
            "leverage": venue.account.leverage_of(coin.symbol),
            "maxNotionalValue": plain(
                coin.largest_notional(venue.account.leverage_of(coin.symbol))
            ),
        }
        for coin in coins
    ]


def _account_config(venue: Venue, _params: Params) -> dict[str, Any]:
    return {
        "feeTier": 0,
        "canTrade": True,
        "canDeposit": True,
        "canWithdraw": False,
        "dualSidePosition": venue.account.hedge,
        "multiAssetsMargin": False,
        "tradeGroupId": -1,
        "updateTime": venue.account.updated_ms,
    }


def _brackets(venue: Venue, params: Params) -> list[dict[str, Any]]:
    coins = [instrument(venue, params)] if "symbol" in params else venue.instruments.values()
    return [
        {"symbol": coin.symbol, "notionalCoef": 1.0, "brackets": coin.brackets()} for coin in coins
    ]


def _commission(venue: Venue, params: Params) -> dict[str, Any]:
    return {
        "symbol": instrument(venue, params).symbol,
        "makerCommissionRate": plain(venue.account.maker),
        "takerCommissionRate": plain(venue.account.taker),
    }


def _new_listen_key(venue: Venue, _params: Params) -> dict[str, Any]:
    return {"listenKey": venue.listen_keys.create(venue.clock.running_ms())}


def _keep_listen_key(venue: Venue, _params: Params) -> dict[str, Any]:
    if not venue.listen_keys.keep(venue.clock.running_ms()):
        raise refusal(-1125)
    return {"listenKey": venue.listen_keys.key}


def _close_listen_key(venue: Venue, _params: Params) -> dict[str, Any]:
    venue.listen_keys.expire()
    return {}


def _short_view(venue: Venue, view: dict[str, Any]) -> dict[str, Any]:
    """A position as the account's answer has it."""
    kept = ("symbol", "positionSide", "positionAmt", "isolatedMargin", "notional", "isolatedWallet")
    margins = ("initialMargin", "maintMargin", "entryPrice", "updateTime")
    short = {name: view[name] for name in (*kept, *margins)}
    leverage = str(venue.account.leverage_of(view["symbol"]))
    return short | {"unrealizedProfit": view["unRealizedProfit"], "leverage": leverage}


def _trades_from(venue: Venue, first: int) -> list[Trade]:
    trades = venue.account.trades
    return trades[bisect_left(trades, first, key=lambda trade: trade.id) :]


def _window(venue: Venue, params: Params) -> tuple[int, int]:
    """startTime and endTime; whichever is missing lies a week from the other."""
    start, end = params.optional_integer("startTime"), params.optional_integer("endTime")
    if start is None:
        end = venue.clock.wall_ms() if end is None else end
        start = end - _WEEK_MS
    elif end is None:
        end = start + _WEEK_MS
    if start > end:
        raise refusal(-1023)
    if end - start > _WEEK_MS:
        raise refusal(-4165)
    return start, end


_SIGNED, _KEY = Security.SIGNED, Security.KEY
_NO_MULTI_ASSETS = {"multiAssetsMargin": False}

ACCOUNT: dict[tuple[str, str], Endpoint] = {
    ("GET", "/fapi/v2/account"): Endpoint(account, _SIGNED, weight=5),
    ("GET", "/fapi/v3/account"): Endpoint(account, _SIGNED, weight=5),
    ("GET", "/fapi/v2/balance"): Endpoint(balance, _SIGNED, weight=5),
    ("GET", "/fapi/v3/balance"): Endpoint(balance, _SIGNED, weight=5),
    ("GET", "/fapi/v3/positionRisk"): Endpoint(positions, _SIGNED, weight=5),
    ("GET", "/fapi/v2/positionRisk"): Endpoint(positions_v2, _SIGNED, weight=5),
    ("GET", "/fapi/v1/userTrades"): Endpoint(user_trades, _SIGNED, weight=5),
    ("GET", "/fapi/v1/income"): Endpoint(income, _SIGNED, weight=30),
    ("GET", "/fapi/v1/positionSide/dual"): Endpoint(
        lambda venue, _params: {"dualSidePosition": venue.account.hedge}, _SIGNED, weight=30
    ),
    ("POST", "/fapi/v1/positionSide/dual"): Endpoint(set_position_mode, _SIGNED),
    ("POST", "/fapi/v1/leverage"): Endpoint(set_leverage, _SIGNED),
    ("POST", "/fapi/v1/marginType"): Endpoint(_set_margin_type, _SIGNED),
    ("GET", "/fapi/v1/multiAssetsMargin"): Endpoint(
        lambda _venue, _params: dict(_NO_MULTI_ASSETS), _SIGNED, weight=30
    ),
    ("GET", "/fapi/v1/symbolConfig"): Endpoint(_symbol_config, _SIGNED, weight=5),
    ("GET", "/fapi/v1/accountConfig"): Endpoint(_account_config, _SIGNED, weight=5),
    ("GET", "/fapi/v1/leverageBracket"): Endpoint(_brackets, _SIGNED),
    ("GET", "/fapi/v1/commissionRate"): Endpoint(_commission, _SIGNED, weight=20),
    ("POST", "/fapi/v1/listenKey"): Endpoint(_new_listen_key, _KEY),
    ("PUT", "/fapi/v1/listenKey"): Endpoint(_keep_listen_key, _KEY),
    ("DELETE", "/fapi/v1/listenKey"): Endpoint(_close_listen_key, _KEY),
}
