"""Step 9: what the market fills on its way through a bar.

The way leads from the close before over the gap to the open, then O-L-H-C or O-H-L-C. On each
stretch the next order met is filled, and the search begins again from there, since every fill
moves a stop and may move the liquidation price.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from tests.oracle.accounting import Ledger
from tests.oracle.exits import STOP_LABEL
from tests.oracle.liquidation import excess_margin, liquidation_price
from tests.oracle.state import LONG, Entry, Lot, Side, TakeProfit

Ohlc = tuple[float, float, float, float]
Limit = tuple[float, int, Callable[[], None]]


class Stretch(NamedTuple):
    """A straight piece of the way. Nothing trades inside a gap: limits fill in it, stops and
    liquidation act where it ends. The orders of this bar were not there yet when it opened."""

    start: float
    end: float
    is_gap: bool = False
    is_opening: bool = False


class Meeting(NamedTuple):
    """An order on the stretch: how far along it is met, its rank at one price, and the fill."""

    distance: float
    rank: int
    price: float
    execute: Callable[[], None]


def fill_orders(ledger: Ledger, candles: list[Ohlc]) -> None:
    """Walk the bar (`candles`: itself, or finer ones inside it) and fill what it meets."""
    refuse_crossed_entries(ledger)
    opening = ledger.bar.open
    for side in ledger.account.sides:
        if side.stop is not None and side.is_past(opening, side.stop):
            _stop_out(ledger, side, opening)
    if not _anything_within(ledger, candles):
        return
    _walk(ledger, Stretch(ledger.bar.close, opening, is_gap=True, is_opening=True))
    fill_crossed_targets(ledger)
    _walk(ledger, Stretch(opening, opening))
    for stretch in stretches(opening, candles):
        _walk(ledger, stretch)


def refuse_crossed_entries(ledger: Ledger) -> None:
    """Post-only: a new entry that the open has crossed never rests."""
    for side in ledger.account.sides:
        for entry in list(side.entries):
            if entry.new and side.is_past(ledger.bar.open, entry.price):
                side.entries.remove(entry)
                ledger.account.counters["entries refused"] += 1


def fill_crossed_targets(ledger: Ledger) -> None:
    """A new take-profit that the open has crossed takes the open."""
    opening = ledger.bar.open
    for side in ledger.account.sides:
        for lot, target in _targets(side):
            if target.new and side.sign * (opening - target.price) >= 0.0:
                ledger.fill_take_profit(side, lot, target, crossed_at=opening)
                ledger.account.counters["take-profits crossed"] += 1


def stretches(opening: float, candles: list[Ohlc]) -> Iterator[Stretch]:
    """From the bar's open to its close through `candles`, over gaps where they do not join."""
    here = opening
    for first, high, low, last in candles:
        if first != here:
            yield Stretch(here, first, is_gap=True)
            yield Stretch(first, first)
        turns = (low, high) if last >= first else (high, low)
        here = first
        for point in (*turns, last):
            yield Stretch(here, point)
            here = point


def _anything_within(ledger: Ledger, candles: list[Ohlc]) -> bool:
    """Whether any order, stop or liquidation can be met at all in this bar."""
    account, bar = ledger.account, ledger.bar
    low = min(bar.close, bar.open, min(candle[2] for candle in candles))
    high = max(bar.close, bar.open, max(candle[1] for candle in candles))
    for side in account.sides:
        worst, best = (low, high) if side.sign == LONG else (high, low)
        if any(side.is_past(worst, entry.price) for entry in side.entries):
            return True
        if side.stop is not None and side.is_past(worst, side.stop):
            return True
        if any(side.sign * (best - target.price) >= 0.0 for _, target in _targets(side)):
            return True
    held = account.long.lots or account.short.lots
    return bool(held) and any(
        excess_margin(account, ledger.market, price) <= 0.0 for price in (low, high, bar.open)
    )


def _walk(ledger: Ledger, stretch: Stretch) -> None:
    here = stretch.start
    while True:
        met = min(_meetings(ledger, stretch, here), default=None, key=lambda m: (m[0], m[1]))
        if met is None:
            return
        here = met.price
        met.execute()


def _meetings(ledger: Ledger, stretch: Stretch, here: float) -> Iterator[Meeting]:
    """Everything that can be met between `here` and the end of the stretch."""
    account, end = ledger.account, stretch.end
    way = 1 if end > stretch.start else -1
    through = 1.0 + way * ledger.params.fill_penetration_bps / 1e4
    for price, rank, execute in _limits(ledger, way, old_only=stretch.is_opening):
        reach = price * through
        if way * (end - reach) >= 0.0:
            reach = max(reach, here) if way > 0 else min(reach, here)
            yield Meeting(abs(reach - here), rank, reach, execute)
    if stretch.is_gap:
        return
    for side in account.sides:
        yield from _stop_met(ledger, side, stretch, here)
    ruin = liquidation_price(account, ledger.market, here, end)
    if ruin is not None:
        yield Meeting(abs(ruin - here), 3, ruin, lambda: liquidate(ledger, ruin))


def _limits(ledger: Ledger, way: int, *, old_only: bool) -> Iterator[Limit]:
    """The limit orders that a price moving `way` can fill: entries of one side, take-profits
    of the other, oldest lot first."""
    for side in ledger.account.sides:
        if side.sign == -way:
            for entry in side.entries:
                if entry.sent:
                    yield entry.price, 0, _entry_fill(ledger, side, entry)
        else:
            for lot, target in _targets(side):
                if not (old_only and target.new):
                    yield target.price, 1, _target_fill(ledger, side, lot, target)


def _stop_met(ledger: Ledger, side: Side, stretch: Stretch, here: float) -> Iterator[Meeting]:
    """The side's stop, if the way leads past it or a fill has just set it behind `here`."""
    if side.stop is None:
        return
    behind = side.is_past(here, side.stop)
    if behind or side.is_past(stretch.end, side.stop):
        met_at = here if behind else side.stop
        yield Meeting(abs(met_at - here), 2, met_at, _stop_fill(ledger, side, met_at))


def _entry_fill(ledger: Ledger, side: Side, entry: Entry) -> Callable[[], None]:
    return lambda: ledger.fill_entry(side, entry)


def _target_fill(ledger: Ledger, side: Side, lot: Lot, target: TakeProfit) -> Callable[[], None]:
    return lambda: ledger.fill_take_profit(side, lot, target)


def _stop_fill(ledger: Ledger, side: Side, price: float) -> Callable[[], None]:
    return lambda: _stop_out(ledger, side, price)


def _stop_out(ledger: Ledger, side: Side, price: float) -> None:
    """Stage 2: the whole side goes, its resting entries stay."""
    parts = [(lot, lot.qty) for lot in side.lots]
    ledger.close_with_slippage(side, parts, STOP_LABEL[side.sign], price)
    ledger.count_stop()


def _targets(side: Side) -> list[tuple[Lot, TakeProfit]]:
    return [(lot, target) for lot in side.lots for target in lot.targets]


def liquidate(ledger: Ledger, price: float) -> None:
    """Both sides close at `price`, their entries are cancelled; the fee is at most what is left."""
    account = ledger.account
    left = max(0.0, account.wallet + account.unrealised(price))
    for side in account.sides:
        side.entries = []
        if side.lots:
            fee = min(left, ledger.params.liquidation_fee * side.qty * price)
            left -= fee
            ledger.liquidate(side, price, fee)
    account.regenerate = True
    account.counters["liquidations"] += 1
