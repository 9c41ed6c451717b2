"""What is asked before a bot ends, whichever screen asks it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.wording import amount, plural
from tui.figures import clock
from tui.keys import key_of
from tui.screens.question import Question
from tui.screens.typed_question import TypedQuestion
from tui.widgets.bot_status import BADGES

if TYPE_CHECKING:
    from tui.bot.census import KnownBot
    from tui.bot.view import BotView


def named(pair: str, mode: str) -> str:
    """`BTC/USDT (PAPER)`: whose money a question is about."""
    return f"{pair} ({BADGES.get(mode, mode)})"


def typed_word(pair: str, mode: str) -> str:
    """What is typed before everything is closed; of real money its own, which nobody types who
    means a bot without."""
    coin = pair.partition("/")[0]
    return f"{coin} LIVE" if mode == "live" else coin


def stop_question(view: BotView) -> Question:
    """Of a bot that is connected."""
    return _stop(view.symbol, view.mode, f"{_positions(view)} with take-profits and stops.")


def stop_question_of_files(bot: KnownBot) -> Question:
    """Of a bot that runs and does not say what it has: its state file does."""
    has = "" if bot.standing is None else f" It has {bot.standing.left}."
    stays = f"Positions stay with take-profits and stops.{has}"
    return _stop(bot.symbol.pair, bot.mode, stays)


def close_question(view: BotView) -> TypedQuestion:
    """Of a bot that is connected."""
    effects = [
        *_closed(view),
        f"{plural(len(view.account['orders']), 'order')} cancelled",
        f"as of {clock(view.now_ms)}Z; it trades on until the word is entered",
    ]
    return _close(view.symbol, view.mode, effects)


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


def _stop(pair: str, mode: str, stays: str) -> Question:
    later = f"{key_of('resume_bot')} goes on with it later."
    if mode == "paper":
        later = "The paper exchange ends with it: nothing can go on with it later."
    return Question(
        f"Stop {named(pair, mode)}?\n\nEntries are cancelled at the exchange. {stays}\n{later}",
        yes="Stop",
    )


def _close(pair: str, mode: str, effects: list[str]) -> TypedQuestion:
    question = f"Close everything of {named(pair, mode)} at market?"
    return TypedQuestion(question, effects, typed_word(pair, mode))


def _closed(view: BotView) -> list[str]:
    """What closing everything means for each side; before the first price, without its result."""
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
    return lines or ["no position is open"]


def _positions(view: BotView) -> str:
    held = [
        f"{name} {side['qty']:g}" for name, side in view.account["sides"].items() if side["qty"]
    ]
    return (
        f"{' and '.join(held)} stay" if held else "No position is open; what opens meanwhile stays"
    )
