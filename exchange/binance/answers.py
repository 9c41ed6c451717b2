"""Binance's answers about orders, trades and the account, as records that cannot be wrong.

Each reader takes parsed JSON and raises KeyError, TypeError, ValueError, ArithmeticError or
DataError if it is not what Binance sends; `understood` turns that into a failure.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

from exchange.broker import (
    Balance,
    Fill,
    FundingPayment,
    FundingRate,
    Kind,
    OrderSide,
    Permissions,
    PlacedOrder,
    Position,
    Positions,
    State,
)
from exchange.checks import CANDLE_COLUMNS, check_candles
from exchange.client_ids import ClientId, Side
from exchange.errors import DataError
from exchange.outcomes import UnknownOutcome, Unreachable
from exchange.timeframe import timeframe_ms

if TYPE_CHECKING:
    import pandas as pd

Json = Mapping[str, Any]
T = TypeVar("T")

_SIDES: Mapping[str, Side] = {"LONG": "long", "SHORT": "short"}
_ORDER_SIDES: Mapping[str, OrderSide] = {"BUY": "buy", "SELL": "sell"}
_KINDS: Mapping[str, Kind] = {"LIMIT": "limit", "MARKET": "market", "STOP_MARKET": "stop"}
_STATES: Mapping[str, State] = {
    "NEW": "open",
    "PARTIALLY_FILLED": "open",
    "FILLED": "filled",
    "CANCELED": "cancelled",
    "EXPIRED": "expired",
    "EXPIRED_IN_MATCH": "expired",
    "REJECTED": "rejected",
}
# a stop that has fired and shows no market order yet is still to be asked for
_STOP_STATES: Mapping[str, State] = {
    "NEW": "open",
    "TRIGGERING": "open",
    "TRIGGERED": "open",
    "FINISHED": "expired",
    "CANCELED": "cancelled",
    "EXPIRED": "expired",
    "REJECTED": "rejected",
}


def understood(read: Callable[[], T], *, write: bool = False) -> T:
    """What `read` makes of an answer.

    Raises:
        Unreachable: it is not an answer of Binance's; UnknownOutcome if it was one to a `write`.
    """
    try:
        return read()
    except (KeyError, TypeError, ValueError, ArithmeticError, DataError) as error:
        words = f"an answer of Binance's could not be read ({type(error).__name__}: {error})"
        raise (UnknownOutcome if write else Unreachable)(words) from error


def order(row: Json) -> PlacedOrder:
    """An order of the endpoints `order` and `openOrders`."""
    kind = _KINDS.get(row["type"], "other")
    return PlacedOrder(
        client_id=str(row["clientOrderId"]),
        order_id=str(int(row["orderId"])),
        side=_side(row),
        order_side=_ORDER_SIDES[row["side"]],
        kind=kind,
        qty=number(row["origQty"]),
        # newer answers to a new order leave it out: nothing is taken for filled then
        filled=number(row.get("executedQty", "0")),
        price=None if kind == "market" else number(row["price"]),
        post_only=row["timeInForce"] == "GTX",
        state=_STATES[row["status"]],
        updated_ms=int(row.get("updateTime") or row.get("time") or 0),
    )


def stop(row: Json) -> PlacedOrder:
    """A stop of the endpoints `algoOrder` and `openAlgoOrders`; what it filled is elsewhere.

    A foreign one may close all, or trail the price: it is kind "other" then, its quantity 0 and its
    price None as far as they are not told.
    """
    child = str(row.get("actualOrderId") or "")
    client_id = str(row["clientAlgoId"])
    kind = _KINDS.get(row["orderType"], "other")
    qty, price = row.get("quantity"), row.get("triggerPrice")
    foreign = ClientId.parse(client_id) is None
    if foreign and (row.get("closePosition") is True or not _is_number(qty, price)):
        kind = "other"
        qty, price = (value if _is_number(value) else None for value in (qty, price))
    return PlacedOrder(
        client_id=client_id,
        order_id=child or None,
        side=_side(row),
        order_side=_ORDER_SIDES[row["side"]],
        kind=kind,
        qty=Decimal(0) if kind == "other" and qty is None else number(qty),
        filled=Decimal(0),
        price=None if kind == "other" and price is None else number(price),
        post_only=False,
        state=_STOP_STATES[row["algoStatus"]],
        updated_ms=int(row.get("updateTime") or row.get("createTime") or 0),
    )


def trade(row: Json, client_id: str | None) -> Fill:
    """A trade of the endpoint `userTrades`."""
    return Fill(
        trade_id=int(row["id"]),
        order_id=str(int(row["orderId"])),
        client_id=client_id,
        side=_side(row),
        order_side=_ORDER_SIDES[row["side"]],
        price=number(row["price"]),
        qty=number(row["qty"]),
        fee=number(row["commission"]),
        fee_asset=str(row["commissionAsset"]),
        maker=truth(row["maker"]),
        time_ms=int(row["time"]),
    )


def positions(rows: Sequence[Json], symbol_id: str) -> Positions:
    """Both sides of a symbol from `positionRisk`; a side without a row is flat.

    Raises:
        OneWay: a position is held in one-way mode.
    """
    found: dict[Side, Position] = {"long": Position("long"), "short": Position("short")}
    for row in rows:
        if row["symbol"] != symbol_id:
            continue
        held = number(row["positionAmt"])
        if row["positionSide"] == "BOTH":
            if held:
                raise OneWay
            continue
        side = _side(row)
        liquidation = number(row["liquidationPrice"])
        if (held < 0) == (side == "long") and held:
            raise DataError(f"a {side} position of {held} is not possible")
        found[side] = Position(
            side,
            qty=abs(held),
            entry_price=number(row["entryPrice"]),
            mark_price=number(row["markPrice"]),
            unrealised=number(row["unRealizedProfit"]),
            liquidation_price=liquidation if liquidation > 0 else None,
            updated_ms=int(row["updateTime"]),
        )
    return Positions(found["long"], found["short"])


class OneWay(Exception):  # noqa: N818 (turned into a refusal at once)
    """The account is in one-way mode."""


def balance(answer: Json) -> Balance:
    """USDT of the account; an answer without USDT is no answer."""
    for row in answer["assets"]:
        if row["asset"] == "USDT":
            return Balance(
                wallet=number(row["walletBalance"]),
                equity=number(row["marginBalance"]),
                available=number(row["availableBalance"]),
            )
    raise DataError("the account lists no USDT: transfer some into the futures wallet")


def permissions(answer: Json) -> Permissions:
    """What `accountConfig` tells; answers differ in what they leave out."""

    def told(name: str) -> bool | None:
        return None if answer.get(name) is None else truth(answer[name])

    return Permissions(trade=told("canTrade"), move_out=told("canWithdraw"))


def key_permissions(answer: Json) -> Permissions:
    """What `apiRestrictions` tells of the key itself."""
    return Permissions(truth(answer["enableFutures"]), truth(answer["enableWithdrawals"]))


def funding_payment(row: Json) -> FundingPayment:
    """A row of `income`."""
    if row["asset"] != "USDT":
        raise DataError(f"funding in {row['asset']} is not of a USDT perpetual")
    return FundingPayment(str(row["tranId"]), int(row["time"]), number(row["income"]))


def funding_rate(row: Json) -> FundingRate:
    """A row of `fundingRate`."""
    return FundingRate(int(row["fundingTime"]), number(row["fundingRate"]))


def candles(
    rows: Sequence[Sequence[Any]], timeframe: str, since_ms: int, server_ms: int
) -> "pd.DataFrame":
    """The rows of `klines` that were closed at `server_ms`; see `closed_candles` of the broker."""
    import numpy as np
    import pandas as pd

    length = timeframe_ms(timeframe)
    closed = [row for row in rows if int(row[0]) + length <= server_ms]
    # numbers before pandas sees them: text costs it a millisecond even for a single candle
    columns = {
        name: np.array([float(row[at]) for row in closed], np.float64)
        for at, name in enumerate(CANDLE_COLUMNS[1:], start=1)
    }
    times = np.array([int(row[0]) for row in closed], np.int64)
    table = pd.DataFrame({"timestamp": times, **columns})
    if table.empty:
        return table
    checked = check_candles(table, length, f"Binance, {timeframe} candles").frame
    if int(checked["timestamp"].iloc[0]) < since_ms:
        raise DataError("candles came that are older than those asked for")
    return checked


def price(text: str) -> Decimal:
    """A positive price."""
    exact = number(text)
    if exact <= 0:
        raise DataError(f"{text!r} is not a price")
    return exact


def _side(row: Json) -> Side:
    """`positionSide`; of an order in one-way mode what it would be if it opened."""
    if row["positionSide"] == "BOTH":
        return "long" if row["side"] == "BUY" else "short"
    return _SIDES[row["positionSide"]]


def number(text: object) -> Decimal:
    """An exact number; of a float the exact digits are lost already."""
    exact = Decimal(text) if isinstance(text, str) or type(text) is int else Decimal("NaN")
    if not exact.is_finite():
        raise DataError(f"{text!r} is not an exact number")
    return exact


def _is_number(*texts: object) -> bool:
    try:
        return all(number(text) >= 0 for text in texts)
    except (DataError, ArithmeticError):
        return False


def truth(value: object) -> bool:
    """A JSON boolean, nothing that only looks like one."""
    if not isinstance(value, bool):
        raise DataError(f"{value!r} is neither true nor false")
    return value
