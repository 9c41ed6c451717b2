"""A result: headline, charts, trades and summary of one coin of a run, or of its portfolio."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.reactive import reactive
from textual.widgets import Input, Static

from engine.wording import plural
from tui.figures import day, percent, tone
from tui.keys import VIEWS, bindings, key_of
from tui.store import PORTFOLIO, CoinView, Run
from tui.widgets.headline import Headline
from tui.widgets.result_charts import ResultCharts
from tui.widgets.summary import Summary
from tui.widgets.trades import TradesTable

if TYPE_CHECKING:
    from engine.band import Band

_OF_CHARTS = ("window", "zoom", "pan", "log_scale", "point")


class ResultPane(Vertical):
    """What a run of one coin or portfolio came to, in three views."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("charts"), *bindings("cursor")]
    current_view = reactive("equity")

    def __init__(self) -> None:
        super().__init__(id="result")
        self._run: Run | None = None
        self.key = ""

    def compose(self) -> ComposeResult:
        """All views are there; the pane's class decides which is seen."""
        yield Headline()
        yield Static(id="tabs")
        yield Static(id="notes")
        with Horizontal(id="views"):
            with Vertical(id="figures"):
                yield ResultCharts()
                with Vertical(id="log"):
                    yield TradesTable()
                    yield Input(id="filter", placeholder="word, or !word to hide it", compact=True)
            yield Summary()

    def show(self, run: Run, of: int, key: str) -> None:
        """One coin (or `_portfolio`) of a run, which is one of `of` runs."""
        self._run, self.key = run, key
        view = run.view(key)
        self.set_class(key == PORTFOLIO, "-portfolio")
        self.border_title = _title(run, of, view, key)
        self.query_one(Headline).show(view)
        self._show_tabs()
        self._show_notes(view)
        self._change_charts(lambda charts: charts.show(view))
        self.query_one(TradesTable).show(run.fills(key))
        self.query_one(Summary).show(run, view)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Charts that are not seen have no keys."""
        seen = self.current_view == "equity" or self.screen.has_class("-huge")
        return (seen or action not in _OF_CHARTS) and super().check_action(action, parameters)

    def action_window(self) -> None:
        """1, 7, 30 days, everything."""
        self._change_charts(ResultCharts.next_window)

    def action_zoom(self, step: int) -> None:
        """Half as much time, or twice."""
        self._change_charts(lambda charts: charts.zoom(step))

    def action_pan(self, step: int) -> None:
        """Half a window back, or on."""
        self._change_charts(lambda charts: charts.pan(step))

    def action_log_scale(self) -> None:
        """Logarithmic scales, or linear ones."""
        self._change_charts(ResultCharts.change_scale)

    def action_point(self, step: int) -> None:
        """The cursor to the right or to the left."""
        if self._run is not None:
            self.query_one(ResultCharts).move(step)

    def leave(self) -> bool:
        """Out of the filter, else no cursor in the charts any more; False if there was neither."""
        charts = self.query_one(ResultCharts)
        if self._close_filter():
            return True
        if charts.cursor is None or not self.has_focus_within:
            return False
        charts.point(None)
        return True

    def _change_charts(self, change: Callable[[ResultCharts], None]) -> None:
        charts = self.query_one(ResultCharts)
        change(charts)
        self.border_subtitle = Content(charts.words)

    def watch_current_view(self, view: str) -> None:
        """Show one of the views and put the focus where its keys are."""
        for name in VIEWS:
            self.set_class(name == view, f"-view-{name}")
        if self._run is not None:
            self._show_tabs()
            self.focus_view()

    def focus_view(self) -> None:
        """The focus goes where the keys of the view are."""
        if self.current_view == "summary":
            self.query_one(Summary).focus()
        elif self.current_view == "trades":
            self.query_one(TradesTable).focus()
        else:
            self.query_one(ResultCharts).focus()

    def _show_tabs(self) -> None:
        assert self._run is not None
        parts: list[str | tuple[str, str]] = []
        keys = self._run.keys
        for key in keys:
            name = "portfolio" if key == PORTFOLIO else key.partition("/")[0]
            parts += [_tab(name, key == self.key), " "]
        if len(keys) > 1:
            parts.append((f"{key_of('last_coin')} {key_of('next_coin')} coin", "$quiet"))
        coins = Content.assemble(*parts)
        views: list[str | tuple[str, str]] = []
        for name in VIEWS:
            views += [_tab(name, name == self.current_view), " "]
        views.append((f"{key_of('view')} view", "$quiet"))
        shown = Content.assemble(*views)
        gap = self.query_one("#tabs").size.width - coins.cell_length - shown.cell_length
        self.query_one("#tabs", Static).update(Content.assemble(coins, " " * max(1, gap), shown))

    def on_resize(self) -> None:
        """The two ends of the line of tabs move apart."""
        if self._run is not None:
            self.call_after_refresh(self._show_tabs)

    def _show_notes(self, view: CoinView) -> None:
        lines = [_band_line(view.band)] if view.band is not None else []
        if words := _warnings(view):
            lines.append(Content.styled(words, "$warning"))
        notes = self.query_one("#notes", Static)
        notes.display = bool(lines)
        notes.update(Content("\n").join(lines))

    def open_filter(self) -> None:
        """Ask for a word that the trades shall contain."""
        line = self.query_one("#filter", Input)
        line.add_class("-open")
        line.focus()

    def _close_filter(self) -> bool:
        """Leave the filter's line, and show everything again; False if it was not open."""
        line = self.query_one("#filter", Input)
        if not line.has_class("-open"):
            return False
        line.value = ""
        line.remove_class("-open")
        self.query_one(TradesTable).focus()
        return True

    @on(Input.Changed, "#filter")
    def _narrow(self, event: Input.Changed) -> None:
        event.stop()
        self.query_one(TradesTable).narrow_to(event.value.strip())

    @on(Input.Submitted, "#filter")
    def _narrowed(self, event: Input.Submitted) -> None:
        event.stop()
        self.query_one(TradesTable).focus()

    @on(TradesTable.FilterWanted)
    def _filter_wanted(self, event: TradesTable.FilterWanted) -> None:
        event.stop()
        self.open_filter()


