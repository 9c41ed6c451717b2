"""The Config screen: every parameter with meaning, range, default and live value; profiles."""

from __future__ import annotations

import asyncio
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on, work
from textual.binding import BindingType
from textual.content import Content
from textual.widget import Widget

from engine.errors import ParameterError
from engine.params import STRATEGY_PARAMS, StrategyParams, range_of
from engine.wording import plural
from tui.folders import data_folder
from tui.keys import bindings, key_of
from tui.profiles import (
    Profile,
    called,
    config_file,
    planned,
    profile_path,
    profiles,
    read_profile,
    saved,
)
from tui.screens.frame import FramedScreen
from tui.screens.parameters import grouped, read_typed, with_value
from tui.screens.question import Question
from tui.widgets.columns import Cell
from tui.widgets.line_list import LineList
from tui.widgets.prompt import Prompt
from tui.widgets.row_table import Field, RowTable
from tui.widgets.runs import written

if TYPE_CHECKING:
    from engine.optimize.apply import PlannedChanges
    from tui.store import Store

_FIELDS = (
    Field(" ", 1, id, right=False),
    Field("parameter", 26, id, right=False),
    Field("value", 10, id),
    Field("live", 10, id),
    Field("default", 10, id),
    Field("takes", 12, id, right=False),
    Field("group", 12, id, right=False),
)
_GROUPS = {name: heading for heading, names in grouped() for name in names}
_SIGN, _UNSAVED = "*", "!"
"""Before a value: it is unlike the default, or the bot's; before a row: it is not saved."""

_FILTER, _PROFILE, _SAVE = "filter", "profile", "save as"


