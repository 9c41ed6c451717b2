"""The lines of a bot's log: thousands a second, of which only those in sight are drawn."""

from __future__ import annotations

import logging
import re
from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Sequence
from typing import ClassVar, NamedTuple

from rich.segment import Segment
from textual.binding import BindingType
from textual.content import Content
from textual.events import Resize
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.style import Style

from engine.wording import count
from tui.bot.held import held_mark
from tui.bot.log_file import RUN_BEGINS
from tui.keys import bindings, key_of

_MOST_ENTRIES = 20_000
MOST_ROWS = 30_000
_SLACK = 2_000
"""Rows are let go so many at a time: each time costs a walk over all of them."""

_SIGN = 2
_INDENT = 4
_LEVELS = (
    (logging.ERROR, "E", "bold $error"),
    (logging.WARNING, "W", "bold $warning"),
    (logging.INFO, "I", "$foreground"),
    (logging.DEBUG, "D", "$quiet"),
)
_STAMP = re.compile(r"\[(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\]")
_EVERY_BAR = re.compile(r"\[[^]]*\] (EQUITY|GRID) (?!.*HALTED)|  UPnL_L: ")


class Row(NamedTuple):
    """A line as it is drawn, of the entry with a number; `first`: that begins here."""

    level: int
    text: str
    entry: int
    first: bool


