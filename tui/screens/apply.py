"""Optimized parameters into a file of settings: the difference first, then a question."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.events import DescendantFocus
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from engine.errors import ParameterError
from engine.wording import plural
from tui.keys import bindings
from tui.profiles import called, config_file, is_profile_name, profile_for, profile_path, saved
from tui.screens.question import Question
from tui.widgets.fields import Choice, TextField, step_focus
from tui.widgets.footer import KeyLine
from tui.widgets.runs import written
from tui.widgets.study_texts import WORD_TONES

if TYPE_CHECKING:
    from engine.optimize.apply import Change, FoundParameters, PlannedChanges
    from engine.optimize.reports import Report

_NAME = 25
_OWN = "file"
_WIDTH = 70
_LONGEST = 2 * _WIDTH
"""Cells across of the dialog's text, and characters of a sentence of a file of one's own."""
_AROUND = 12
"""Rows of the screen for footer, frame, gaps and message."""


class ApplyDialog(ModalScreen[str]):
    """Dismissed with what was written, or with None."""

    CSS_PATH = "../dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings("fields"),
        *bindings("form"),
        ("pageup", "page(-1)", "page"),
        ("pagedown", "page(1)", "page"),
    ]

    def __init__(self, report: Report, config: str, folder: Path) -> None:
        """`config`: what the form names; empty: a profile of the study's name in `folder`."""
        super().__init__()
        self._report, self._folder = report, folder
        self._config = config.strip() or profile_for(report.study)
        self._planned: PlannedChanges | None = None

    def compose(self) -> ComposeResult:
        """Which parameters and into which file; below it what would change there."""
        with Vertical(classes="dialog", id="apply") as box:
            box.border_title = Content(f"apply parameters of {self._report.study}")
            yield Static(classes="about")
            with Horizontal(classes="fields"):
                yield Static(classes="labels")
                with Vertical():
                    yield Choice("set", _sets(self._report))
                    yield TextField("file", placeholder="JSON file with parameters")
                    yield TextField("key", placeholder="where in that file they are")
                    yield TextField("config", placeholder="a profile, or a file that is there")
            yield VerticalScroll(Static(), id="difference", can_focus=False)
            yield Static(classes="message")
        yield KeyLine("apply")

    def on_mount(self) -> None:
        """The form's file."""
        self._show_file(False)
        self.query_one("#key", TextField).value = "best_params"
        self.query_one("#config", TextField).value = self._config
        self.query_one("#config", TextField).focus()

    def on_resize(self) -> None:
        """The difference has the room that is left."""
        self._plan()

    @on(DescendantFocus)
    def _show_keys(self) -> None:
        """What is typed into takes a space as a letter."""
        typed = isinstance(self.focused, TextField)
        self.query_one(KeyLine).show("apply typed" if typed else "apply")

    @on(Choice.Changed)
    def _chosen(self, event: Choice.Changed) -> None:
        self._show_file(event.choice.value == _OWN)
        self._plan()

    @on(Input.Changed)
    def _plan(self) -> None:
        """What would change in the file that is named now."""
        from engine.optimize.apply import plan_changes  # tomlkit: 50 ms

        name = self._text("config")
        lines = self.query_one("#difference Static", Static)
        about = self.query_one(".about", Static)
        self._planned = None
        try:
            found = self._found()
            told = self._judgement(found)
            about.update(Content("\n").join(told))
            self._fit(told)
            if not name:
                raise ParameterError("give a name: a profile's, or that of a file that is there")
            new = is_profile_name(name)
            path = profile_path(self._folder, name) if new else config_file(self._folder, name)
            self._planned = plan_changes(found, path, may_make=new)
        except (ParameterError, OSError) as error:
            lines.update("")
            self._say(f"! {error}", error=True)
            return
        lines.update(_difference(self._planned))
        self._say(_summary(self._planned))

    @on(Input.Submitted)
    def action_take(self) -> None:
        """Ask, then write."""
        planned = self._planned
        if planned is None or not planned.changes:
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self._write(planned)

        question = f"Write {plural(len(planned.changes), 'change')} to {planned.path}?"
        self.app.push_screen(Question(question + self._doubt(), yes="Write"), answered)

    def action_move(self, step: int) -> None:
        """The next field, or the one before."""
        step_focus(self.query_one(".fields"), step)

    def action_page(self, step: int) -> None:
        """The difference up or down."""
        box = self.query_one("#difference", VerticalScroll)
        box.scroll_page_down() if step > 0 else box.scroll_page_up()

    def action_close(self) -> None:
        """Leave without writing."""
        self.dismiss(None)

    @property
    def _set(self) -> str:
        return self.query_one("#set", Choice).value

    @property
    def _is_judged(self) -> bool:
        """Whether the study's verdict is about the chosen parameters."""
        from engine.optimize.apply import JUDGED

        return self._set in JUDGED

    def _found(self) -> FoundParameters:
        """The chosen parameters as `gridtui apply` finds them. Raises ParameterError."""
        from engine.optimize.apply import BEST_FILE, DEFAULT_KEY, best_file_of, read_parameters

        if self._set == _OWN:
            if not self._text("file"):
                raise ParameterError("name the file with the parameters")
            return read_parameters(Path(self._text("file")).expanduser(), self._text("key"))
        if self._set != DEFAULT_KEY:
            return read_parameters(self._report.path, self._set)
        path = best_file_of(self._report.path)
        if path is None:
            raise ParameterError(f"{self._report.study} has no {BEST_FILE} any more")
        return read_parameters(path, DEFAULT_KEY)

    def _judgement(self, found: FoundParameters) -> list[Content]:
        """What is known against the chosen parameters, or for them."""
        if self._set == _OWN:
            told = (found.verdict, *found.warnings)
            # the last warning of the command names its own flags
            kept = [line for line in told if line and not line.startswith("recommended: ")]
            kept = kept or ["The file says nothing about them."]
            return [Content(one[: _LONGEST - 1] + "…" * (len(one) >= _LONGEST)) for one in kept]
        lines = [_verdict(self._report)]
        if not self._is_judged:
            lines.append(Content("! That verdict is about the robust median, not about these."))
        elif self._report.median_outside:
            lines.append(Content("! The median lies outside of its cluster, the medoid inside."))
        return lines

    def _fit(self, about: list[Content]) -> None:
        """The difference has what room the screen leaves, so that the message is always seen."""
        above = sum(1 + len(line.plain) // _WIDTH for line in about)
        fields = 4 if self._set == _OWN else 2
        room = self.size.height - _AROUND - above - fields
        self.query_one("#difference").styles.max_height = max(3, room)

    def _doubt(self) -> str:
        """What the question adds; "" where nothing speaks against it."""
        word = self._report.word
        if self._set == _OWN or (self._is_judged and word == "ROBUST"):
            return ""
        if self._is_judged:
            return f"\n\nThe verdict is {word}."
        return f"\n\nThe verdict, {word}, is about the robust median, not about these."

    def _show_file(self, there: bool) -> None:
        """The rows of a file are there only while one is chosen."""
        for name in ("file", "key"):
            self.query_one(f"#{name}").display = there
        labels = ["take", "file", "key", "into"] if there else ["take", "into"]
        self.query_one(".labels", Static).update("\n".join(labels))

    def _write(self, planned: PlannedChanges) -> None:
        try:
            told = saved(planned)
        except (ParameterError, OSError) as error:
            self._plan()
            self._say(f"! {error}", error=True)
            return
        name = called(self._folder, planned.path)
        self.dismiss(f"{told}; to use it: 9 then o, 6 then p o, or n with config {name}")

    def _say(self, text: str, *, error: bool = False) -> None:
        line = self.query_one(".message", Static)
        line.set_class(error, "-error")
        line.update(Content(text))

    def _text(self, name: str) -> str:
        return self.query_one(f"#{name}", TextField).value.strip()


def _sets(report: Report) -> dict[str, str]:
    """The sets of a study by their keys, the recommended one first."""
    return {
        "robust_params": "robust: the median of the best tenth",
        "medoid_params": f"medoid: trial {report.medoid_trial}, the middle one of the best tenth",
        "params": "robust, and all that was not searched",
        "best_params": "best trial alone, which may be overfit",
        _OWN: "of a file",
    }


def _verdict(report: Report) -> Content:
    style = f"bold {WORD_TONES.get(report.word, '$warning')}"
    if report.word == "ROBUST":
        told = ": every check of its report has passed"
    elif report.word == "UNPROVEN":
        told = ": not every question was asked"
    else:
        told = ": its report speaks against trading these"
    market = " SIMULATED market." if report.simulated else ""
    return Content.assemble((report.word, style), f"{told}.", (market, "bold $simulated"))


def _difference(planned: PlannedChanges) -> Content:
    return Content("\n").join([_line(change) for change in planned.changes])


def _line(change: Change) -> Content:
    old = written(change.old) + ("" if change.in_file else " (default)")
    sign, style = "~", "$warning"
    more = ""
    if _is_number(change.old) and _is_number(change.new):
        before, after = float(change.old or 0), float(change.new or 0)
        sign, style = ("+", "$pnl-positive") if after > before else ("-", "$pnl-negative")
        more = f"  {100.0 * (after - before) / abs(before):+.1f}%" if before else ""
    return Content.assemble(
        (f"{sign} ", style),
        f"{change.name:<{_NAME}}",
        (f"{old:>18}", "$quiet"),
        " -> ",
        (f"{written(change.new):<11}", f"bold {style}"),
        (more, "$quiet"),
    )


def _summary(planned: PlannedChanges) -> str:
    if not planned.changes:
        return f"nothing to change: {planned.path} has these parameters already"
    same = f", {planned.unchanged} unchanged" if planned.unchanged else ""
    where = "a new file" if planned.before is None else "the file as it was is kept beside it"
    return f"{plural(len(planned.changes), 'change')}{same}; {where}"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