class ConfigScreen(FramedScreen):
    """A table of parameters, and what is known of the chosen one."""

    CSS_PATH: ClassVar[list[str | PurePath]] = ["../bot.tcss", "../config.tcss"]
    NUMBER = "9"
    BINDINGS: ClassVar[list[BindingType]] = bindings("config")
    KEYS = "config"
    KEY_PLACES = ("app", "config", "list")

    _store: Store

    def __init__(self, data_dir: Path | None) -> None:
        super().__init__("-config")
        self._folder = data_folder(data_dir)
        self._table = RowTable("parameters")
        self._about = LineList("about")
        self._prompt = Prompt()
        self._values: dict[str, Any] = dict(STRATEGY_PARAMS)
        self._kept: Mapping[str, Any] = dict(STRATEGY_PARAMS)
        self._taken: Mapping[str, Any] = {}
        self._profile: Path | None = None
        self._profiles: list[Profile] = []
        self._live: Mapping[str, Any] = {}
        self._word = ""
        self._refusal = ""
        self._told: object = None

    def body(self) -> Iterable[Widget]:
        """The table over the lines, and a line to type in."""
        yield self._table
        yield self._about
        yield self._prompt

    async def furnish(self, store: Store) -> None:
        """Everything as it comes; the profiles that there are."""
        self._store = store
        self._table.furnish(_FIELDS, self._cells, str)
        self._furnished = True
        self._table.focus()
        self._list()
        self._look()

    def arrive(self) -> None:
        """Profiles may have been written elsewhere since."""
        self._look()

    def refresh_from_store(self, now: datetime) -> None:
        """The live values are those of the bot that is watched; the lines follow the cursor."""
        self.show_status(self._store, now, "NONE", "no bot")
        view = self._store.fleet.watched
        live = {} if view is None else dict(view.about.get("params", {}))
        if live != self._live:
            self._live = live
            self._list()
        told = (self._table.chosen, self._about.room, len(self._profiles), self._refusal)
        if told != self._told:
            self._told = told
            self._about.show(self._lines())

    def action_edit(self) -> None:
        """A switch turns over; anything else is typed."""
        name = self._table.chosen
        if name is None:
            return
        value = self._values[name]
        if isinstance(value, bool):
            self._set(name, not value)
        elif name == "grid_mode":
            self._set(name, "geometric" if value == "arithmetic" else "arithmetic")
        else:
            self._prompt.ask(name, range_of(name), written(value))
            self.key_line.show("config line")

    def action_filter(self) -> None:
        """Ask for a word that name or meaning must have."""
        self._ask(_FILTER, "a word of name or meaning", self._word)

    def action_reset(self) -> None:
        """The default of the chosen one."""
        if (name := self._table.chosen) is not None:
            self._set(name, STRATEGY_PARAMS[name])

    def action_reset_all(self) -> None:
        """All defaults."""
        self._replace(STRATEGY_PARAMS, "Take all defaults")

    def action_take_live(self) -> None:
        """The values of the bot that is watched."""
        if not self._live:
            self.notify(f"no bot is shown: {key_of('screen_0')} shows the bots", severity="warning")
            return
        try:
            values = StrategyParams.checked(self._live).model_dump()
        except ParameterError as error:
            self._refusal = str(error)
        else:
            self._replace(values, "Take the bot's values")

    def action_profile(self) -> None:
        """Ask which profile to load."""
        self._profiles = profiles(self._folder)
        names = ", ".join(each.name for each in self._profiles) or "there is none yet"
        self._ask(_PROFILE, f"{names}, or a path")

    def action_save(self) -> None:
        """Ask where to keep the values."""
        self._ask(_SAVE, "a name, or a path", "" if self._profile is None else self._profile_name)

    def action_back(self) -> None:
        """Leave the line, then the filter."""
        if self._prompt.is_open and self._prompt.about != _FILTER:
            self._close_prompt()
        else:
            self._word = ""
            self._close_prompt()
            self._list()

    @on(Prompt.Typed)
    def _typed(self, event: Prompt.Typed) -> None:
        if event.about == _FILTER:
            self._word = event.text.lower()
            self._list()
        if not event.done:
            return
        if event.about == _PROFILE:
            done = not event.text or self._open(event.text)
        elif event.about == _SAVE:
            done = not event.text or self._plan(profile_path(self._folder, event.text))
        else:
            done = event.about == _FILTER or self._set(event.about, read_typed(event.text))
        if done:
            self._close_prompt()

    def _open(self, typed: str) -> bool:
        try:
            path = config_file(self._folder, typed)
            profile = read_profile(path)
        except ParameterError as error:
            self._refusal = str(error)
            return False

        def opened() -> None:
            self._kept, self._profile = profile.values, path

        self._replace(profile.values, f"Open {called(self._folder, path)}", opened)
        return True

    def _replace(
        self, values: Mapping[str, Any], what: str, then: Callable[[], None] | None = None
    ) -> None:
        """Take all of these; ask before what is nowhere else is lost. `what`: this, in words;
        `then`: what is done with it."""

        def take(yes: bool | None) -> None:
            if yes:
                self._values, self._taken = dict(values), values
                if then is not None:
                    then()
                self._list()

        if not self._unsaved or self._values in (values, self._taken):
            take(True)
            return
        lost = plural(self._unsaved, "value")
        text = f"{what}?\n\nThat loses {lost} not saved yet; {key_of('save')} saves."
        self.app.push_screen(Question(text, yes="Take them"), take)

    def _plan(self, path: Path) -> bool:
        try:
            if path == self._profile and path.exists():
                self._take_in(read_profile(path))
            changes = planned(self._values, path)
        except (ParameterError, OSError) as error:
            self._refusal = str(error)
            return False
        if changes.before is not None and not changes.changes:
            self._profile, self._kept = path, dict(self._values)
            self.notify(f"{path} has these parameters already", markup=False)
            self._list()
            return True
        new = "a new file" if changes.before is None else "the file as it was is kept beside it"
        what = [f"{c.name} {written(c.old)} -> {written(c.new)}" for c in changes.changes[:8]]
        more = [f"and {len(changes.changes) - 8} more"] if len(changes.changes) > 8 else []
        text = "\n".join(
            [f"Write {plural(len(changes.changes), 'change')} to {path}?", *what, *more]
        )

        def answered(yes: bool | None) -> None:
            if yes:
                self._write(changes)

        self.app.push_screen(Question(f"{text}\n\n{new.capitalize()}.", yes="Write"), answered)
        return True

    def _write(self, changes: PlannedChanges) -> None:
        try:
            words = saved(changes)
        except (ParameterError, OSError) as error:
            self.notify(f"not written: {error}", severity="error", markup=False)
            return
        self._profile, self._kept = changes.path, dict(self._values)
        self.notify(words, markup=False)
        self._list()
        self._look()

    def _set(self, name: str, value: Any) -> bool:
        """Take a value if it is one; say what is wrong if it is not."""
        try:
            self._values = with_value(self._values, name, value)
        except ParameterError as error:
            self._refusal = str(error)
            return False
        self._list()
        return True

    def _ask(self, about: str, hint: str, text: str = "") -> None:
        self._prompt.ask(about, hint, text)
        self.key_line.show("config line")

    def _close_prompt(self) -> None:
        self._refusal = ""
        self._prompt.close()
        self._table.focus()
        self.key_line.show("config")

    @work(exclusive=True, group="profiles", exit_on_error=False)
    async def _look(self) -> None:
        path = self._profile
        self._profiles = await asyncio.to_thread(profiles, self._folder)
        self._told = None
        if path is None:
            return
        try:
            read = await asyncio.to_thread(read_profile, path)
        except ParameterError as error:
            self.notify(str(error), severity="warning")
            return
        if path == self._profile:
            self._take_in(read)

    def _take_in(self, profile: Profile) -> None:
        """What the open profile's file holds now, below the edits, which stay."""
        if profile.values == self._kept:
            return
        edits = {name: value for name, value in self._values.items() if value != self._kept[name]}
        if edits and self._values == self._taken:  # all of a bot's, say, also those that are equal
            edits = dict(self._values)
        self._values, self._kept = {**profile.values, **edits}, profile.values
        words = f"{self._profile_name} was changed elsewhere: its values are as they are there now"
        if edits:
            words += f", but for {plural(len(edits), 'edit')} of yours, not saved yet"
        self.notify(words)
        self._list()

    def _list(self) -> None:
        """Those that the filter lets through."""
        rows = [name for name in _GROUPS if self._word in name or self._word in _meaning(name)]
        nothing = "no parameter's name or meaning has this word"
        nothing += f": {key_of('leave_config')} shows all"
        self._table.show(rows, ("", False), nothing)
        self._told, self._refusal = None, ""
        changed = sum(self._values[name] != value for name, value in STRATEGY_PARAMS.items())
        unsaved = self._unsaved
        words = [f"config {self._profile_name}", f"{_SIGN} {changed} unlike the default"]
        words += [f"{_UNSAVED} {unsaved} not saved"] if unsaved else []
        words += [f"{_SIGN} {self._apart} unlike the bot"] if self._live else []
        words += [f"/{self._word}"] if self._word else []
        self._table.border_title = Content("  ".join(words))

    @property
    def _profile_name(self) -> str:
        """The profile's, by which it is loaded."""
        path = self._profile
        if path is None:
            return "defaults"
        return called(self._folder, path)

    @property
    def _unsaved(self) -> int:
        return sum(self._values[name] != value for name, value in self._kept.items())

    @property
    def _apart(self) -> int:
        return sum(self._values.get(name) != value for name, value in self._live.items())

    def _cells(self, name: str) -> Sequence[Cell]:
        value, default = self._values[name], STRATEGY_PARAMS[name]
        live = self._live.get(name)
        mark = _UNSAVED if value != self._kept[name] else ""
        same = not self._live or value == live
        return (
            (mark, "bold $warning"),
            (name, "$foreground"),
            (_signed(value, value != default), "bold $warning" if value != default else "bold"),
            (_signed(live, not same) if self._live else "-", "$quiet" if same else "bold $primary"),
            (written(default), "$quiet"),
            (range_of(name), "$quiet"),
            (_GROUPS[name], "$quiet"),
        )

    def _lines(self) -> list[Content]:
        """The chosen one's meaning, and what each profile has for it."""
        name = self._table.chosen
        width = max(20, self._about.room[0])
        wrong = textwrap.wrap(f"! {self._refusal}", width) if self._refusal else []
        refusal = [Content.styled(line, "bold $error") for line in wrong]
        if name is None:
            return refusal
        texts = [f"{name}: {StrategyParams.model_fields[name].description}; takes {range_of(name)}"]
        usable = [each for each in self._profiles if not each.trouble]
        if usable:
            parts = [f"{each.name}: {written(each.values[name])}" for each in usable]
            texts.append(f"in profile {', '.join(parts)}")
        texts += [f"! {each.trouble}" for each in self._profiles if each.trouble]
        return [*refusal, *(Content(line) for t in texts for line in textwrap.wrap(t, width))]


def _signed(value: Any, unlike: bool) -> str:
    return f"{_SIGN} {written(value)}" if unlike else written(value)


def _meaning(name: str) -> str:
    return (StrategyParams.model_fields[name].description or "").lower()
