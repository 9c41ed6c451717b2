"""What the codes of a failed request mean, in an operator's words.

How each is dealt with is decided by `exchange.binance.errors`; this only says what has happened.
"""

from collections.abc import Mapping

MEANINGS: Mapping[int, str] = {
    -1000: "something failed inside Binance; whether the request was carried out is not known",
    -1001: "a part of Binance lost its connection; whether it was carried out is not known",
    -1002: "the key may not do this",
    -1003: "too many requests in a minute from this address",
    -1006: "an answer inside Binance was not understood; the outcome is not known",
    -1007: "Binance's matching did not answer in time; the outcome is not known",
    -1008: "Binance is overloaded and sheds requests; the order may exist all the same",
    -1013: "a number of the order breaks a rule of the market",
    -1015: "too many new orders in ten seconds or a minute",
    -1021: "the request's time was too far from Binance's clock",
    -1022: "the signature does not fit: the secret is wrong",
    -1102: "a field that must be there was empty or malformed",
    -1106: "a field was sent that must not be there",
    -1111: "more decimals than the market takes",
    -1121: "there is no such symbol",
    -1130: "a field holds a value that is not allowed",
    -2008: "there is no such key at this address",
    -2010: "the matching engine rejected the order",
    -2011: "the order to be cancelled is not open: it has filled, or was cancelled already",
    -2013: "there is no such order",
    -2014: "the key is not written as a key is",
    -2015: "key, address or permission do not allow this",
    -2018: "the balance is too small",
    -2019: "the margin left is too small for this order",
    -2021: "a stop whose trigger the price has passed already",
    -2022: "it would close more than the position holds, open exits counted",
    -2023: "the account is being liquidated",
    -2025: "as many orders are open as the account may have",
    -2027: "the position would be larger than the leverage allows",
    -2028: "the leverage is too low for the margin that is left",
    -4003: "the quantity is zero or below",
    -4004: "the quantity is below the market's least",
    -4005: "the quantity is above the market's most",
    -4014: "the price is not on the market's grid of prices",
    -4015: "the client order id has characters or a length that Binance does not take",
    -4016: "the price is above the band around the mark price",
    -4023: "the quantity is not on the market's grid of quantities",
    -4024: "the price is below the band around the mark price",
    -4028: "the market does not have this leverage",
    -4045: "as many stops rest as the account may have",
    -4046: "the margin type is as wanted already",
    -4047: "the margin type cannot change while orders are open",
    -4048: "the margin type cannot change while a position is open",
    -4059: "hedge mode is as wanted already",
    -4060: "the position's side is none that Binance knows",
    -4061: "the account is not in hedge mode",
    -4062: "reduce-only is set where it cannot be",
    -4067: "hedge mode cannot change while orders are open",
    -4068: "hedge mode cannot change while a position is open",
    -4087: "the account may only reduce positions",
    -4088: "the account may not place orders for now",
    -4111: "the order was rejected; why, only the exchange's own words say",
    -4116: "an order with this client id is open already",
    -4120: "stops are placed at another address",
    -4131: "the book is too thin for a market order",
    -4164: "the order is worth less than the market's least notional",
    -4192: "the account is in its cooling-off period",
    -4400: "Binance's trading rules restrict the account to closing orders",
    -4401: "Binance's trading rules restrict the account to closing orders",
    -4531: "positions or orders on COIN-M futures are in the way of hedge mode",
    -5021: "a fill-or-kill order could not be filled at once",
    -5022: "a post-only order would have traded at once: the price has moved past it",
    -5028: "the request reached the matching engine too late",
}
"""By Binance's number."""


def meaning(code: int) -> str:
    """One sentence about a code."""
    return MEANINGS.get(code, "a refusal that is not known; it was taken at its word")
