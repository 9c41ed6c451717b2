"""Optimized parameters into a file of settings: the difference first, then a question."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from engine.errors import ParameterError
from engine.wording import plural
from tui.keys import bindings
from tui.screens.question import Question
from tui.widgets.fields import TextField
from tui.widgets.footer import KeyLine
from tui.widgets.runs import written
from tui.widgets.study_texts import WORD_TONES

if TYPE_CHECKING:
    from engine.optimize.apply import Change, PlannedChanges
    from engine.optimize.reports import Report

DEFAULT_CONFIG = "gridtui.toml"
"""The file of `gridtui apply`, made where it is missing; any other one must be there."""

_NAME = 25


class ApplyDialog(ModalScreen[str]):
    """Dismissed with what was written, or with None."""

    CSS_PATH = "../dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings("fields"),
        ("pageup", "page(-1)", "page"),
        ("pagedown", "page(1)", "page"),
    ]

    def __init__(self, report: Report, config: str) -> None:
        """`config`: the file that the form names; empty: the default one."""
        super().__init__()
        self._report, self._config = report, config.strip() or DEFAULT_CONFIG
        self._planned: PlannedChanges | None = None

    def compose(self) -> ComposeResult:
        """The file, and below it what would change there."""
        with Vertical(classes="dialog", id="apply") as box:
            box.border_title = f"apply the robust parameters of {self._report.study}"
            yield Static(_verdict(self._report), classes="about")
            with Horizontal(classes="fields"):
                yield Static("into", classes="labels")
                yield TextField("config", placeholder=DEFAULT_CONFIG)
            yield VerticalScroll(Static(), id="difference", can_focus=False)
            yield Static(classes="message")
        yield KeyLine("apply")

    def on_mount(self) -> None:
        """The form's file."""
        self.query_one("#config", TextField).value = self._config
        self.query_one("#config", TextField).focus()

    @on(Input.Changed, "#config")
    def _plan(self) -> None:
        """What would change in the file that is named now."""
        from engine.optimize.apply import FoundParameters, plan_changes  # tomlkit: 50 ms

        report = self._report
        name = self.query_one("#config", TextField).value.strip() or DEFAULT_CONFIG
        found = FoundParameters(report.path, "robust_params", report.params, report.sentence)
        lines = self.query_one("#difference Static", Static)
        try:
            path = Path(name).expanduser()
            self._planned = plan_changes(found, path, may_make=name == DEFAULT_CONFIG)
        except (ParameterError, OSError) as error:
            self._planned = None
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

        warning = (
            "" if self._report.word == "ROBUST" else f"\n\nThe verdict is {self._report.word}."
        )
        question = f"Write {plural(len(planned.changes), 'change')} to {planned.path}?{warning}"
        self.app.push_screen(Question(question, yes="Write"), answered)

    def action_page(self, step: int) -> None:
        """The difference up or down."""
        box = self.query_one("#difference", VerticalScroll)
        box.scroll_page_down() if step > 0 else box.scroll_page_up()

    def action_close(self) -> None:
        """Leave without writing."""
        self.dismiss(None)

    def _write(self, planned: PlannedChanges) -> None:
        from engine.optimize.apply import apply_changes

        try:
            backup = apply_changes(planned)
        except (ParameterError, OSError) as error:
            self._plan()
            self._say(f"! {error}", error=True)
            return
        kept = f"; the file as it was: {backup}" if backup else ""
        self.dismiss(f"wrote {plural(len(planned.changes), 'change')} to {planned.path}{kept}")

    def _say(self, text: str, *, error: bool = False) -> None:
        line = self.query_one(".message", Static)
        line.set_class(error, "-error")
        line.update(Content(text))


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
