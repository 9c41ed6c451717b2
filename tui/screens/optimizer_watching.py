"""The part of the Optimizer screen that starts searches and watches them, in threads."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from textual import on, work
from textual.worker import Worker, WorkerState

from tui.folders import data_folder
from tui.keys import key_of
from tui.optimizer_order import (
    Launched,
    SearchRequest,
    SearchText,
    named_as_in_the_form,
    storage_named,
)
from tui.optimizer_store import OptimizerStore, Snapshot, StudyKey, StudyRow
from tui.request import FieldError
from tui.screens.frame import FramedScreen
from tui.widgets.message_line import MessageLine
from tui.widgets.search_form import SearchForm
from tui.widgets.studies import StudyList
from tui.widgets.study_pane import StudyPane

if TYPE_CHECKING:
    from tui.optimizer_watch import Watch
    from tui.store import Store

_READ_S, _READ_ASIDE_S = 1.0, 3.0


class WatchingScreen(FramedScreen):
    """Reads all studies once a second, less often while another screen is shown."""

    _store: Store
    _optimizer: OptimizerStore

    def __init__(self, data_dir: Path | None) -> None:
        super().__init__("-optimizer -page-form -no-study")
        self._data_dir = data_dir
        self._form, self._studies, self._pane = SearchForm(), StudyList(), StudyPane()
        self._outcome = MessageLine(id="outcome")
        self._watch: Watch | None = None
        self._launched: list[Launched] = []
        self._chosen: StudyKey | None = None
        self._reading = self._launching = self._follow = False
        self._read_at = 0.0
        self._storage = ""

    async def furnish(self, store: Store) -> None:
        """The form's defaults; the studies are read in a thread."""
        self._store, self._optimizer = store, store.optimizer
        self._outcome.display = False
        self._prepare()

    @work(thread=True, group="prepare", exit_on_error=False)
    def _prepare(self) -> None:
        for module in ("engine.optimize.settings", "engine.optimize.notice"):
            import_module(module)  # pydantic: 0.2 s
        self.app.call_from_thread(self._prepared, SearchText.defaults())

    def _prepared(self, text: SearchText) -> None:
        self._form.show(text)
        self._form.focus()
        self._furnished = True
        self._read()
        self.set_interval(_READ_S / 2, self._read_if_due)

    def _start(self, text: SearchText) -> None:
        if self._launching:
            self.notify("a search is being started")
            return
        self._launching = True
        self._say("checking ...")
        self._launch(text)

    @work(thread=True, group="launch", exit_on_error=False)
    def _launch(self, text: SearchText) -> None:
        """Checking reads the study's database, which takes up to a second."""
        try:
            launched: Launched | Exception = Launched(SearchRequest.checked(text, self._data_dir))
        except (FieldError, OSError) as error:
            launched = error
        self.app.call_from_thread(self._started, launched)

    def _started(self, launched: Launched | Exception) -> None:
        self._launching = False
        if isinstance(launched, Launched):
            self._launched.append(launched)
            settings = launched.request.settings
            self._say(f"starting {settings.study_name}; its log: {launched.log}")
            from engine.optimize.notice import shown_storage

            self._chosen = StudyKey(settings.study_name, shown_storage(settings))
            self._follow = True
            self.set_focus(None)  # out of the text fields, so that letters are keys
        elif isinstance(launched, FieldError):
            self._show_page("form")
            self._say(self._form.told(launched), error=True)
            self._form.focus_field(launched.field)
        else:
            self._say(f"cannot start the search: {launched}", error=True)

    def _read_if_due(self) -> None:
        pause = _READ_S if self.is_shown else _READ_ASIDE_S
        if not self._reading and monotonic() - self._read_at >= pause:
            self._read()

    def _read(self) -> None:
        """Read everything again; a database that is being typed counts once it is complete."""
        self._reading = True
        if self.focused is None or self.focused.id != "storage":
            self._storage = self._form.text.storage
        self._look(self._storage, self._chosen)

    @work(thread=True, group="reading", exit_on_error=False)
    def _look(self, storage: str, chosen: StudyKey | None) -> None:
        from engine.errors import ParameterError
        from engine.optimize.notice import shown_storage
        from engine.optimize.settings import SearchSettings
        from tui.optimizer_watch import Watch  # numpy and SQLAlchemy: up to a second

        if self._watch is None:
            self._watch = Watch(data_folder(self._data_dir))
        settings = SearchSettings(storage=storage_named(storage))
        try:
            url = settings.url
        except ParameterError:  # is said when a search is started
            settings = SearchSettings()
            url = settings.url
        found = self._watch.read(url, shown_storage(settings), chosen)
        self.app.call_from_thread(self._looked, found, chosen)

    def _looked(self, found: Snapshot, asked: StudyKey | None) -> None:
        self._reading, self._read_at = False, monotonic()
        first = self._optimizer.rows is None
        ended = self._optimizer.take(found)
        self.set_class(not found.rows, "-no-study")
        if self._chosen is None and found.rows:
            self._chosen = found.rows[0].key
        self._studies.show(found.rows, self._chosen)
        if first and found.rows and self._form.has_focus:
            self._studies.focus()  # arrows choose a study, instead of leading into a field
        if found.chosen is not None and found.chosen.row.key == self._chosen:
            self._pane.show(found.chosen)
            if self._follow:
                self._follow = False
                self._show_page("study")
                self._pane.focus_view()
        elif asked != self._chosen:
            self._read()  # another one was chosen meanwhile
        if found.complaint:
            self._say(found.complaint, error=True)
        for row in ended:
            told = f"{row.key.name}: {row.verdict or row.words}"
            self._say(told, error=row.state == "failed")
            if not self.is_shown:
                self.notify(f"{told}: {self.key} shows more", markup=False)
        self._mourn()

    def _mourn(self) -> None:
        """A search that ended before it could leave a notice is known by its last words."""
        for one in self._launched:
            row = self._optimizer.row(self._key_of(one))
            told = row is not None and row.posted is not None and row.posted.notice.pid == one.pid
            if one.code not in (None, 0) and not told:
                self._say(f"the search has failed: {one.last_words()}", error=True)
        self._launched = [one for one in self._launched if one.code is None]

    @on(Worker.StateChanged)
    def _goes_on(self, event: Worker.StateChanged) -> None:
        """After a defect in a thread the studies are read again, and searches can be started."""
        if event.state is WorkerState.ERROR:
            self._reading = self._launching = False
            self._read_at = monotonic()

    def _row(self) -> StudyRow | None:
        row = self._optimizer.row(self._chosen)
        if row is None and self._chosen is not None:
            self.notify(f"{self._chosen.name} is being started", markup=False)
        elif row is None:
            self.notify(f"there is no study yet: {key_of('search')} starts the form's search")
        return row

    def _key_of(self, launched: Launched) -> StudyKey:
        from engine.optimize.notice import shown_storage

        settings = launched.request.settings
        return StudyKey(settings.study_name, shown_storage(settings))

    def _show_page(self, page: str) -> None:
        self.set_class(page == "form", "-page-form")
        self.set_class(page == "study", "-page-study")

    def _say(self, message: str, *, error: bool = False) -> None:
        message = named_as_in_the_form(message) if error else message
        self._outcome.display = bool(message)
        self._outcome.say(message, error=error)
