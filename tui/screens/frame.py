"""The frame that all screens share: status line, screen names, body, line of keys."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.geometry import Size
from textual.notifications import Notification, Notify, SeverityLevel
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Static
from textual.worker import Worker

from tui.guarded_app import GuardedApp
from tui.keys import key_of
from tui.screens.names import BOTS, SCREENS
from tui.screens.sizes import SMALLEST, too_small_words
from tui.widgets.bot_status import AlarmLine
from tui.widgets.footer import KeyLine
from tui.widgets.status import StatusLine

if TYPE_CHECKING:
    from tui.data_work import Outcome
    from tui.store import Store


class FramedScreen(Screen[None]):
    """A screen inside the frame. A subclass gives its body, its number and its first keys.

    It lives as long as the application, also while another one is shown.
    """

    HORIZONTAL_BREAKPOINTS: list[tuple[int, str]] | None = [  # noqa: RUF012 (as Textual has it)
        (0, "-tiny"),
        (SMALLEST[0], "-narrow"),
        (100, "-wide"),
        (160, "-huge"),
    ]
    VERTICAL_BREAKPOINTS: list[tuple[int, str]] | None = [  # noqa: RUF012 (as Textual has it)
        (0, "-flat"),
        (SMALLEST[1], "-short"),
        (34, "-tall"),
    ]
    NUMBER = ""
    OF_BOTS: ClassVar[bool] = False
    """Whether it is about bots, so that one that begins to run may appear by itself."""
    KEYS = ""
    KEY_PLACES: ClassVar[tuple[str, ...]] = ()
    """Places of `tui.keys.PLACES` that its page of keys is about."""

    def __init__(self, classes: str) -> None:
        super().__init__(classes=classes)
        self._furnished = False
        self._notices: list[Notification] = []
        self.status_line = StatusLine()
        self.alarm_line = AlarmLine()
        self.key_line = KeyLine(self.KEYS)
        self._names = _Names(self.NUMBER)

    def compose(self) -> ComposeResult:
        """Frame and body, and what is shown instead on a terminal that is too small."""
        self._fit(self.app.size)
        yield self.status_line
        yield self.alarm_line
        yield self._names
        with Vertical(id="body"):
            yield from self.body()
        yield self.key_line
        yield Static(
            f"{too_small_words()}\n"
            f"Until then {key_of('quit')} leaves, and no other key does anything.",
            id="too-small",
        )

    @property
    def too_small(self) -> bool:
        """Whether nothing but that is shown."""
        width, height = self.app.size
        return width < SMALLEST[0] or height < SMALLEST[1]

    def _fit(self, size: Size) -> None:
        """Textual sets these classes after the first layout: set before it, that one is right."""
        for length, breakpoints in (
            (size.width, self.HORIZONTAL_BREAKPOINTS),
            (size.height, self.VERTICAL_BREAKPOINTS),
        ):
            self.add_class(max(b for b in breakpoints or () if b[0] <= length)[1])

    def body(self) -> Iterable[Widget]:
        """The widgets between the line of names and the line of keys."""
        raise NotImplementedError

    async def furnish(self, store: Store) -> None:
        """Called once, after the first paint: what that does not wait for. Where all of it is
        there, `_furnished` becomes true."""
        raise NotImplementedError

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """No key before everything is there."""
        return self._furnished and super().check_action(action, parameters)

    def arrive(self) -> None:
        """Called each time that the screen was chosen by its number."""

    def depart(self) -> None:
        """Called each time that another one takes its place."""

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = False,
    ) -> None:
        """Say something for some seconds, but not for longer than it concerns who reads it: what a
        screen says of itself goes when it is left, what it says meanwhile when it is shown again.
        An error stays until it was acknowledged."""
        if severity == "error":
            super().notify(message, title=title, severity=severity, timeout=timeout, markup=markup)
            return
        lasts_s = self.app.NOTIFICATION_TIMEOUT if timeout is None else timeout
        notice = Notification(message, title, severity, lasts_s)
        self._notices = [known for known in self._notices if not known.has_expired]
        self._notices.append(notice)
        self.app.post_message(Notify(notice))

    def take_notices_away(self) -> None:
        """What it has said lasts no longer; a toast goes at the next change of screens."""
        for notice in self._notices:
            notice.timeout = 0.0
        self._notices.clear()

    def refresh_from_store(self, now: datetime) -> None:
        """Called while the screen is shown: at once where something is new or a key has done
        something, else twice a second; below a dialog once a second (`tui.pace`)."""
        raise NotImplementedError

    def show_status(
        self, store: Store, now: datetime, mode: str, market: str = "", simulated: bool = False
    ) -> None:
        """The line on top: of the bot that is watched, else of this screen."""
        view = store.fleet.watched
        real_money = view is not None and view.mode == "live"
        self.set_class(real_money, "-live")
        self.app.set_class(real_money, "-real-money")  # for dialogs, whichever are or will be open
        self.alarm_line.show(view)
        elsewhere = store.fleet.crashes or (store.fleet.others.calling and self.NUMBER != BOTS)
        self._names.call(BOTS if elsewhere else "")
        for crash in store.fleet.untold_crashes():
            from tui.screens.crashes import tell_crash

            tell_crash(self, crash)
        if view is not None:
            self.status_line.show_bot(view, store.activities, now)
        else:
            self.status_line.show(mode, market, simulated, store.activities, now)

    def take_outcome(self, outcome: Outcome) -> None:
        """A piece of work on the data of this disk has ended, whichever screen is shown."""

    @on(Worker.StateChanged)
    def _broke(self, event: Worker.StateChanged) -> None:
        """What a worker's defect does is said by the application: it is told of its own alone."""
        if isinstance(self.app, GuardedApp):
            self.app.say_if_broken(event)

    @property
    def key(self) -> str:
        """The key that shows it."""
        return key_of(f"screen_{self.NUMBER}")

    @property
    def is_shown(self) -> bool:
        """Whether it is this screen that the user has before them, dialogs aside."""
        return self in self.app.screen_stack


class _Names(Widget):
    """The screens by number; without spaces where there is no room for them."""

    def __init__(self, current: str) -> None:
        super().__init__(id="names")
        self._current = current
        self._calling = ""

    def call(self, number: str) -> None:
        """Mark the screen of this number, on which there is something to be seen; "": none."""
        if number != self._calling:
            self._calling = number
            self.refresh()

    def render(self) -> Content:
        """As roomy as the width allows."""
        roomy = self._line(" ", "  ")
        return roomy if roomy.cell_length <= self.size.width else self._line("", " ")

    def _line(self, after_number: str, between: str) -> Content:
        parts = []
        for screen in SCREENS:
            chosen = screen.number == self._current
            name = f"[{screen.name}]" if chosen else screen.name
            style = "bold $primary" if chosen else "$quiet"
            number = f"{key_of(f'screen_{screen.number}')}{after_number}"
            call = ("!" if screen.number == self._calling else "", "bold $error")
            parts.append(Content.assemble((number, "bold $quiet"), call, (name, style)))
        return Content.assemble(" ", Content(between).join(parts))
