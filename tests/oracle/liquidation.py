"""Step 4: the price at which the margin of both sides together is used up."""

from collections.abc import Sequence

from tests.oracle.state import Account, Market


def excess_margin(account: Account, market: Market, price: float) -> float:
    """Equity less maintenance margin of both sides at `price`; not positive: liquidated."""
    needed = sum(maintenance(side.qty * price, market.tiers) for side in account.sides)
    return account.wallet + account.unrealised(price) - needed


def maintenance(notional: float, tiers: Sequence[Sequence[float]]) -> float:
    """Maintenance margin of one position; beyond the last tier the last one holds."""
    holding = next((tier for tier in tiers if notional <= tier[1]), tiers[-1])
    return notional * holding[2] - holding[3]


def liquidation_price(account: Account, market: Market, start: float, end: float) -> float | None:
    """The first price on the way from `start` to `end` at which nothing is left, or None.

    Between two tier borders the excess is a straight line, so that its zero is exact.
    """
    if not account.long.lots and not account.short.lots:
        return None
    here = excess_margin(account, market, start)
    if here <= 0.0:
        return start
    if excess_margin(account, market, end) > 0.0:
        return None
    low, high = min(start, end), max(start, end)
    borders = {tier[1] / side.qty for tier in market.tiers for side in account.sides if side.lots}
    stops = [*sorted((x for x in borders if low < x < high), reverse=end < start), end]
    for stop in stops:
        there = excess_margin(account, market, stop)
        if there <= 0.0:
            return start + (stop - start) * here / (here - there)
        start, here = stop, there
    return end
