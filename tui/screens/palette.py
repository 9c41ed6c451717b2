"""Every action that holds where the user is, by name: the palette of `:` and ctrl+p."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from textual.actions import parse
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.dom import DOMNode
from textual.fuzzy import FuzzySearch
from textual.screen import ModalScreen, Screen
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from tui.keys import KEYS, WITHOUT_KEY, Key, bindings, key_of
from tui.widgets.footer import KeyLine

_MOVES = ("list", "lines", "form", "choice", "link", "dialog")
"""Places whose keys move something by one: nobody looks for them by name."""

_NOT_SHOWN = ("palette", "palette_anywhere", "leave")
_ROWS = {
    key.id: key
    for key in KEYS
    if not (key.place in _MOVES or key.id in _NOT_SHOWN or "focus" in key.action)
}
_TO_THE_BOT = ("pause", "end", "flatten", "start_bot", "resume_bot")
"""What the bot that is shown can be told, and how there comes to be one: from any screen."""

_KEY_WIDTH, _NAME_WIDTH = 9, 18


@dataclass(frozen=True, slots=True)
class Entry:
    """An action, and what does it; `focus`: it has to have the focus first."""

    key: Key
    node: DOMNode
    focus: bool = False

    @property
    def name(self) -> str:
        """What it is called."""
        there = self.key.action.startswith("screen(")
        return f"go to {self.key.footer}" if there else self.key.footer

    @property
    def shown_key(self) -> str:
        """How the key is written; "" where there is none."""
        return key_of(self.key.id) if self.key.keys else ""


def entries(screen: Screen[Any], *, paused: bool = False) -> list[Entry]:
    """What can be done on a screen: by what has the focus, by the rest of it, and anywhere.

    `paused`: the operator has paused the bot that is shown. Where text is typed, too, though
    letters are no keys there.
    """
    focused = screen.focused or screen
    here = list(focused.ancestors_with_self)
    app = [Entry(key, screen.app) for key in _bound(screen.app)]
    near = [Entry(key, node) for node in here if node is not screen.app for key in _bound(node)]
    there = [
        Entry(key, widget, focus=True)
        for widget in screen.focus_chain
        if widget not in here
        for key in _bound(widget)
    ]
    bound = {entry.key.id for entry in near}
    to_the_bot = [
        Entry(_on_live(_ROWS[name]), screen.app) for name in _TO_THE_BOT if name not in bound
    ]
    every = [*near, *there, *to_the_bot, *app, *(Entry(key, screen.app) for key in WITHOUT_KEY)]
    unlike: dict[tuple[str, str], Entry] = {}
    for entry in every:
        unlike.setdefault((entry.key.place, entry.key.action), entry)
    return [_as_it_stands(entry, paused) for entry in unlike.values()]


def _on_live(key: Key) -> Key:
    """What a key of Live does, from another screen."""
    footer, meaning = f"bot: {key.footer}", f"on Live: {key.meaning}"
    return replace(key, keys="", footer=footer, meaning=meaning, action=f"on_live('{key.action}')")


def _as_it_stands(entry: Entry, paused: bool) -> Entry:
    """The same key resumes a bot that was paused, and is called so then. It does what it is called,
    whatever has become of the bot by then."""
    if entry.key.id != "pause":
        return entry
    key, command = entry.key, "resume" if paused else "pause"
    key = replace(key, action=key.action.replace("pause", f'pause("{command}")'))
    if paused:
        footer = key.footer.replace("pause", "resume entries")
        key = replace(key, footer=footer, meaning="entries again: go on")
    return replace(entry, key=key)


def found(every: Sequence[Entry], words: str) -> list[tuple[Entry, tuple[int, ...]]]:
    """Those that are meant, the likeliest first, with the letters of the name that were typed."""
    if not words:
        return [(entry, ()) for entry in every]
    search = FuzzySearch()
    ranked = []
    for place, entry in enumerate(every):
        score, letters = search.match(words, entry.name)
        by_id, _ = search.match(words, entry.key.id.replace("_", " "))
        told = all(word in entry.key.meaning.lower() for word in words.lower().split())
        best = max(2 * score, by_id, 1.0 if told else 0.0)
        if best > 0.0:
            ranked.append((-best, place, entry, tuple(letters)))
    ranked.sort(key=lambda row: row[:2])
    return [(entry, letters) for _, _, entry, letters in ranked]


class PaletteScreen(ModalScreen[Entry]):
    """Dismissed with the entry that was chosen, with None for escape."""

    CSS_PATH = "../dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings("palette")

    def __init__(self, every: Sequence[Entry]) -> None:
        super().__init__()
        self._every = every
        self._found: list[tuple[Entry, tuple[int, ...]]] = []
        self._list = OptionList()
        self._list.can_focus = False

    def compose(self) -> ComposeResult:
        """A line to type in, over the actions."""
        with Vertical(id="palette", classes="dialog") as dialog:
            dialog.border_title = "actions"
            yield Input(placeholder="a part of a name", compact=True)
            yield self._list
        yield KeyLine("palette")

    def on_mount(self) -> None:
        """Everything, before anything is typed."""
        self.query_one(Input).focus()
        self._show("")

    def on_input_changed(self, event: Input.Changed) -> None:
        """Fewer, or others."""
        self._show(event.value.strip())

    def on_input_submitted(self) -> None:
        """What the cursor is on."""
        self.action_choose()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Clicked."""
        self.dismiss(self._found[event.option_index][0])

    def action_choose(self) -> None:
        """Do it."""
        at = self._list.highlighted
        if at is not None and self._found:
            self.dismiss(self._found[at][0])

    def action_leave(self) -> None:
        """Do nothing."""
        self.dismiss(None)

    def action_move(self, step: int) -> None:
        """To the next one, or the one before; round at the ends."""
        if step < 0:
            self._list.action_cursor_up()
        else:
            self._list.action_cursor_down()

    def action_page(self, step: int) -> None:
        """A page on, or back."""
        if step < 0:
            self._list.action_page_up()  # type: ignore[no-untyped-call]
        else:
            self._list.action_page_down()  # type: ignore[no-untyped-call]

    def _show(self, words: str) -> None:
        self._found = found(self._every, words)
        self._list.clear_options()
        self._list.add_options(_option(entry, letters) for entry, letters in self._found)
        if self._found:
            self._list.highlighted = 0
        else:
            self._list.add_option(Option("no action is called so", disabled=True))


def _bound(node: DOMNode) -> Iterator[Key]:
    """The rows of the table that hold for a widget, a screen, or the application, now."""
    for binding in type(node).BINDINGS:
        key = _ROWS.get(binding.id or "") if isinstance(binding, Binding) else None
        if key is not None:
            _, action, parameters = parse(key.action)
            if node.check_action(action, parameters):
                yield key


def _option(entry: Entry, letters: Sequence[int]) -> Option:
    name = Content.styled(entry.name, "$foreground")
    for at in letters:
        name = name.stylize("bold $primary", at, at + 1)
    gap = " " * max(1, _NAME_WIDTH - len(entry.name))
    line = (f"{entry.shown_key:<{_KEY_WIDTH}}", "bold"), name, gap, (entry.key.meaning, "$quiet")
    return Option(Content.assemble(*line))
