"""What the application does for its operator whatever it shows: palette, pictures, words, calls."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence
from time import monotonic
from typing import TYPE_CHECKING

from textual.events import Event, Key, Paste
from textual.filter import LineFilter
from textual.notifications import Notification, Notify
from textual.widget import Widget

from tui.attention import Attention
from tui.guarded_app import GuardedApp
from tui.keys import key_of, typed_keys, write_plainly
from tui.screens.frame import FramedScreen
from tui.screens.names import LIVE, SCREENS
from tui.symbols import PlainSymbols
from tui.theme import THEMES
from tui.widgets.footer import KeyLine

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from textual.notifications import SeverityLevel

    from tui.screens.palette import Entry
    from tui.store import Store

_TWICE_S = 2.0
_STAYS_S = math.inf


class OperatorApp(GuardedApp):
    """A subclass has the store and the screens.

    Args: as those of `GuardedApp`.

    Attributes:
        symbols: what is painted passes it.
        attention: bell and title of the terminal.
    """

    store: Store | None

    def __init__(self, data_dir: Path | None, rest: str) -> None:
        super().__init__(data_dir, rest)
        self.symbols = PlainSymbols("braille")
        self.attention = Attention(
            self._write_to_terminal, self.notify, blinks=self.animation_level != "none"
        )
        self._interrupted_at = -_TWICE_S
        self._said_of: dict[Hashable, Notification] = {}

    @property
    def symbols(self) -> PlainSymbols:
        """As it was set."""
        return self._symbols

    @symbols.setter
    def symbols(self, symbols: PlainSymbols) -> None:
        self._symbols = symbols
        write_plainly(symbols.ascii_alone)

    @property
    def data_path(self) -> Path:
        """Where what the user makes lies."""
        raise NotImplementedError

    def now(self) -> datetime:
        """The time of day."""
        raise NotImplementedError

    async def on_event(self, event: Event) -> None:
        """Where nothing can be seen no key steers anything; one that leaves does so."""
        screen = self.screen_stack[-1] if self.screen_stack else None
        unseen = isinstance(screen, FramedScreen) and screen.too_small
        if not unseen or not isinstance(event, Key | Paste) or _interrupts(event):
            await super().on_event(event)
        elif isinstance(event, Key) and {event.key, event.character} & set(_leaving_keys()):
            self.call_later(self.action_quit)

    def get_line_filters(self) -> Sequence[LineFilter]:
        """What is painted passes these: colours, and characters that the terminal has."""
        filters = super().get_line_filters()
        return [*filters, self.symbols] if self.symbols.enabled else filters

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = False,
    ) -> None:
        """Say something for some seconds; an error stays until it was acknowledged."""
        if severity == "error" and timeout is None:
            message, timeout = _staying(message), _STAYS_S
        super().notify(message, title=title, severity=severity, timeout=timeout, markup=markup)

    def say_of(self, subject: Hashable, message: str, *, title: str) -> None:
        """Say an error that holds as long as nothing else is known of its subject."""
        self.unsay_of([subject])
        notice = Notification(_staying(message), title, "error", _STAYS_S)
        self._said_of[subject] = notice
        self.post_message(Notify(notice))

    def unsay_of(self, subjects: Iterable[Hashable]) -> None:
        """What was said of these holds no longer. Textual has no public way to take one away."""
        for subject in self._said_of.keys() & set(subjects):
            self._unnotify(self._said_of.pop(subject))

    def action_palette(self) -> None:
        """Every action by its name; not over a dialog, which has to be answered."""
        if self.store is None or len(self.screen_stack) > 1:
            return
        from tui.screens.palette import PaletteScreen, entries

        view = self.store.fleet.watched
        paused = view is not None and view.paused_by_operator
        self.push_screen(PaletteScreen(entries(self.screen, paused=paused)), self._do)

    def _do(self, entry: Entry | None) -> None:
        if entry is not None:
            if entry.focus and isinstance(entry.node, Widget):
                entry.node.focus()
            self.call_later(self.run_action, entry.key.action, entry.node)

    async def action_on_live(self, action: str) -> None:
        """What a key of the Live screen does, there."""
        await self.run_action(f"screen('{LIVE}')")
        await self.run_action(action, self.screen)

    def action_picture(self) -> None:
        """Write what is shown into files."""
        from tui.pictures import FOLDER, save_picture

        view = self.store.fleet.watched if self.store is not None else None
        name = next(each.name for each in SCREENS if each.number == self.current_mode)
        folder = self.data_path / FOLDER
        try:
            path = save_picture(self, folder, [view.symbol if view else "", name], self.now())
        except OSError as error:
            self.notify(f"no picture: {error}", severity="error", markup=False)
        else:
            self.notify(f"{path}\nand the same as .txt", title="picture", markup=False)

    def action_theme(self, name: str) -> None:
        """Another look, until the end."""
        self.theme = THEMES[name].name

    def action_symbols(self, name: str) -> None:
        """Other characters, until the end."""
        self.symbols = PlainSymbols(name)
        for line in self.screen.query(KeyLine):
            line.show(line.context)
        self.refresh_css(animate=False)

    def action_bell_for_alarms(self) -> None:
        """Ring, or be silent."""
        self.attention.bell = not self.attention.bell
        self.notify("alarms ring" if self.attention.bell else "alarms are silent")

    def action_help_quit(self) -> None:
        """ctrl+c: twice it leaves, as many are used to."""
        if monotonic() - self._interrupted_at < _TWICE_S:
            self.call_later(self.action_quit)
            return
        self._interrupted_at = monotonic()
        self.notify(f"ctrl+c again leaves, as {key_of('leave')} does; bots go on")

    def _write_to_terminal(self, text: str) -> None:
        """Textual has no public way for this; it is this one that its own bell goes."""
        if not self.is_headless and self._driver is not None:
            self._driver.write(text)


def _staying(message: str) -> str:
    return f"{message}\n{key_of('acknowledge')} takes this away"


def _interrupts(event: Event) -> bool:
    return isinstance(event, Key) and event.key == "ctrl+c"


def _leaving_keys() -> list[str]:
    return [*typed_keys("quit"), *typed_keys("leave")]
