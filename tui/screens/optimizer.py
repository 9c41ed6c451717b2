"""The Optimizer screen: form and studies at the left, the chosen study at the right.

Searches are processes of their own: leaving the application leaves them running, and any later one
finds them. On a narrow terminal there are two pages, and escape changes between them.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import ClassVar

from textual import on
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.events import DescendantFocus
from textual.widget import Widget
from textual.widgets import OptionList, Static

from engine.wording import count, plural
from tui.folders import data_folder
from tui.keys import STUDY_VIEWS, bindings, key_of
from tui.optimizer_order import SearchText, storage_named
from tui.optimizer_store import StudyKey, StudyRow
from tui.screens.optimizer_watching import WatchingScreen
from tui.widgets.fields import TextField
from tui.widgets.search_form import SearchForm
from tui.widgets.trials import TrialsTable

_EMPTY = (
    "\n[bold]No study yet.[/]\n\n"
    "[bold $primary]$search[/] starts the search that the form describes. It runs in a process of "
    "its own: leaving the screens leaves it running, and they find it again.\n\n"
    "When its trials are done the result is questioned: permuted markets, overfitting, strict "
    "fills, a hold-out that nothing has touched. The answer is one word, with its numbers.\n\n"
    "The source [bold $simulated]simulated[/] is a made-up market: good for a first look, "
    "worthless as evidence."
)
_FOOTERS = {
    "running": "running",
    "questioning": "running",
    "paused": "paused",
    "stopped": "stopped",
    "killed": "stopped",
    "failed": "stopped",
}


class OptimizerScreen(WatchingScreen):
    """Starts searches, watches all of this data folder, and steers them."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("optimizer"), *bindings("panels")]
    AUTO_FOCUS = "#form"
    NUMBER = "7"
    KEYS = "optimizer form"
    KEY_PLACES = ("app", "optimizer", "panels", "form", "choice", "list")

    def body(self) -> Iterable[Widget]:
        """Two panes over a line for what went wrong or well."""
        empty = Static(Content.from_markup(_EMPTY, search=key_of("search")), id="empty")
        empty.border_title = "study"
        with Horizontal(id="panes"):
            yield Vertical(self._form, self._studies, id="left")
            yield empty
            yield self._pane
        yield self._outcome

    def refresh_from_store(self, now: datetime) -> None:
        """Status and keys; what is read arrives by itself."""
        row = self._optimizer.row(self._chosen)
        market, simulated = _market(row, self._chosen)
        self.show_status(self._store, now, "OPTIMIZER", market, simulated)
        self._show_keys()

    # Keys

    def action_run(self) -> None:
        """Start the form's search; in the list show the study, among trials the details."""
        if self.focused is self._studies:
            self._show_page("study")
            self._pane.focus_view()
        elif isinstance(self.focused, TrialsTable):
            self._open_trial(self.focused)
        elif self._pane.has_focus_within:
            self._pane.focus_view()
        else:
            self._start(self._form.text)

    def action_hold(self) -> None:
        """Pause the chosen search, resume it, or go on with one that was broken off."""
        row = self._row()
        if row is None:
            return
        if not row.at_work:
            self._go_on(row)
        elif row.state == "questioning":
            key = key_of("halt")
            self.notify(f"the search is over, its result is being questioned: {key} stops that")
        elif row.state == "paused":
            self._wish(row, "run", f"{row.key.name} resumes")
        else:
            self._wish(row, "pause", f"{row.key.name} pauses: trials that run are finished first")

    def action_stop(self) -> None:
        """Stop the chosen search, once that was confirmed."""
        row = self._row()
        if row is None:
            return
        if not row.at_work:
            self.notify(f"{row.key.name} is not running", markup=False)
            return
        from tui.screens.question import Question

        def answered(yes: bool | None) -> None:
            if yes:
                self._wish(row, "stop", f"{row.key.name} is being stopped")

        question = (
            f"Stop {row.key.name}?\n\n{_kept(row)}, and {key_of('hold')} goes on with it later. "
            "A report is drawn only when it is done."
        )
        self.app.push_screen(Question(question, yes="Stop"), answered)

    def action_apply(self) -> None:
        """Show what the chosen study's parameters would change in a file of settings."""
        row, view = self._row(), self._optimizer.view
        if row is None:
            return
        if view is None or view.row.key != row.key:
            self.notify(f"{row.key.name} is being read: its parameters are shown in a moment")
            return
        if view.report is None:
            why = "its windows have a set each" if row.is_refit else "it has no report yet"
            if row.unjudged and not (row.is_refit or row.at_work):
                why = f"it has no report yet, {key_of('hold')} goes on to it"
            self.notify(f"{row.key.name}: {why}, there is nothing to apply", markup=False)
            return
        from tui.screens.apply import ApplyDialog

        folder, config = data_folder(self._data_dir), self._form.text.config
        self.app.push_screen(ApplyDialog(view.report, config, folder), self._applied)

    def action_view(self, view: str) -> None:
        """Another view of the study."""
        if self._pane.view is None:
            self.notify(f"there is no study yet: {key_of('search')} starts the form's search")
            return
        self._show_page("study")
        self._pane.current_view = view
        self._pane.focus_view()

    def action_next_view(self) -> None:
        """The view after this one."""
        place = STUDY_VIEWS.index(self._pane.current_view)
        self.action_view(STUDY_VIEWS[(place + 1) % len(STUDY_VIEWS)])

    def action_enlarge(self) -> None:
        """The study alone, or form and studies beside it, where there is room for both."""
        self.toggle_class("-enlarged")
        self.action_view(self._pane.current_view)

    def action_sort(self) -> None:
        """The trials in another order."""
        if self._pane.view is not None:
            self._pane.query_one(TrialsTable).next_sort()

    def action_studies(self) -> None:
        """To the list of studies."""
        if not self._optimizer.rows:
            self.notify(f"there is no study yet: {key_of('search')} starts the form's search")
            return
        self._show_page("form")
        self._studies.focus()

    def action_form(self) -> None:
        """To the form."""
        self._show_page("form")
        self._form.enter_field("study")

    def action_back(self) -> None:
        """Undo a field; out of a field; from the form to the study, from there back."""
        self._say("")
        if self._form.undo_field():
            return
        if isinstance(self.focused, TextField):
            self._form.leave_field()
        elif self._pane.has_focus_within:
            self._show_page("form")
            self._studies.focus()
        elif self._pane.view is not None:
            self._show_page("study")
            self._pane.focus_view()
        else:
            self._form.leave_field()

    def arrive(self) -> None:
        """No text field has the focus: digits go on to other screens."""
        if self._form.has_focus_within and self._optimizer.rows:
            self._studies.focus()  # where arrows choose a study instead of leading into a field
        else:
            self._form.rest()

    # What others tell

    @on(SearchForm.Edited)
    def _edited(self) -> None:
        if self._outcome.has_class("-error"):
            self._say("")
        self._show_keys()

    @on(SearchForm.Submitted)
    def _submitted(self) -> None:
        self._start(self._form.text)

    @on(OptionList.OptionHighlighted, "#studies")
    def _highlighted(self) -> None:
        if (key := self._studies.chosen) is not None and key != self._chosen:
            self._chosen = key
            if not self._reading:
                self._read()

    @on(OptionList.OptionSelected, "#studies")
    def _selected(self) -> None:
        self.action_run()

    @on(DescendantFocus)
    def _show_keys(self) -> None:
        """The keys of the place that has the focus, and a bright border around it."""
        self.key_line.show(self._key_context())
        focused = self.focused
        for pane in (self._form, self._studies, self._pane):
            active = focused is not None and pane in focused.ancestors_with_self
            pane.set_class(active, "-active")

    # Showing

    def _go_on(self, row: StudyRow) -> None:
        """The rest of a search that was broken off, by the order that its notice has."""
        if row.posted is None:
            words = f"was not started from here: {key_of('search')} in the form goes on"
            self.notify(f"{row.key.name} {words}", markup=False)
            return
        order = row.posted.notice.order
        if not (row.left or row.unjudged):
            words = f"has all its trials: {key_of('search')} in the form adds more"
            self.notify(f"{row.key.name} {words}", markup=False)
            return
        if order.joins:
            self.notify(
                f"{row.key.name} is another machine's: gridtui optimize --join helps it",
                markup=False,
            )
            return
        trials = order.trials if row.is_refit else row.left  # a refit's are those of each window
        text = SearchText.again(order, trials)
        if "***" in text.storage:
            from engine.errors import ParameterError
            from engine.optimize.notice import shown_storage
            from engine.optimize.settings import SearchSettings

            settings = SearchSettings(storage=storage_named(self._form.text.storage))
            try:
                named = shown_storage(settings)
            except ParameterError:
                named = ""
            if named != text.storage:
                self._say("type the storage with its password into the form first", error=True)
                return
            text = SearchText.again(order.model_copy(update={"storage": settings.url}), trials)
        self._form.show(text)
        self._start(text)

    def _wish(self, row: StudyRow, wish: str, told: str) -> None:
        from engine.optimize.notice import tell_wish

        assert row.posted is not None
        try:
            tell_wish(row.posted.folder, wish)  # type: ignore[arg-type]
        except OSError as error:
            self._say(f"cannot write {error.filename}: {error.strerror}", error=True)
        else:
            self._say(told)

    def _open_trial(self, table: TrialsTable) -> None:
        view = self._pane.view
        if view is not None and table.chosen is not None:
            from tui.screens.trial import TrialScreen

            self.app.push_screen(TrialScreen(view, table.chosen))

    def _applied(self, told: str | None) -> None:
        if told is not None:
            self._say(told)

    def _key_context(self) -> str:
        focused = self.focused
        if isinstance(focused, TextField):
            return "optimizer edited" if focused.edited else "optimizer form"
        if focused is self._studies:
            return "studies"
        if self._pane.has_focus_within:
            row = self._optimizer.row(self._chosen)
            kind = _FOOTERS.get(row.state, "done") if row is not None else "done"
            judged = " judged" if kind == "stopped" and row is not None and row.verdict else ""
            where = " trials" if isinstance(focused, TrialsTable) else ""
            return f"study {kind}{judged}{where}"
        return "optimizer choice" if self._pane.view is not None else "optimizer first"


def _kept(row: StudyRow) -> str:
    """`Its 12 finished trials are kept, beside 120 from before`."""
    known = 0
    if row.posted is not None and not row.is_refit:
        told = row.posted.notice  # which knows of no trial until its first candles are loaded
        known = min(told.known, row.trials) if told.done else row.trials
    own = row.trials - known
    kept = f"Its {plural(own, 'finished trial')} {'is' if own == 1 else 'are'} kept"
    return f"{kept}, beside {count(known)} from before" if known else kept


def _market(row: StudyRow | None, chosen: StudyKey | None) -> tuple[str, bool]:
    """What the status line says of the market, and whether that one is made up."""
    if row is None or row.posted is None:
        return chosen.name if chosen is not None else "no study yet", False
    order = row.posted.notice.order
    coins = " ".join(order.coins)
    return (f"{coins} SIMULATED", True) if row.simulated else (f"{coins} {order.source}", False)
