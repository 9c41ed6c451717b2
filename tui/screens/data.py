"""The Data screen: what lies in the cache, with its gaps, and everything one does with it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.binding import BindingType
from textual.content import Content
from textual.events import DescendantFocus
from textual.notifications import SeverityLevel
from textual.widget import Widget
from textual.widgets import Input, Static

from engine.wording import plural
from tui.data_work import DataJob, FetchOrder, ImportOrder, checking, deleting, fetching, importing
from tui.figures import day, size
from tui.keys import bindings, key_of
from tui.screens.fetch import FetchDialog
from tui.screens.frame import FramedScreen
from tui.screens.import_files import ImportDialog
from tui.screens.question import Question
from tui.widgets.holding_details import HoldingDetails
from tui.widgets.message_line import MessageLine
from tui.widgets.progress import ProgressLine
from tui.widgets.shelf import Shelf

if TYPE_CHECKING:
    from exchange.holdings import Holding
    from tui.data_work import Outcome
    from tui.store import Store

_EMPTY = (
    "\n[bold]There are no data on this disk yet.[/]\n\n"
    "[bold $primary]$fetch[/] fetches candles and funding from Binance; it needs the network, "
    "no key.\n"
    "[bold $primary]$take[/] imports a file or a folder: Parquet, CSV, Binance's zip archives.\n"
    "[bold $primary]$run[/] goes to Backtest, whose simulated market needs no data at all.\n\n"
    "A backtest on Binance's candles fetches what it lacks by itself, and it stays here."
)
_READ_AGAIN_S = 3.0
_FIRST_START = "2024-01-01"


class DataScreen(FramedScreen):
    """The series in a list, the chosen one below, and at most one piece of work at a time."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("data")
    AUTO_FOCUS = "#series"
    NUMBER = "8"
    KEYS = "no data"
    KEY_PLACES = ("app", "data", "list", "form", "choice")

    _store: Store

    def __init__(self, data_dir: Path | None) -> None:
        super().__init__("-data")
        self._data_dir = data_dir
        self._shelf, self._details = Shelf(), HoldingDetails()
        self._progress_line = ProgressLine()
        self._outcome = MessageLine(id="outcome")
        self._reading = False
        self._read_at = 0.0
        self._folder = ""

    def body(self) -> Iterable[Widget]:
        """List over details; the empty state in their place."""
        keys = {"fetch": "fetch", "take": "import", "run": "screen_6"}
        words = Content.from_markup(_EMPTY, **{name: key_of(key) for name, key in keys.items()})
        empty = Static(words, id="no-data")
        empty.border_title = "data on this disk"
        yield empty
        yield self._shelf
        yield self._details
        yield self._outcome
        yield self._progress_line

    async def furnish(self, store: Store) -> None:
        """The listing is read in a thread."""
        self._store = store
        self._outcome.display = False
        self._furnished = True
        self._read()

    def take_outcome(self, outcome: Outcome) -> None:
        """A piece of work has ended; also while another screen is up."""
        self._say(outcome.message, error=outcome.failed)
        self._read(outcome)
        if not self.is_shown:
            severity: SeverityLevel = "error" if outcome.failed else "information"
            self.notify(f"{outcome.message}: {self.key} shows more", severity=severity)

    def refresh_from_store(self, now: datetime) -> None:
        """Show what has changed; what another process did is seen within seconds."""
        data = self._store.data
        self._progress_line.show(data.job.activity if data.job else None)
        if monotonic() - self._read_at > _READ_AGAIN_S:
            self._read()
        self.show_status(self._store, now, "DATA", self._folder or "reading")
        self._shelf.fit(self.query_one("#body").size.height // 2)
        self._show_keys()

    # Keys

    def action_fetch(self) -> None:
        """Ask what to get; filled with the chosen series from its start up to now."""
        if not self._is_free():
            return
        chosen = self._shelf.chosen
        if chosen is None or not chosen.series.is_binances:
            dialog = FetchDialog("BTC ETH SOL", "15m", _FIRST_START, "")
        else:
            timeframe = chosen.series.timeframe or "15m"
            start = day(chosen.span.start_ms)
            dialog = FetchDialog(chosen.series.symbol.coin, timeframe, start, "")
        self.app.push_screen(dialog, self._fetch)

    def action_import(self) -> None:
        """Ask for a file."""
        if self._is_free():
            self.app.push_screen(ImportDialog(), self._import)

    def action_check(self) -> None:
        """Read every row of the chosen series."""
        chosen = self._chosen()
        if chosen is not None and self._is_free():
            self._begin(checking(chosen))

    def action_delete(self) -> None:
        """Delete the chosen series, once that was confirmed."""
        chosen = self._chosen()
        if chosen is None or not self._is_free():
            return

        def answered(yes: bool | None) -> None:
            if yes and self._is_free():
                self._begin(deleting(chosen))

        lost = (
            "Fetching gets it again."
            if chosen.origins == ("Binance",)
            else "What was imported is gone unless its file is kept elsewhere."
        )
        question = "\n".join(
            [
                f"Delete {chosen.series}?",
                "",
                f"{plural(chosen.rows, 'row')}, {size(chosen.size_bytes)} in "
                f"{plural(len(chosen.paths), 'file')}, {chosen.series.stem}_*.parquet,",
                f"of {self._folder}.",
                "",
                lost,
            ]
        )
        self.app.push_screen(Question(question, yes="Delete"), answered)

    def action_narrow(self) -> None:
        """Filter the list."""
        if self._store.data.holdings:
            self._shelf.open_filter()

    def action_stop(self) -> None:
        """Leave the filter; cancel what is under way; put the last message away."""
        if self._shelf.close_filter():
            return
        if self._store.data.job is not None:
            self._store.data.cancel()
            self._say("cancelling ...")
        else:
            self._say("")
            self._shelf.focus_list()

    def action_turn(self) -> None:
        """Between list and details."""
        if self._details.has_focus:
            self._shelf.focus_list()
        else:
            self._details.focus()

    # Threads

    def _begin(self, job: DataJob) -> None:
        self._say("")
        job.data_dir = self._data_dir
        self._store.data.begin(job)
        self._work(job)

    @work(thread=True, group="data", exit_on_error=False)
    def _work(self, job: DataJob) -> None:
        job.run()

    def _read(self, outcome: Outcome | None = None) -> None:
        """List the series; after a piece of work even if a listing is under way already."""
        if self._reading and outcome is None:
            return
        self._reading = True
        self._list(outcome)

    @work(thread=True, group="listing", exit_on_error=False)
    def _list(self, outcome: Outcome | None) -> None:
        try:
            self.app.call_from_thread(self._listed, self._found(), outcome)
        finally:
            self._reading, self._read_at = False, monotonic()

    def _found(self) -> tuple[Holding, ...] | str:
        """The series on this disk, or why they cannot be read."""
        from exchange.cache import cache_folder  # pandas: 0.5 s
        from exchange.holdings import holdings

        self._folder = str(cache_folder(self._data_dir))
        try:
            return holdings(self._data_dir)
        except OSError as error:
            return f"cannot read {error.filename}: {error.strerror}"

    def _listed(self, found: tuple[Holding, ...] | str, outcome: Outcome | None) -> None:
        if isinstance(found, str):
            self._say(found, error=True)
            return
        changed = self._store.data.take(found)
        if outcome is not None and outcome.series is not None and outcome.findings is not None:
            self._store.data.findings[outcome.series] = outcome.findings
        if changed or outcome is not None:
            self.set_class(not found, "-no-data")
            self._shelf.show(found, outcome.series if outcome else None)
            self._show_details()

    # What others tell

    @on(Shelf.Chosen)
    def _show_details(self) -> None:
        chosen = self._shelf.chosen
        findings = None if chosen is None else self._store.data.findings.get(chosen.series)
        self._details.show(chosen, findings)

    @on(Shelf.Opened)
    def _opened(self) -> None:
        self._details.focus()

    @on(DescendantFocus)
    def _show_keys(self) -> None:
        self.key_line.show(self._key_context())
        for pane in (self._shelf, self._details):
            pane.set_class(pane.has_focus_within or pane.has_focus, "-active")

    # Showing

    def _fetch(self, order: FetchOrder | None) -> None:
        if order is not None:
            self._begin(fetching(order, self._data_dir))

    def _import(self, order: ImportOrder | None) -> None:
        if order is not None:
            self._begin(importing(order, self._data_dir))

    def _is_free(self) -> bool:
        if self._store.data.job is not None:
            self.notify(f"something is under way: {key_of('give_up')} cancels it")
            return False
        return True

    def _chosen(self) -> Holding | None:
        if self._shelf.chosen is None:
            fetch, take = key_of("fetch"), key_of("import")
            self.notify(f"there is no series to do this with: {fetch} fetches, {take} imports")
        return self._shelf.chosen

    def _say(self, message: str, *, error: bool = False) -> None:
        self._outcome.display = bool(message)
        self._outcome.say(message, error=error)

    def _key_context(self) -> str:
        if not self._furnished:
            return "no data"
        if isinstance(self.focused, Input):
            return "word"
        if self._store.data.job is not None:
            return "at work"
        if not self._store.data.holdings:
            return "no data"
        return "details" if self._details.has_focus else "data"
