"""What is asked before a bot ends, whichever screen asks it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from engine.wording import BADGES, amount, plural
from tui.bot.moments import moment
from tui.bots import word_to_close
from tui.figures import age
from tui.keys import key_of
from tui.screens.question import Question
from tui.screens.typed_question import TypedQuestion

if TYPE_CHECKING:
    from tui.bot.census import KnownBot
    from tui.bot.view import BotView


def named(pair: str, mode: str) -> str:
    """`BTC/USDT (PAPER)`: whose money a question is about."""
    return f"{pair} ({BADGES.get(mode, mode)})"


def stop_question(view: BotView) -> Question:
    """Of a bot that is connected; it follows the bot."""

    def text() -> str:
        stays = f"{_positions(view)} with take-profits and stops."
        trouble = _trouble(view)
        told = f"{stays} But {trouble}." if trouble else stays
        return _stop_text(view.symbol, view.mode, told)

    return Question(text(), yes="Stop", text_now=text)


def stop_question_of_files(bot: KnownBot) -> Question:
    """Of a bot that runs and does not say what it has: its state file does."""
    has = "" if bot.standing is None else f" It has {bot.standing.left}."
    stays = f"Positions stay with take-profits and stops.{has}"
    return Question(_stop_text(bot.symbol.pair, bot.mode, stays), yes="Stop")


def close_question(view: BotView) -> TypedQuestion:
    """Of a bot that is connected; it follows the bot."""

    def effects() -> list[str]:
        return [
            *_closed(view),
            f"as of {moment(view, view.now_ms)}",
            _trouble(view) or "it trades on until the word is entered",
        ]

    return _close(view.symbol, view.mode, effects(), effects)


def close_question_of_files(bot: KnownBot) -> TypedQuestion:
    """Of a bot that runs and does not say what it has: its state file does."""
    left = "what it has" if bot.standing is None else bot.standing.left
    effects = [f"{left}: closed at market, cancelled", "then the bot ends"]
    return _close(bot.symbol.pair, bot.mode, effects)


def resume_question(view: BotView) -> Question:
    """Of a bot that was told to pause a moment ago."""
    return Question(
        f"Let entries of {named(view.symbol, view.mode)} go on?\n\nThe pause that was asked for a "
        "moment ago is not confirmed by the exchange yet; this takes it back.",
        yes="Resume",
    )


def _stop_text(pair: str, mode: str, stays: str) -> str:
    later = f"{key_of('resume_bot')} goes on with it later."
    if mode == "paper":
        later = "The paper exchange ends with it: nothing can go on with it later."
    question = f"Stop {named(pair, mode)}?\n\nEntries are cancelled at the exchange."
    return f"{question} {stays}\n{later}"


def _close(
    pair: str,
    mode: str,
    effects: list[str],
    effects_now: Callable[[], list[str]] | None = None,
) -> TypedQuestion:
    question = f"Close everything of {named(pair, mode)} at market?"
    return TypedQuestion(question, effects, word_to_close(pair, mode), effects_now)


def _trouble(view: BotView) -> str:
    """Why what is said may hold no more: `the bot has ended`; "" as long as it holds."""
    if view.link == "ended":
        return "the bot has crashed" if view.crashed else "the bot has ended"
    if view.stale:
        return f"the bot has been silent for {age(1000 * view.silence_s)}"
    return ""


def _closed(view: BotView) -> list[str]:
    """What closing everything means for each side and the orders, a line each, so that the lines
    below stay where they are as long as the question is open; before the first price, without its
    result."""
    if not view.account:
        return ["what it has is not known now"]
    quote = view.quote
    lines = []
    for number, (name, side) in enumerate(view.account["sides"].items()):
        if side["qty"]:
            closed = f"{'sold' if name == 'long' else 'bought back'} at market"
            line = f"{name} {side['qty']:g} {closed}"
            if quote:
                worth = amount(side["qty"] * quote["price"])
                result = amount(quote["unrealised"][number], signed=True)
                line = f"{name} {side['qty']:g} ({worth} USDT) {closed}: {result} USDT"
            lines.append(line)
        else:
            lines.append(f"{name}: no position is open")
    return [*lines, f"{plural(len(view.account['orders']), 'order')} cancelled"]


def _positions(view: BotView) -> str:
    if not view.account:
        return "What it has stays"
    held = [
        f"{name} {side['qty']:g}" for name, side in view.account["sides"].items() if side["qty"]
    ]
    return (
        f"{' and '.join(held)} stay" if held else "No position is open; what opens meanwhile stays"
    )
