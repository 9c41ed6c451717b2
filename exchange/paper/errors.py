"""Binance's refusals: code, HTTP status and text of each."""

from typing import Any

_TABLE: dict[int, tuple[int, str]] = {
    -1000: (503, "An unknown error occurred while processing the request."),
    -1001: (503, "Internal error; unable to process your request. Please try again."),
    -1002: (401, "You are not authorized to execute this request."),
    -1003: (429, "Too many requests; current limit is {} request weight per 1 MINUTE."),
    -1006: (
        503,
        "An unexpected response was received from the message bus. Execution status unknown.",
    ),
    -1007: (
        408,
        "Timeout waiting for response from backend server. Send status unknown; execution status "
        "unknown.",
    ),
    -1008: (
        503,
        "Request throttled by system-level protection. Reduce-only/close-position orders are "
        "exempt. Please try again.",
    ),
    -1015: (400, "Too many new orders; current limit is {} orders per {}."),
    -1021: (400, "Timestamp for this request is outside of the recvWindow."),
    -1022: (400, "Signature for this request is not valid."),
    -1023: (400, "Start time is greater than end time."),
    -1100: (400, "Illegal characters found in parameter '{}'; legal range is '{}'."),
    -1102: (
        400,
        "Mandatory parameter '{}' was not sent, was empty/null, or malformed.",
    ),
    -1106: (400, "Parameter '{}' sent when not required."),
    -1111: (400, "Precision is over the maximum defined for this asset."),
    -1115: (400, "Invalid timeInForce."),
    -1116: (400, "Invalid orderType."),
    -1117: (400, "Invalid side."),
    -1120: (400, "Invalid interval."),
    -1121: (400, "Invalid symbol."),
    -1125: (400, "This listenKey does not exist."),
    -1128: (400, "Combination of optional parameters invalid."),
    -1130: (400, "Data sent for parameter '{}' is not valid."),
    -1131: (400, "recvWindow must be less than 60000."),
    -2010: (400, "NEW_ORDER_REJECTED"),
    -2011: (400, "Unknown order sent."),
    -2013: (400, "Order does not exist."),
    -2014: (401, "API-key format invalid."),
    -2015: (401, "Invalid API-key, IP, or permissions for action."),
    -2018: (400, "Balance is insufficient."),
    -2019: (400, "Margin is insufficient."),
    -2020: (400, "Unable to fill."),
    -2021: (400, "Order would immediately trigger."),
    -2022: (400, "ReduceOnly Order is rejected."),
    -2023: (400, "User in liquidation mode now."),
    -2025: (400, "Reach max open order limit."),
    -2027: (400, "Exceeded the maximum allowable position at current leverage."),
    -2028: (400, "Leverage is smaller than permitted: insufficient margin balance."),
    -4003: (400, "Quantity less than or equal to zero."),
    -4004: (400, "Quantity less than or equal to minimum quantity."),
    -4005: (400, "Quantity greater than max quantity."),
    -4014: (400, "Price not increased by tick size."),
    -4015: (400, "Client order id is not valid."),
    -4016: (400, "Limit price can't be higher than {}."),
    -4023: (400, "Qty not increased by step size."),
    -4024: (400, "Limit price can't be lower than {}."),
    -4028: (400, "Leverage {} is not valid."),
    -4046: (400, "No need to change margin type."),
    -4047: (400, "Margin type cannot be changed if there exists open orders."),
    -4048: (400, "Margin type cannot be changed if there exists position."),
    -4059: (400, "No need to change position side."),
    -4060: (400, "Invalid position side."),
    -4061: (400, "Order's position side does not match user's setting."),
    -4067: (400, "Position side cannot be changed if there exists open orders."),
    -4068: (400, "Position side cannot be changed if there exists position."),
    -4087: (400, "User can only place reduce only order."),
    -4088: (400, "User can not place order currently."),
    -4116: (400, "ClientOrderId is duplicated."),
    -4120: (
        400,
        "Order type not supported for this endpoint. Please use the Algo Order API endpoints "
        "instead.",
    ),
    -4131: (
        400,
        "The counterparty's best price does not meet the PERCENT_PRICE filter limit.",
    ),
    -4164: (400, "Order's notional must be no smaller than {} (unless you choose reduce only)."),
    -4165: (400, "Invalid time interval."),
    -4192: (400, "Trade forbidden due to Cooling-off Period."),
    -4400: (
        400,
        "Futures Trading Quantitative Rules violated, only reduceOnly order is allowed, please try "
        "again later.",
    ),
    -5021: (
        400,
        "Due to the order could not be filled immediately, the FOK order has been rejected. The "
        "order will not be recorded in the order history.",
    ),
    -5022: (
        400,
        "Due to the order could not be executed as maker, the Post Only order will be rejected. "
        "The order will not be recorded in the order history.",
    ),
    -5027: (400, "No need to modify the order."),
    -5028: (400, "Timestamp for this request is outside of the ME recvWindow."),
}


class RefusalError(Exception):
    """A request that the exchange answers with a code: what `refusal` builds."""

    def __init__(self, code: int, status: int, text: str, retry_after: int | None = None) -> None:
        super().__init__(f"{code} {text}")
        self.code = code
        self.status = status
        self.text = text
        self.retry_after = retry_after
        """Seconds, sent as the header Retry-After; None where there is none."""

    @property
    def body(self) -> dict[str, Any]:
        return {"code": self.code, "msg": self.text}


def refusal(code: int, *parts: object, status: int | None = None) -> RefusalError:
    """The refusal with Binance's own text for `code`; `parts` fill its blanks.

    Raises:
        KeyError: the code is not in the table.
    """
    usual, text = _TABLE[code]
    blanks = text.count("{}")
    filled = text.format(*parts[:blanks], *["-"] * (blanks - len(parts)))
    return RefusalError(code, status or usual, filled)


def known_codes() -> tuple[int, ...]:
    """Every code that can be answered, and so asked for as a fault."""
    return tuple(_TABLE)