class LogLines(ScrollView, can_focus=True):
    """Follows the newest line until somebody scrolls up.

    Attributes:
        follow: whether new lines come into sight.
        level: entries below it are left out.
        word: only entries that have it are there; of `!word` those that have not.
        search: marked where it stands; set by `look_for`.
        hits: lines that have it, of those there are to see.
        wrap: long lines go on in the next one; else they end in an ellipsis.
        unseen: entries that came since `follow` ended, but for those that are left out.
    """

    BINDINGS: ClassVar[list[BindingType]] = bindings("lines")

    def __init__(self) -> None:
        super().__init__(id="log-lines", classes="panel")
        self.follow = True
        self.level = logging.INFO
        self.word = ""
        self.search = ""
        self.hits = 0
        self.wrap = True
        self.unseen = 0
        self._entries: deque[tuple[int, str]] = deque(maxlen=_MOST_ENTRIES)
        self._count = 0
        self._rows: list[Row] = []
        self._at: int | None = None
        self._width = 0
        self._moving = False

    def clear(self) -> None:
        """No entries: those of another bot follow."""
        self._entries.clear()
        self.unseen = 0
        self.relay()

    def put_before(self, entries: Sequence[tuple[int, str]]) -> None:
        """Entries older than those that are there."""
        room = _MOST_ENTRIES - len(self._entries)
        older = list(entries)[-room:] if room else []
        self._entries.extendleft(reversed(older))
        self._count += len(older)
        self.relay()

    def add(self, entries: Sequence[tuple[int, str]]) -> None:
        """More entries, (level as in `logging`, text), the newest last."""
        self._entries.extend(entries)
        added = self._add(entries, self._count)
        self._count += len(entries)
        if not added:
            return
        if not self.follow:
            self.unseen += added
        gone = 0
        if len(self._rows) > MOST_ROWS + _SLACK:
            gone = len(self._rows) - MOST_ROWS
            self.hits -= self._hits_in(self._rows[:gone])
            del self._rows[:gone]
        self._lay(gone)

    def relay(self) -> None:
        """Lay all entries anew: by another level, word, width or wrap. The one on top stays."""
        top = self.scroll_offset.y
        entry = self._rows[top].entry if top < len(self._rows) else 0
        self._rows, self._at, self.hits = [], None, 0
        self._add(self._entries, self._count - len(self._entries))
        self._lay()
        if not self.follow:
            self._go(bisect_left(self._rows, entry, key=lambda row: row.entry))
            self._tell_hidden()

    @property
    def row_count(self) -> int:
        """Lines there are to see."""
        return len(self._rows)

    @property
    def newest_stamp(self) -> str:
        """`2024-01-15 14:30:00` of the last entry that has a time; "" where none has."""
        return next((stamp for row in reversed(self._rows) if (stamp := _stamp(row))), "")

    @property
    def oldest_stamp(self) -> str:
        """As `newest_stamp`, the earliest; also of an entry that level or word leave out."""
        heads = (_STAMP.match(text) for _, text in self._entries)
        return min((found[1] for found in heads if found), default="")

    @property
    def in_sight(self) -> str:
        """The text of the lines that are seen."""
        top = self.scroll_offset.y
        return "\n".join(row.text for row in self._rows[top : top + self.size.height])

    def set_follow(self, follow: bool) -> None:
        """Show the newest line from now on, or hold still."""
        self.follow = follow
        if follow:
            self.unseen = 0
            self._go(self.max_scroll_y)
        self._tell_hidden()

    def match(self, step: int) -> int:
        """Go to the next line above (-1) or below (1) that has what is searched for; how many do.

        From the last one it goes on at the other end.
        """
        wanted = self.search.lower()
        found = [i for i, row in enumerate(self._rows) if wanted in row.text.lower()]
        if not wanted or not found:
            return 0
        here = self._at if self._at is not None else len(self._rows) if step < 0 else -1
        if step < 0:
            to = next((i for i in reversed(found) if i < here), found[-1])
        else:
            to = next((i for i in found if i > here), found[0])
        self._show_row(to)
        self._at = to
        return len(found)

    def go_to_time(self, stamp: str) -> bool:
        """Go to the first entry at or after `2024-01-15 14:30:00`; False if there is none.

        Of runs that share a time, as those on simulated markets do, it is in the newest.
        """
        times = [(i, at) for i, row in enumerate(self._rows) if (at := _stamp(row))]
        runs = [n for n, (i, _) in enumerate(times) if self._rows[i].level == RUN_BEGINS]
        for begin, end in zip([0, *runs][::-1], [*runs, len(times)][::-1], strict=True):
            # a run's first line has the clock's time, on a simulated market no other one has it
            own = times[begin + (begin in runs) : end]
            if own and own[0][1] <= stamp:
                found = next((i for i, at in own if at >= stamp), None)
                if found is not None:
                    self._show_row(found, top=True)
                    return True
        first = next((i for i, at in times if at >= stamp), None)
        if first is not None:
            self._show_row(first, top=True)
        return first is not None

    def look_for(self, word: str) -> None:
        """Search for a word, "" for none; the next match begins at the newest line."""
        self.search, self._at = word, None
        self.hits = self._hits_in(self._rows)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """The line that is scrolled to this row."""
        number, width = self.scroll_offset.y + y, self.size.width
        if number >= len(self._rows):
            return Strip.blank(width, self.rich_style)
        row = self._rows[number]
        if row.level == RUN_BEGINS:
            return self._drawn(_rule(row.text, width), number)
        sign, written = next((s, w) for least, s, w in _LEVELS if row.level >= least or s == "D")
        lead = f"{sign if row.first else ' '} "
        text = Content(row.text).truncate(width - _SIGN, ellipsis=True)
        tone = _tone(row, written)
        lead_tone = tone if row.level == logging.INFO else written
        return self._drawn(Content.assemble((lead, lead_tone), text.stylize(tone)), number)

    def _drawn(self, content: Content, number: int) -> Strip:
        width = self.size.width
        if self.search:
            content = _marked(content, self.search, number == self._at)
        content = content.truncate(width, pad=True)
        base: Style = self.visual_style
        parts = content.render(base, "", self.app.stylesheet.parse_style)
        return Strip([Segment(part, (base + style).rich_style) for part, style in parts], width)

    def on_resize(self, _: Resize) -> None:
        """Another width has other lines."""
        if self.size.width != self._width:
            self._width = self.size.width
            self.relay()
        else:
            self._lay()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Whoever scrolls up wants to read; whoever comes to the end, to follow."""
        super().watch_scroll_y(old_value, new_value)
        if not self._moving and round(old_value) != round(new_value):
            self.follow = round(new_value) >= self.max_scroll_y
            if self.follow:
                self.unseen = 0
            self._tell_hidden()

    def action_line(self, step: int) -> None:
        """Lines up or down."""
        self.scroll_to(y=self.scroll_offset.y + step, animate=False, immediate=True)

    def action_page(self, step: int) -> None:
        """Pages up or down."""
        self.action_line(step * max(1, self.size.height - 1))

    def action_end(self, side: int) -> None:
        """First line; or the last, and follow."""
        if side > 0:
            self.set_follow(True)
        else:
            self.scroll_to(y=0, animate=False, immediate=True)

    def _add(self, entries: Iterable[tuple[int, str]], number: int) -> int:
        """Lay the entries that are wanted, which are numbered from `number`; how many those are."""
        rows, level, room = self._rows, self.level, self._room
        wanted, hide = self.word.lstrip("!").lower(), self.word.startswith("!")
        added, start = 0, len(rows)
        for entry, (of, text) in enumerate(entries, number):
            if of == RUN_BEGINS:
                if len(rows) > start and rows[-1].level == RUN_BEGINS:
                    rows.pop()  # of that run nothing is there to see
                rows.append(Row(of, text, entry, True))
                continue
            if of < level or (wanted and (wanted in text.lower()) == hide):
                continue
            added += 1
            if len(text) <= room and "\n" not in text:
                rows.append(Row(of, text, entry, True))
            else:
                rows.extend(_laid(of, text, entry, room))
        if self.search:
            self.hits += self._hits_in(rows[start:])
        return added

    def _hits_in(self, rows: Sequence[Row]) -> int:
        wanted = self.search.lower()
        return sum(wanted in row.text.lower() for row in rows) if wanted else 0

    @property
    def _room(self) -> int:
        width = self.size.width - _SIGN
        return width if self.wrap and width > 2 * _INDENT else 1 << 30

    def _lay(self, gone: int = 0) -> None:
        """Scroll as is right for the rows that there are; `gone` were let go above."""
        size = Size(self.size.width, len(self._rows))
        if self._at is not None:
            self._at = self._at - gone if self._at >= gone else None
        self._moving = True
        self.virtual_size = size
        self._moving = False
        self._go(self.max_scroll_y if self.follow else max(0, self.scroll_offset.y - gone))
        self._tell_hidden()
        self.refresh()

    def _show_row(self, number: int, top: bool = False) -> None:
        height = self.size.height
        if top or not self.scroll_offset.y <= number < self.scroll_offset.y + height:
            self._go(min(self.max_scroll_y, max(0, number if top else number - height // 2)))
        self.follow = False
        self._tell_hidden()
        self.refresh()

    def _go(self, y: int) -> None:
        self._moving = True
        self.scroll_to(y=y, animate=False, immediate=True, force=True)
        self._moving = False

    def _tell_hidden(self) -> None:
        above = self.scroll_offset.y
        below = max(0, len(self._rows) - above - self.size.height)
        parts: list[str | tuple[str, str]] = [f"↑ {count(above)}  "] if above else []
        if not self.follow:
            parts += [f"↓ {count(below)}  "] if below else []
            new = f" +{count(self.unseen)} new" if self.unseen else ""
            parts.append(held_mark(new))
            parts.append(f" {key_of('follow')} follows")
        else:
            parts.append("follows")
        subtitle = Content.assemble(*parts)
        shown = self.border_subtitle
        if not isinstance(shown, Content) or not subtitle.is_same(shown):
            self.border_subtitle = subtitle


def _laid(level: int, text: str, entry: int, room: int) -> list[Row]:
    """An entry in rows of at most `room` cells."""
    rows: list[Row] = []
    for whole in text.split("\n"):
        line = whole
        lead = ""
        while len(lead) + len(line) > room:
            most = room - len(lead)
            cut = line.rfind(" ", most // 2, most + 1)
            cut = most if cut < 0 else cut
            rows.append(Row(level, lead + line[:cut], entry, not rows))
            line, lead = line[cut:].lstrip(), " " * _INDENT
        rows.append(Row(level, lead + line, entry, not rows))
    return rows


def _rule(text: str, width: int) -> Content:
    """`── 2025-01-15 14:30:00 UTC  PAPER BTC/USDT begins ────`, from a run's first line."""
    when, _, what = text.partition("] INFO | ")
    words = f" {when[1:]} UTC  {what} "
    return Content.assemble(
        ("──", "$quiet"), (words, "bold $primary"), ("─" * (width - 2 - len(words)), "$quiet")
    )


def _stamp(row: Row) -> str:
    found = _STAMP.match(row.text) if row.first else None
    return found[1] if found else ""


def _tone(row: Row, written: str) -> str:
    """What comes with every bar is quieter than a trade."""
    if row.level != logging.INFO:
        return written.split()[-1]
    return "$quiet" if _EVERY_BAR.match(row.text) else "$foreground"


def _marked(content: Content, word: str, here: bool) -> Content:
    """With every place where a word stands reversed; the one that was gone to is bold, too."""
    style = "reverse bold" if here else "reverse"
    for found in re.finditer(re.escape(word), content.plain, re.IGNORECASE):
        content = content.stylize(style, *found.span())
    return content
