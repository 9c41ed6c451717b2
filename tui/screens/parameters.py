"""Every parameter of the strategy: value, default, range and meaning; each can be changed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from engine.errors import ParameterError
from engine.params import STRATEGY_PARAMS, StrategyParams, load_config_file, range_of
from engine.wording import plural
from tui.folders import data_folder
from tui.keys import bindings
from tui.profiles import config_file, profiles
from tui.request import FORM_PARAMETERS
from tui.widgets.choices import Choices
from tui.widgets.footer import KeyLine
from tui.widgets.runs import written

GROUPS = (
    ("Signal", "kama_period"),
    ("Grid", "grid_mode"),
    ("Inventory", "gamma"),
    ("Trailing up", "trailing_enabled"),
    ("Circuit breaker", "circuit_breaker_enabled"),
    ("Pruning", "max_position_age_hours"),
    ("Risk", "max_drawdown_pct"),
    ("Funding", "funding_threshold"),
    ("Execution", "initial_capital"),
)
"""Headings, and the first parameter under each, in the order of `StrategyParams`."""

_NAME, _VALUE, _DEFAULT = 26, 11, 11
_PROFILE = "profile"


class ParametersScreen(ModalScreen[dict[str, Any]]):
    """Dismissed with the parameters that differ from their defaults."""

    CSS_PATH = "../dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings("parameters")

    def __init__(self, changed: dict[str, Any], data_dir: Path | None = None) -> None:
        """`data_dir`: the folder whose profiles can be loaded."""
        super().__init__()
        self._folder = data_folder(data_dir)
        try:
            values = StrategyParams.checked(changed).model_dump()
        except ParameterError:  # the form's own fields may hold anything; they say so themselves
            values = dict(STRATEGY_PARAMS)
        self._values = values
        self._word = ""

    def compose(self) -> ComposeResult:
        """The list, the meaning of the highlighted parameter, and a line to type in."""
        with Vertical(id="parameters-page", classes="dialog"):
            heading = f"  {'':<{_NAME}}{'value':>{_VALUE}}{'default':>{_DEFAULT}}   takes"
            yield Static(heading, classes="heading")
            yield Choices(id="list")
            yield Static(id="meaning")
            yield Input(id="typed", compact=True)
        yield KeyLine("parameters")

    def on_mount(self) -> None:
        """All of them, the first one highlighted."""
        self._list()

    @property
    def changed(self) -> dict[str, Any]:
        """What differs from the defaults."""
        return {k: v for k, v in self._values.items() if v != STRATEGY_PARAMS[k]}

    def action_edit(self) -> None:
        """A switch turns over; anything else is typed."""
        name = self._chosen()
        if name is None:
            return
        if isinstance(self._values[name], bool):
            self._set(name, not self._values[name])
        elif name == "grid_mode":
            other = "geometric" if self._values[name] == "arithmetic" else "arithmetic"
            self._set(name, other)
        else:
            self._ask(f"{name} = ", written(self._values[name]))

    def action_find(self) -> None:
        """Type a word that name or meaning must contain."""
        self._ask("/", self._word)

    def action_profile(self) -> None:
        """Type which profile to load."""
        self._ask(_PROFILE, "")
        names = ", ".join(each.name for each in profiles(self._folder)) or "there is none yet"
        self._say(f"profiles: {names}; a path is taken, too")

    def action_reset(self) -> None:
        """The default of the highlighted parameter."""
        if (name := self._chosen()) is not None:
            self._set(name, STRATEGY_PARAMS[name])

    def action_reset_all(self) -> None:
        """All defaults."""
        self._values = dict(STRATEGY_PARAMS)
        self._list()

    def action_done(self) -> None:
        """Leave the line, the filter, the page, whichever is open."""
        line = self.query_one("#typed", Input)
        if line.has_class("-open"):
            self._close_line()
        elif self._word:
            self._word = ""
            self._list()
        else:
            self.dismiss(self.changed)

    @on(OptionList.OptionSelected)
    def _selected(self) -> None:
        self.action_edit()

    @on(OptionList.OptionHighlighted)
    def _explain(self) -> None:
        name = self._chosen()
        text = "" if name is None else StrategyParams.model_fields[name].description
        self._say(text or "")

    @on(Input.Changed, "#typed")
    def _find_while_typing(self, event: Input.Changed) -> None:
        if self.query_one("#typed", Input).border_title == "filter":
            self._word = event.value.strip().lower()
            self._list()

    @on(Input.Submitted, "#typed")
    def _typed(self, event: Input.Submitted) -> None:
        if event.input.border_title == _PROFILE:
            if not event.value.strip() or self._load(event.value):
                self._close_line()
            return
        name = self._chosen()
        filtering = event.input.border_title == "filter"
        if filtering or (name is not None and self._set(name, read_typed(event.value))):
            self._close_line()

    def _set(self, name: str, value: Any) -> bool:
        """Take a value if it is one; say what is wrong if it is not."""
        try:
            self._values = with_value(self._values, name, value)
        except ParameterError as error:
            self._say(str(error), error=True)
            return False
        self._list()
        return True

    def _load(self, typed: str) -> bool:
        """All of a profile's values; what the form asks for itself only if the profile names it."""
        try:
            path = config_file(self._folder, typed)
            named, _ = load_config_file(path)
            own = {name: self._values[name] for name in FORM_PARAMETERS}
            self._values = StrategyParams.checked({**own, **named}).model_dump()
        except ParameterError as error:
            self._say(str(error), error=True)
            return False
        self._list()
        return True

    def _ask(self, what: str, value: str) -> None:
        line = self.query_one("#typed", Input)
        line.border_title = "filter" if what == "/" else what
        line.value = value
        line.add_class("-open")
        line.focus()
        self.query_one(KeyLine).show("typing")

    def _close_line(self) -> None:
        self.query_one("#typed", Input).remove_class("-open")
        self.query_one("#list", OptionList).focus()
        self.query_one(KeyLine).show("parameters")
        self._explain()

    def _say(self, text: str, *, error: bool = False) -> None:
        line = self.query_one("#meaning", Static)
        line.set_class(error, "-error")
        line.update(Content(f"! {text}" if error else text))

    def _chosen(self) -> str | None:
        option = self.query_one("#list", OptionList).highlighted_option
        return None if option is None else option.id

    def _list(self) -> None:
        """Everything that the filter lets through, the highlighted line kept."""
        shown = self.query_one("#list", OptionList)
        chosen, scroll = self._chosen(), shown.scroll_y
        shown.clear_options()
        for heading, names in grouped():
            found = [name for name in names if self._found(name)]
            if found:
                title = Option(Content.styled(heading, "bold $primary"), disabled=True)
                shown.add_options([title, *(Option(self._line(n), n) for n in found)])
        names = [option.id for option in shown.options if option.id]
        if names:
            keep = chosen if chosen in names else names[0]
            shown.highlighted = shown.get_option_index(str(keep))
            shown.scroll_to(0, scroll, animate=False)
        box = self.query_one("#parameters-page")
        hits = f"  /{self._word}" if self._word else ""
        changed = plural(len(self.changed), "change") if self.changed else "all defaults"
        box.border_title = Content(f"parameters, {changed}{hits}")

    def _found(self, name: str) -> bool:
        meaning = StrategyParams.model_fields[name].description or ""
        return self._word in name or self._word in meaning.lower()

    def _line(self, name: str) -> Content:
        value, default = self._values[name], STRATEGY_PARAMS[name]
        differs = value != default
        return Content.assemble(
            ("* " if differs else "  ", "bold $warning"),
            f"{name:<{_NAME}}",
            (f"{written(value):>{_VALUE}}", "bold $warning" if differs else "bold"),
            (f"{written(default):>{_DEFAULT}}   {range_of(name)}", "$quiet"),
        )


def grouped() -> list[tuple[str, list[str]]]:
    """(heading, names) of all parameters, none left out."""
    names = list(StrategyParams.model_fields)
    starts = [names.index(first) for _, first in GROUPS] + [len(names)]
    return [
        (heading, names[start:end])
        for (heading, _), start, end in zip(GROUPS, starts[:-1], starts[1:], strict=True)
    ]


def read_typed(typed: str) -> str | None:
    """What was typed, `none` being the absence of a value."""
    text = typed.strip()
    return None if text.lower() == "none" else text


def with_value(values: Mapping[str, Any], name: str, value: Any) -> dict[str, Any]:
    """All values with another one of `name`, as it is or as it was typed.

    Raises ParameterError: what was typed is no number, or out of range.
    """
    if isinstance(value, str) and not isinstance(STRATEGY_PARAMS[name], str):
        try:
            float(value)
        except ValueError:
            words = f"{name} = {value!r} is no number: it takes {range_of(name)}"
            raise ParameterError(words) from None
    return StrategyParams.checked({**values, name: value}).model_dump()
