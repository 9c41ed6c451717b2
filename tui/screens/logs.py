"""The Logs screen: what the bot says, as it says it."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from itertools import islice
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.binding import BindingType
from textual.content import Content
from textual.widget import Widget

from engine.live.folders import log_file
from engine.wording import plural
from tui.bot.log_file import around, read_tail
from tui.keys import bindings, key_of
from tui.screens.bot_screen import BotScreen
from tui.widgets.log_lines import LogLines
from tui.widgets.prompt import Prompt

if TYPE_CHECKING:
    from tui.bot.view import BotView

_LEVEL_WORDS = {
    logging.DEBUG: "everything",
    logging.INFO: "info and above",
    logging.WARNING: "warnings and errors",
    logging.ERROR: "errors",
}
_STAMP_LENGTHS = (4, 7, 10, 13, 16, 19)


class LogsScreen(BotScreen):
    """One list of lines."""

    CSS_PATH: ClassVar[list[str | PurePath]] = ["../bot.tcss", "../logs.tcss"]
    NUMBER = "5"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("bot"), *bindings("logs")]
    KEYS = "logs"
    KEY_PLACES = ("app", "bot", "replay", "logs", "lines")

    def __init__(self, data_dir: Path | None) -> None:
        super().__init__(data_dir)
        self._lines = LogLines()
        self._prompt = Prompt()
        self._of: BotView | None = None
        self._taken = 0
        self._asked_for: tuple[str, bool] | None = None

    def panels(self) -> Iterable[Widget]:
        """The lines, and one to type in."""
        yield self._lines
        yield self._prompt

    def show(self, view: BotView) -> None:
        """Take in what has been said since."""
        lines = self._lines
        if view is not self._of:
            self._of, self._taken, self._asked_for = view, 0, None
            lines.clear()
        self._look_on_disk(view)
        said = view.counts.get("line", 0)
        if said != self._taken:
            new = min(said - self._taken, len(view.lines))
            self._taken = said
            lines.add(list(islice(reversed(view.lines), new))[::-1])
        self._entitle()

    def action_follow(self) -> None:
        """The newest lines from now on; or hold still."""
        self._lines.set_follow(not self._lines.follow)

    def hold(self) -> None:
        """As on the other screens: hold still, or go on."""
        self.action_follow()

    def action_copy_lines(self) -> None:
        """The lines in sight, to the terminal's clipboard."""
        self.app.copy_to_clipboard(self._lines.in_sight)
        self.notify("copied what is in sight, if this terminal lets programs copy")

    def action_level(self, level: int) -> None:
        """Leave out what is below a level."""
        self._lines.level = level
        self._lines.relay()
        self._entitle()

    def action_wrap(self) -> None:
        """Long lines go on in the next one, or end in an ellipsis."""
        self._lines.wrap = not self._lines.wrap
        self._lines.relay()
        self._entitle()

    def action_search(self) -> None:
        """Ask for a word to go to."""
        self._prompt.ask("search", "a word; enter goes to the newest line that has it")

    def action_filter(self) -> None:
        """Ask for a word that all lines shall have."""
        self._prompt.ask("filter", "a word, or !word to hide it", self._lines.word)

    def action_time(self) -> None:
        """Ask for a time to go to."""
        newest = self._lines.newest_stamp
        hint = f"such as {newest[11:16]} or {newest}" if newest else "such as 14:30"
        self._prompt.ask("time", hint)

    def action_match(self, step: int) -> None:
        """The next match above, or below."""
        if not self._lines.search:
            self.notify(f"{key_of('search_log')} asks for a word first")
            return
        self._lines.match(step)
        self._entitle()

    def action_back(self) -> None:
        """Leave the line; no search, no filter; then follow again."""
        lines, was_open = self._lines, self._prompt.is_open
        about = self._prompt.about
        self._close_prompt()
        if (lines.word and not was_open) or (was_open and about == "filter"):
            lines.word = ""
            lines.relay()
        elif lines.search:
            lines.look_for("")
        elif not was_open:
            lines.set_follow(True)
        self._entitle()

    @on(Prompt.Typed)
    def _typed(self, event: Prompt.Typed) -> None:
        if event.about == "filter":
            self._lines.word = event.text
            self._lines.relay()
        elif event.about == "search":
            self._lines.look_for(event.text)
            if event.done and event.text:
                self._lines.match(-1)
        elif event.done and event.text:
            self._go_to(event.text)
        if event.done:
            self._close_prompt()
        self._entitle()

    def _look_on_disk(self, view: BotView) -> None:
        """For each bot that is shown what it said before, and once it is gone its last words."""
        bot = self._store.fleet.subject
        known = bool(view.about) or view.link == "ended"
        if bot is None or not known:
            return
        holder, asked_for = bot.holder, (bot.holder.started, view.link == "ended")
        if asked_for == self._asked_for:
            return
        again = self._asked_for is not None and self._asked_for[0] == holder.started
        self._asked_for = asked_for
        path = log_file(Path(holder.data_folder), holder.mode, holder.symbol_id)
        self._read(path, view, again=again)

    @work(thread=True, exclusive=True, group="earlier lines", exit_on_error=False)
    def _read(self, path: Path, view: BotView, *, again: bool) -> None:
        self.app.call_from_thread(self._put_around, read_tail(path), view, again)

    def _put_around(self, tail: list[tuple[int, str]], view: BotView, again: bool) -> None:
        if view is self._of:
            before, after = around(tail, list(view.lines))
            if not again:
                self._lines.put_before(before)
            if view.link == "ended":
                self._lines.add(after)
            self._entitle()

    def _go_to(self, written: str) -> None:
        """A time as it is written: `14:30` is of the newest line's day."""
        newest = self._lines.newest_stamp
        stamp = written.replace("T", " ")
        if ":" in stamp and "-" not in stamp:
            hour, _, rest = stamp.partition(":")
            stamp = f"{newest[:10]} {hour:0>2}:{rest}"
        if len(stamp) not in _STAMP_LENGTHS or not stamp[:4].isdigit():
            self.notify(
                f"{written!r} is no time: write 14:30, or 2025-01-31 14:30",
                severity="warning",
                markup=False,
            )
        elif not self._lines.go_to_time(stamp):
            self.notify(f"no line is as late as {stamp}", severity="warning", markup=False)
        elif stamp < (oldest := self._lines.oldest_stamp[: len(stamp)]):
            self.notify(
                f"the log that is loaded begins at {oldest}; what was before is in the file alone",
                severity="warning",
                markup=False,
            )

    def _close_prompt(self) -> None:
        self._prompt.close()
        self._lines.focus()

    def _key_context(self) -> str:
        return "logs line" if self._prompt.is_open else "logs"

    def _entitle(self) -> None:
        lines = self._lines
        self.show_keys(self._key_context())
        words = [f"log: {_LEVEL_WORDS[lines.level]}"]
        if lines.word:
            words.append(f"&{lines.word}")
        if lines.search:
            words.append(f"/{lines.search} {plural(lines.hits, 'line')}")
        if not lines.wrap:
            words.append("not wrapped")
        words.append(plural(lines.row_count, "line"))
        title = "  ".join(words)
        if title != str(lines.border_title or ""):
            lines.border_title = Content(title)