def _title(run: Run, of: int, view: CoinView, key: str) -> Content:
    first, last = run.span_ms
    made_up = Content.styled(" SIMULATED ", "reverse bold $simulated") if view.simulated else ""
    coins = len(run.keys) - 1
    # each coin trades with the capital of the form
    each = view.metrics["initial_capital"] / coins if key == PORTFOLIO else 0.0
    money = f", {coins} x {each:,.0f}" if each else ""
    return Content.assemble(
        made_up,
        " " if view.simulated else "",
        (view.name, "bold"),
        f"{money} {day(first)} .. {day(last)}  run {run.number} of {of}",
    )


def _tab(name: str, chosen: bool) -> tuple[str, str]:
    """The chosen one in brackets, so that it is told without colours, too."""
    return (f"[{name}]", "bold $primary") if chosen else (f" {name} ", "$quiet")


def _band_line(band: Band) -> Content:
    """`fills   touch +14.10%   path +12.40%   strict -1.90%   ! the sign changes`."""
    parts: list[str | tuple[str, str]] = [("fills   ", "$quiet")]
    for model, value in band.returns.items():
        parts += [(f"{model} ", "$quiet"), (f"{percent(value)}   ", tone(value))]
    if band.sign_changes:
        parts.append(("! the sign changes", "bold $warning"))
    return Content.assemble(*parts)


def _warnings(view: CoinView) -> str:
    """The few words about the data that belong beside the result."""
    words = []
    if gaps := view.result.get("gaps"):
        words.append(f"! {plural(sum(bars for _, bars in gaps), 'missing candle')}")
    if view.result.get("funding") in ("synthetic", "real with holes"):
        words.append(f"! funding {view.result['funding']}")
    if view.key != PORTFOLIO and not view.metrics["total_trades"]:
        from engine.summary import no_order_note  # with a result, numpy is loaded already

        if no_order_note(view.result):
            words.append(f"! capital too small for any order: {key_of('summary')} says more")
    return "   ".join(words)
