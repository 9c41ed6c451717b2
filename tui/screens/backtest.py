"""The Backtest screen: form and list of runs at the left, result at the right.

On a narrow terminal these are two pages, and escape changes between them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on, work
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.events import DescendantFocus
from textual.notifications import SeverityLevel
from textual.widget import Widget
from textual.widgets import Input, OptionList, Static

from engine.wording import plural
from tui.keys import VIEWS, bindings, key_of
from tui.screens.frame import FramedScreen
from tui.widgets.fields import Link, TextField
from tui.widgets.run_form import RunForm

if TYPE_CHECKING:
    from tui.feed import BacktestFeed
    from tui.store import Run, Store
    from tui.widgets.progress import ProgressLine
    from tui.widgets.result import ResultPane
    from tui.widgets.runs import RunList

_EMPTY = (
    "\n[bold]No result yet.[/]\n\n"
    "[bold $primary]$run[/] runs the form as it stands.\n"
    "[bold $primary]$up[/], [bold $primary]$down[/] go from field to field, "
    "[bold $primary]$change[/] changes a choice.\n\n"
    "The source [bold $simulated]simulated[/] is a made-up market that needs no network: "
    "good for a first look, worthless as evidence. "
    "Real candles come from Binance or from a folder of yours."
)


class BacktestScreen(FramedScreen):
    """Runs backtests in a thread and shows what they came to.

    The first paint shows the form alone; `furnish` mounts the rest before any key arrives.
    """

    _store: Store
    _progress_line: ProgressLine
    _runs: RunList
    _result: ResultPane

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("backtest"), *bindings("panels")]
    AUTO_FOCUS = "#form"
    NUMBER = "6"
    KEYS = "start"
    KEY_PLACES = (
        "app",
        "backtest",
        "form",
        "choice",
        "runs",
        "charts",
        "cursor",
        "panels",
        "list",
        "trades",
        "parameters",
    )

    def __init__(self, data_dir: Path | None) -> None:
        super().__init__("-backtest -page-form -no-result")
        self._form = RunForm()
        self._data_dir = data_dir
        self._seen = -1
        self._finished: Run | None = None
        self._shown: Run | None = None

    def body(self) -> Iterable[Widget]:
        """Two panes."""
        yield Vertical(self._form, id="left")
        keys = {"run": "run", "up": "last_field", "down": "next_field", "change": "change"}
        words = Content.from_markup(_EMPTY, **{name: key_of(key) for name, key in keys.items()})
        empty = Static(words, id="empty")
        empty.border_title = "result"
        yield empty

    async def furnish(self, store: Store) -> None:
        """What the first paint does not wait for: the form's defaults, the parts of a result."""
        from tui.request import FormText  # with the engine's parameters 60 ms
        from tui.widgets.progress import ProgressLine  # these three 10 ms
        from tui.widgets.result import ResultPane
        from tui.widgets.runs import RunList

        self._store = store
        self._form.show(FormText.defaults())
        self._progress_line, self._runs, self._result = ProgressLine(), RunList(), ResultPane()
        await self.query_one("#left").mount(self._progress_line, self._runs)
        await self.query_one("#body").mount(self._result)
        self._furnished = True

    def take_in(self, finished: Run | None) -> None:
        """A run has ended, with a result or (None) without one; also while another screen is up."""
        if finished is not None:
            self._finished = finished
        else:
            self._show_page("form")
            self._form.focus_field(self._store.failed_field)
        if not self.is_shown:
            ended = f"run {finished.number} is done" if finished else "the backtest has failed"
            self.notify(f"{ended}: {self.key} shows it", severity=_severity(finished))

    def refresh_from_store(self, now: datetime) -> None:
        """Show what has changed."""
        store = self._store
        if self._finished is not None:  # drawn when it is seen: it takes as long as a few keys
            finished, self._finished = self._finished, None
            self._show_finished(finished)
        self._progress_line.show(store.run_activity)
        if self._seen != store.version:
            self._seen = store.version
            self._form.say(store.message, error=store.message_is_error)
            self._show_keys()
        market, simulated = self._market()
        self.show_status(store, now, "BACKTEST", market, simulated)

    # Keys

    @on(RunForm.Submitted)
    def action_run(self) -> None:
        """Run the form."""
        from tui.feed import BacktestFeed  # both are there since the form was filled
        from tui.request import FieldError, RunRequest

        if self._store.progress is not None:
            self.notify(f"a run is under way: {key_of('back')} cancels it")
            return
        try:
            request = RunRequest.checked(self._form.text, self._data_dir)
        except FieldError as error:
            self._show_page("form")
            self._store.say(self._form.told(error), error=True)
            self._form.focus_field(error.field)
            return
        feed = BacktestFeed(request)
        self._store.begin(feed)
        self.set_focus(None)  # out of the text fields, so that letters are keys meanwhile
        self._work(feed)

    def action_back(self) -> None:
        """Cancel the run; leave filter, cursor; undo a field, leave it; between runs and result."""
        if self._store.progress is not None:
            self._store.cancel()
            self._show_page("form")
            self._form.focus()
        elif self._result.leave():
            return
        elif self._result.has_focus_within:
            self.action_runs()  # not into a text field: letters go on being keys
        elif not self._form.undo_field():
            self._form.leave_field()
            if self._shown is not None:
                self._show_page("result")
                self._result.focus_view()

    def action_form(self) -> None:
        """To the form."""
        self._show_page("form")
        self._form.enter_field("coins")

    def action_runs(self) -> None:
        """To the list of runs."""
        if not self._store.runs:
            self.notify(f"there are no runs yet: {key_of('run')} runs the form")
            return
        self._show_page("form")
        self._runs.focus()

    def action_view(self, view: str) -> None:
        """Another view of the result."""
        if self._shown is None:
            self.notify(f"there is no result yet: {key_of('run')} runs the form")
            return
        self._show_page("result")
        self._result.current_view = view
        self._result.focus_view()

    def action_enlarge(self) -> None:
        """The result alone, or the form beside it, where there is room for both."""
        self.toggle_class("-enlarged")
        self.action_view(self._result.current_view)

    def action_next_view(self) -> None:
        """The view after this one; from the form, the result as it was left."""
        current = self._result.current_view
        views = [v for v in VIEWS if v != "summary" or not self.has_class("-huge")]
        place = views.index(current) if current in views else -1
        self.action_view(views[(place + 1) % len(views)])

    def action_coin(self, step: int) -> None:
        """Another coin of the run, or its portfolio."""
        if self._shown is None:
            return
        keys = self._shown.keys
        self._show(self._shown, keys[(keys.index(self._result.key) + step) % len(keys)])
        if self._result.has_focus_within:
            self._result.focus_view()

    def action_parameters(self) -> None:
        """Every parameter, to look at and to change."""
        from tui.request import parameters_of
        from tui.screens.parameters import ParametersScreen  # dialogs load when they open

        changed = parameters_of(self._form.text)
        dialog = ParametersScreen(changed, self._data_dir)
        self.app.push_screen(dialog, self._take_parameters)

    def action_compare(self) -> None:
        """The two marked runs; or the shown one and the marked one, or the one before."""
        pair = self._pair()
        if pair is None:
            words = "comparing needs two runs: change something and run again"
            if self._runs.marked and len(self._store.runs) > 1:
                words = f"one run is marked, and shown: {key_of('mark')} marks a second one"
            self.notify(words)
            return
        from tui.screens.compare import CompareScreen

        self.app.push_screen(CompareScreen(*pair), self._compared)

    def action_export(self) -> None:
        """Write the shown run's files."""
        if self._shown is None:
            self.notify(f"there is no result to export yet: {key_of('run')} runs the form")
            return
        self.notify("writing trades and charts ...")
        self._export(self._shown)

    def arrive(self) -> None:
        """No text field has the focus: digits go on to other screens."""
        self._form.rest()

    # Threads

    @work(thread=True, exclusive=True, group="run", exit_on_error=False)
    def _work(self, feed: BacktestFeed) -> None:
        feed.run_apart()

    @work(thread=True, exclusive=True, group="export", exit_on_error=False)
    def _export(self, run: Run) -> None:
        try:
            paths = [str(path) for path in run.export()]
        except OSError as error:
            told = f"cannot write {error.filename}: {error.strerror}", "error"
        else:
            folders = " and ".join(sorted({os.path.dirname(path) for path in paths}))
            told = f"wrote {plural(len(paths), 'file')} to {folders}", "information"
        self.app.call_from_thread(self._say_exported, *told)

    def _say_exported(self, message: str, severity: SeverityLevel) -> None:
        self.notify(message, severity=severity, timeout=8)

    # What others tell

    @on(RunForm.Edited)
    def _edited(self) -> None:
        """What was wrong may be right now."""
        if self._store.message_is_error:
            self._store.say("")
        if self._furnished:
            self._show_keys()

    @on(RunForm.ParametersWanted)
    def _parameters_wanted(self) -> None:
        self.action_parameters()

    def on_run_list_reuse_wanted(self, event: RunList.ReuseWanted) -> None:
        """A run's settings go into the form."""
        run = self._run(event.number)
        self._form.show(run.request.text)
        self._store.say(f"the form holds the settings of run {run.number}")
        self.action_form()

    @on(OptionList.OptionHighlighted, "#runs")
    def _chosen(self, event: OptionList.OptionHighlighted) -> None:
        run = self._run(int(event.option_id or 0))
        if run is not self._shown:
            key = self._result.key
            self._show(run, key if key in run.keys else run.main_key)

    @on(OptionList.OptionSelected, "#runs")
    def _selected(self) -> None:
        self._show_page("result")
        self._result.focus_view()

    @on(DescendantFocus)
    def _show_keys(self) -> None:
        """The keys of the place that has the focus, and a bright border around it."""
        self.key_line.show(self._key_context())
        if self.focused is not None and self._furnished:
            for pane in (self._form, self._runs, self._result):
                pane.set_class(pane in self.focused.ancestors_with_self, "-active")

    # Showing

    def _show_finished(self, run: Run) -> None:
        self._show(run, run.main_key)
        self._runs.show(self._store.runs, run.number)
        self.remove_class("-no-result")
        self._show_page("result")
        if not self._result.has_focus_within:
            self._result.focus_view()

    def _show(self, run: Run, key: str) -> None:
        self._shown = run
        self._result.show(run, len(self._store.runs), key)

    def _show_page(self, page: str) -> None:
        self.set_class(page == "form", "-page-form")
        self.set_class(page == "result", "-page-result")

    def _compared(self, others: bool | None) -> None:
        if others:
            self.action_runs()

    def _take_parameters(self, values: dict[str, Any] | None) -> None:
        if values is not None:
            self._form.show_parameters(values)

    def _key_context(self) -> str:
        focused = self.focused
        if not self._furnished:
            return "start"
        if self._store.progress is not None:
            return "running"
        if isinstance(focused, Link):
            return "link"
        if isinstance(focused, TextField):
            if focused.edited:
                return "edited"
            return "first" if self._shown is None else "text"
        if self._shown is None:
            return "start"
        if focused is self._runs:
            return "runs"
        if isinstance(focused, Input) and focused.id == "filter":
            return "filter"
        if focused is not None and focused.id in ("trades", "charts"):
            return focused.id
        return "form" if focused is None or self._form in focused.ancestors_with_self else "result"

    def _market(self) -> tuple[str, bool]:
        """Where the data come from: of the run under way, else of the result that is shown."""
        if self._store.progress is not None:
            request = self._store.progress.feed.request
            return request.market, request.simulated
        if self._shown is not None:
            return self._shown.request.market, self._shown.simulated
        return "no data yet", False

    def _run(self, number: int) -> Run:
        return next(run for run in self._store.runs if run.number == number)

    def _pair(self) -> tuple[Run, Run] | None:
        marked = [self._run(number) for number in sorted(self._runs.marked)]
        if len(marked) == 2:
            return marked[0], marked[1]
        others = [run for run in marked or self._store.runs if run is not self._shown]
        if self._shown is None or not others:
            return None
        first, second = sorted((others[-1], self._shown), key=lambda run: run.number)
        return first, second


def _severity(finished: Run | None) -> SeverityLevel:
    return "information" if finished else "error"
