"""How trades are marked on a chart of the price, and what the lines below it say of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from textual.content import Content

from engine.wording import amount, plural
from tui.bot.history import Traded
from tui.figures import price, tone


class Kind(NamedTuple):
    """How the trades of some labels are marked: an opening is solid, a closing hollow."""

    name: str
    shape: str
    token: str
    order: int


_OTHER = Kind("closed", "◇", "quiet", 3)
_KINDS = {
    "BUY_OPEN_LONG": Kind("open long", "▲", "mark-open-long", 4),
    "SELL_CLOSE_LONG": Kind("close long", "▽", "mark-close-long", 4),
    "SELL_OPEN_SHORT": Kind("open short", "▼", "mark-open-short", 4),
    "BUY_CLOSE_SHORT": Kind("close short", "△", "mark-close-short", 4),
    "STOP_LONG": Kind("stop", "✗", "mark-stop", 6),
    "STOP_SHORT": Kind("stop", "✗", "mark-stop", 6),
    "LIQUIDATION": Kind("liquidation", "X", "mark-stop", 7),
    "CIRCUIT_BREAKER_HALT": Kind("halt", "◆", "mark-halt", 5),
}
_PRUNE = Kind("prune", "•", "quiet", 3)


def kind_of(label: str) -> Kind:
    """The kind of a trade with this label, whatever label it is."""
    return _PRUNE if label.startswith("PRUNE") else _KINDS.get(label, _OTHER)


def counted(numbers_of_labels: Mapping[str, int], width: int) -> list[Content]:
    """What the marks mean, and how many there are of each, the most frequent first: in lines of
    `width` cells at most, between two marks."""
    numbers: Counter[Kind] = Counter()
    for label, number in numbers_of_labels.items():
        numbers[kind_of(label)] += number
    lines: list[Content] = []
    for kind, number in sorted(numbers.items(), key=lambda item: -item[1]):
        mark = (kind.shape, f"bold ${kind.token}")
        part = Content.assemble(mark, (f" {kind.name} {number:,}", "$quiet"))
        if lines and lines[-1].cell_length + 2 + part.cell_length <= width:
            lines[-1] = Content.assemble(lines[-1], "  ", part)
        else:
            lines.append(part)
    return lines or [Content.styled("no trades here", "$quiet")]


def told(trades: Sequence[Traded], digits: int) -> Content:
    """The trades of a column: how many, their result, and each; `digits`: decimals of a price."""
    result = sum(trade.pnl for trade in trades)
    parts: list[str | tuple[str, str]] = [
        (f"{plural(len(trades), 'trade')} ", "$quiet"),
        (f"{amount(result, signed=True)}  " if result else " ", tone(result)),
    ]
    for trade in trades:
        kind = kind_of(trade.label)
        parts += [
            (kind.shape, f"bold ${kind.token}"),
            f" {trade.label} at {price(trade.price, digits)}  ",
        ]
    return Content.assemble(*parts)
