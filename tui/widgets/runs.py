"""The runs of this session, newest first; the highlighted one is the one that is shown."""

from collections.abc import Mapping
from typing import Any, ClassVar

from textual.binding import BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets.option_list import Option

from tui.figures import day, percent, share, tone
from tui.keys import bindings
from tui.store import Run
from tui.widgets.choices import Choices

_MOST_CHANGES = 4


class RunList(Choices):
    """A few lines a run. Two can be marked, to be compared."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("runs")

    class ReuseWanted(Message):
        """A run's settings shall go into the form."""

        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number

    def __init__(self) -> None:
        super().__init__(id="runs")
        self.border_title = "runs"
        self.marked: list[int] = []
        self._runs: list[Run] = []

    @property
    def chosen(self) -> int | None:
        """The number of the highlighted run."""
        option = self.highlighted_option
        return None if option is None or option.id is None else int(option.id)

    def show(self, runs: list[Run], chosen: int) -> None:
        """All runs, with one of them highlighted."""
        self._runs = list(reversed(runs))
        kept = {run.number for run in runs}
        self.marked = [number for number in self.marked if number in kept]
        self.clear_options()
        self.add_options([Option(self._line(run), str(run.number)) for run in self._runs])
        self.highlighted = self.get_option_index(str(chosen))
        self.border_title = f"runs {len(runs)}"

    def action_mark(self) -> None:
        """Mark or unmark the highlighted run; a third mark takes the place of the oldest."""
        number = self.chosen
        if number is None:
            return
        if number in self.marked:
            self.marked.remove(number)
        else:
            self.marked = [*self.marked, number][-2:]
        for run in self._runs:
            self.replace_option_prompt(str(run.number), self._line(run))

    def action_reuse(self) -> None:
        """Put the highlighted run's settings into the form."""
        if self.chosen is not None:
            self.post_message(self.ReuseWanted(self.chosen))

    def _line(self, run: Run) -> Content:
        numbers = run.metrics(run.main_key)
        won = numbers["total_return_pct"]
        mark = ("*", "bold $warning") if run.number in self.marked else " "
        made_up = [("SIM ", "bold $simulated")] if run.simulated else []
        first, last = run.span_ms
        return Content.assemble(
            mark,
            (f"{run.number} ", "bold"),
            *made_up,
            " ".join(run.request.coins),
            "\n  ",
            (percent(won), f"bold {tone(won)}"),
            (f"  dd {share(numbers['max_drawdown_pct'])}", "$quiet"),
            "\n  ",
            (f"{day(first)} .. {day(last)}{changes_line(run.request.changed)}", "$quiet"),
        )


def changes_line(changed: Mapping[str, Any]) -> str:
    """A line such as `gamma 0.3, grid_levels 5`; none where nothing differs from the defaults. Of
    a profile's many the first: the runs below it are to be seen, too."""
    parts = [f"{name} {written(value)}" for name, value in changed.items()]
    if len(parts) > _MOST_CHANGES:
        parts[_MOST_CHANGES:] = [f"and {len(parts) - _MOST_CHANGES} more"]
    return "\n  " + ", ".join(parts) if parts else ""


def written(value: Any) -> str:
    """A parameter's value as it is typed."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)
