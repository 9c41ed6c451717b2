"""Two runs side by side: their numbers with the difference, their settings, both curves."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from engine.params import STRATEGY_PARAMS
from engine.wording import NOT_DEFINED, amount, count, ratio
from tui.figures import day, percent, share, tone
from tui.keys import bindings, key_of
from tui.store import Run, coin_name
from tui.widgets.chart import Chart, Curve, DateAxis
from tui.widgets.footer import KeyLine
from tui.widgets.runs import written

_LABEL, _NUMBER = 14, 12

_ROWS = (
    ("return", "total_return_pct", percent),
    ("max drawdown", "max_drawdown_pct", share),
    ("sharpe", "sharpe_ratio", ratio),
    ("sortino", "sortino_ratio", ratio),
    ("calmar", "calmar_ratio", ratio),
    ("profit factor", "profit_factor", ratio),
    ("win rate", "win_rate_pct", share),
    ("fills", "total_trades", count),
    ("stops", "stops", count),
    ("prunes", "prunes", count),
    ("fees", "total_fees", amount),
    ("funding", "funding_pnl", amount),
    ("exposure", "exposure_time_pct", share),
    ("final capital", "final_capital", amount),
)


class CompareScreen(ModalScreen[bool]):
    """The older run at the left; the difference is what the newer one changed.

    It ends in whether other runs are to be chosen.
    """

    CSS_PATH = "../dialogs.tcss"
    HORIZONTAL_BREAKPOINTS: list[tuple[int, str]] | None = [  # noqa: RUF012 (as Textual has it)
        (0, "-narrow"),
        (100, "-wide"),
    ]
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("dialog"), *bindings("compare")]

    def __init__(self, first: Run, second: Run) -> None:
        super().__init__()
        self._pair = (first, second)
        common = [key for key in first.keys if key in second.keys]
        self._keys = [(key, key) for key in common] or [(first.main_key, second.main_key)]
        mains = (first.main_key, second.main_key)
        self._at = self._keys.index(mains) if mains in self._keys else 0

    def compose(self) -> ComposeResult:
        """Table and chart, and what differs in the settings."""
        with Vertical(id="compare", classes="dialog"):
            yield Static(id="what")
            with Horizontal():
                yield VerticalScroll(Static(id="table"), id="numbers")
                with Vertical(id="curves"):
                    yield Chart("return", unit=_signed_scale)
                    yield DateAxis()
        yield KeyLine("compare")

    def on_mount(self) -> None:
        """The portfolio, or the coin that both have."""
        self._show()

    def action_coin(self, step: int) -> None:
        """Another coin that both runs have."""
        self._at = (self._at + step) % len(self._keys)
        self._show()

    def action_turn(self) -> None:
        """Numbers or curves, where there is no room for both."""
        self.toggle_class("-turned")

    def action_close(self) -> None:
        """Back."""
        self.dismiss(False)

    def action_choose(self) -> None:
        """Back, to choose other runs."""
        self.dismiss(True)

    def _show(self) -> None:
        first, second = self._pair
        keys = self._keys[self._at]
        names = [coin_name(key) for key in keys]
        title = names[0] if names[0] == names[1] else " and ".join(names)
        more = f"   {self._at + 1} of {len(self._keys)}" if len(self._keys) > 1 else ""
        box = self.query_one("#compare")
        box.border_title = Content(f"run {first.number} and run {second.number}: {title}{more}")
        self.query_one("#what", Static).update(_settings(first, second))
        table = _table(first, second, first.metrics(keys[0]), second.metrics(keys[1]))
        self.query_one("#table", Static).update(table)
        self._draw(keys)

    def _draw(self, keys: tuple[str, str]) -> None:
        from tui.series import gain_pct  # with a result, numpy is loaded already

        curves = []
        other = "hd" if self.app.no_color else "braille"
        looks = (("curve", "braille"), ("curve-other", other))
        for run, key, (token, dots) in zip(self._pair, keys, looks, strict=True):
            view = run.view(key)
            gain = gain_pct(view.equity, view.metrics["initial_capital"])
            curves.append(Curve(view.time, gain, token, f"{run.number} ", dots=dots))
        span = (
            min(int(curve.time[0]) for curve in curves),
            max(int(curve.time[-1]) for curve in curves),
        )
        self.query_one(Chart).plot(curves[::-1], span, level=0.0)
        self.query_one(DateAxis).show(span)


def _settings(first: Run, second: Run) -> Content:
    """One line a run, then what differs between them."""
    lines = []
    for run, token in ((first, "$curve"), (second, "$curve-other")):
        start, end = run.span_ms
        made_up = [("SIMULATED ", "bold $simulated")] if run.simulated else []
        lines.append(
            Content.assemble(
                (f"run {run.number}  ", f"bold {token}"),
                *made_up,
                f"{' '.join(run.request.coins)}  {day(start)} .. {day(end)}",
            )
        )
    if apart := _apart(first, second):
        lines.append(Content.styled(f"! other {apart}: the numbers do not compare", "$warning"))
    mine, theirs = first.request.changed, second.request.changed
    names = [name for name in STRATEGY_PARAMS if _value(mine, name) != _value(theirs, name)]
    differing = ", ".join(
        f"{name} {written(_value(mine, name))} -> {written(_value(theirs, name))}" for name in names
    )
    lines.append(Content.assemble(("changed  ", "$quiet"), differing or "no parameter"))
    if not apart and not names and _same_numbers(first, second):
        words = f"the same run twice: {key_of('choose_runs')} chooses another"
        lines.append(Content.styled(words, "$warning"))
    return Content("\n").join(lines)


def _same_numbers(first: Run, second: Run) -> bool:
    """Whether two runs of the same coins came to the same, coin by coin."""
    return all(
        first.metrics(key)[name] == second.metrics(key)[name]
        for key in first.keys
        for _, name, _ in _ROWS
    )


def _apart(first: Run, second: Run) -> str:
    """What makes two runs such of different markets; "" where they are of the same."""
    told = (
        ("coins", set(first.request.coins) != set(second.request.coins)),
        ("period", first.span_ms != second.span_ms),
        ("candles", first.request.market != second.request.market),
    )
    return " and ".join(name for name, differs in told if differs)


def _value(changed: dict[str, Any], name: str) -> Any:
    return changed.get(name, STRATEGY_PARAMS[name])


def _table(first: Run, second: Run, mine: dict[str, Any], theirs: dict[str, Any]) -> Content:
    heads = (f"run {first.number}", f"run {second.number}", "difference")
    lines = [
        Content.styled(
            " " * _LABEL + "".join(f"{head:>{_NUMBER}}" for head in heads), "underline $quiet"
        )
    ]
    for label, key, write in _ROWS:
        a, b = mine[key], theirs[key]
        difference, style = NOT_DEFINED, "$quiet"
        if a is not None and b is not None:
            difference = f"{b - a:+,}" if write is count else f"{b - a:+,.{_places(write)}f}"
            style = tone(b - a) if key == "total_return_pct" else "$foreground"
        lines.append(
            Content.assemble(
                (f"{label:<{_LABEL}}", "$quiet"),
                f"{write(a):>{_NUMBER}}{write(b):>{_NUMBER}}",
                (f"{difference:>{_NUMBER}}", style),
            )
        )
    return Content("\n").join(lines)


def _signed_scale(value: float, step: float) -> str:  # noqa: ARG001  (a unit is given both)
    return percent(value)


def _places(write: Any) -> int:
    return 3 if write is ratio else 2
