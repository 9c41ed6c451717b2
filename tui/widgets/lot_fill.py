"""When a lot was filled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tui.bot.view import BotView


def filled_ms(view: BotView, side: str, lot: dict[str, Any]) -> int | None:
    """The moment of its trade; None of one so old that only its bar is known, `lot["time"]`."""
    label = "BUY_OPEN_LONG" if side == "long" else "SELL_OPEN_SHORT"
    for trade in reversed(view.trades):
        if trade["timestamp"] < lot["time"]:
            break
        if trade["label"] == label and trade["price"] == lot["price"]:
            return int(trade["timestamp"])
    return None


def held_ms(view: BotView, side: str, lot: dict[str, Any]) -> int:
    """Since its fill, by the bot's clock; of one that is older since its bar began."""
    since = filled_ms(view, side, lot)
    return view.now_ms - (lot["time"] if since is None else since)
