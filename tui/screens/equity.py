"""The Equity screen: how the bot's equity, its drawdown and the price went, with every trade."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePath
from time import monotonic
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from engine.live.folders import state_folder
from engine.wording import count
from exchange.timeframe import timeframe_ms
from tui.bot.history import Earlier, History, read_earlier
from tui.figures import percent, tone
from tui.keys import bindings, key_of
from tui.screens.bot_screen import BotScreen
from tui.widgets.equity_charts import EquityCharts, Overlay
from tui.widgets.time_window import TimeWindow

if TYPE_CHECKING:
    from tui.bot.history import Columns
    from tui.bot.view import BotView
    from tui.store import Run

_PAUSE_S = 0.5
"""Between two pictures: each costs a tenth of that."""

_LEAST_BARS = 2


class EquityScreen(BotScreen):
    """Charts over one window of time."""

    CSS_PATH: ClassVar[list[str | PurePath]] = ["../bot.tcss", "../equity.tcss"]
    NUMBER = "3"
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings("bot"),
        *bindings("charts"),
        *bindings("cursor"),
        *bindings("panels"),
        *bindings("equity"),
    ]
    KEYS = "equity"
    KEY_PLACES = ("app", "bot", "replay", "charts", "cursor", "panels", "equity")

    def __init__(self, data_dir: Path | None) -> None:
        super().__init__(data_dir)
        self._charts = EquityCharts()
        self._nothing = Static(id="no-bars", classes="panel")
        self._history = History()
        self._bars: Columns | None = None
        self._of: BotView | None = None
        self._asked_for: str | None = None
        self._window = TimeWindow()
        self._logarithmic = False
        self._run: Run | None = None
        self._drawn_at = 0.0
        self._stale_picture = True

    def panels(self) -> Iterable[Widget]:
        """The charts, and what is said before there is anything to draw."""
        yield self._nothing
        yield self._charts

    def show(self, view: BotView) -> None:
        """Draw what has changed, twice a second at most; nothing while the display is held."""
        if self.frozen:
            return
        if view is not self._of:
            if self._of is None or view.replay is None or view.replay is not self._of.replay:
                self._window, self._drawn_at = TimeWindow(), 0.0
            self._of, self._bars, self._asked_for = view, None, None
            self._stale_picture = True
        self._look_on_disk(view)
        if monotonic() - self._drawn_at < _PAUSE_S:
            return
        if self._history.take(view):
            self._bars, self._stale_picture = None, True
        if self._stale_picture:
            self._draw()

    def action_window(self) -> None:
        """1, 7, 30 days, everything."""
        self._window.next_usual()
        self._draw()

    def action_zoom(self, step: int) -> None:
        """Half as much time, or twice."""
        if (ends := self._ends()) is not None and self._of is not None:
            bar_ms = timeframe_ms(self._of.about["timeframe"])
            self._window.zoom(step, *ends, bar_ms, self._charts.cursor_ms)
            self._draw()

    def action_pan(self, step: int) -> None:
        """Half a window back, or on."""
        if (ends := self._ends()) is not None:
            self._window.pan(step, *ends)
            self._draw()

    def action_point(self, step: int) -> None:
        """The cursor to the right or to the left; it begins at the newest bar."""
        if self._bars is not None:
            self._charts.move(step)

    def action_enlarge(self) -> None:
        """Equity alone, then price, then drawdown, then all of them."""
        self._charts.enlarge()

    def action_log_scale(self) -> None:
        """Logarithmic scales, or linear ones."""
        self._logarithmic = not self._logarithmic
        self._draw()

    def action_overlay(self) -> None:
        """Compare with the next backtest of this session, after the last with none."""
        runs = self._store.runs
        if not runs:
            self.notify(f"no backtest was run in this session: {key_of('screen_6')} runs one")
            return
        at = runs.index(self._run) if self._run in runs else -1
        self._run = runs[at + 1] if at + 1 < len(runs) else None
        self._draw()

    def action_back(self) -> None:
        """The cursor away; then up to now again."""
        if self._charts.cursor is not None:
            self._charts.point(None)
        else:
            self._window.end_ms = None
            self._draw()

    def _ends(self) -> tuple[int, int] | None:
        """Open of the first and of the last bar that is known."""
        bars = self._bars
        if bars is None or len(bars.time) < _LEAST_BARS:
            return None
        return int(bars.time[0]), int(bars.time[-1])

    def _draw(self) -> None:
        view = self._of
        if view is None:
            return
        if self._bars is None:
            self._bars = self._history.columns()
        self._drawn_at, self._stale_picture = monotonic(), False
        ends = self._ends()
        self.set_class(ends is None, "-no-bars")
        if ends is None:
            told = view.awaited or "no two candles have closed yet"
            self._nothing.update(f"{told[0].upper()}{told[1:]}: there is nothing to draw.")
            return
        span = self._seen_span(ends)
        overlay = self._overlay(view, span)
        self._charts.show(
            self._bars,
            self._history.trades,
            span,
            digits=view.price_digits,
            logarithmic=self._logarithmic,
            overlay=overlay,
        )
        self._entitle(ends, span, overlay)

    def _seen_span(self, ends: tuple[int, int]) -> tuple[int, int]:
        """The window, or more, so that two bars lie in it."""
        import numpy as np

        assert self._bars is not None
        time = self._bars.time
        start, end = self._window.span(*ends)
        first = int(np.searchsorted(time, start))
        last = int(np.searchsorted(time, end, "right")) - 1
        if last - first >= _LEAST_BARS - 1:
            return start, end
        first = max(0, min(first, len(time) - _LEAST_BARS))
        return int(time[first]), int(time[min(len(time) - 1, first + _LEAST_BARS - 1)])

    def _overlay(self, view: BotView, span: tuple[int, int]) -> Overlay | None:
        """The backtest from the same moment on; of another time it begins where the window does."""
        run = self._run
        if run is None:
            return None
        import numpy as np

        coin = run.view(view.symbol if view.symbol in run.keys else run.main_key)
        time, name = coin.time, f"run {run.number}, {coin.name}"
        if time[-1] <= span[0] or time[0] >= span[1]:
            time = time - time[0] + span[0]
            name += ", of another time"
        first = min(len(time) - 1, int(np.searchsorted(time, span[0])))
        return Overlay(name, time, 100.0 * (coin.equity / coin.equity[first] - 1.0))

    def _entitle(
        self, ends: tuple[int, int], span: tuple[int, int], overlay: Overlay | None
    ) -> None:
        import numpy as np

        assert self._bars is not None
        bars = self._bars
        part = slice(*np.searchsorted(bars.time, (span[0], span[1] + 1)).tolist())
        equity = bars.equity[part]
        gain = 100.0 * (float(equity[-1]) / float(equity[0]) - 1.0)
        parts: list[str | tuple[str, str]] = [
            f"equity, {self._window.words(*ends)}  ",
            (percent(gain), tone(gain)),
        ]
        if self._window.end_ms is not None:
            parts.append((f"  not up to now, {key_of('no_point')}", "bold $warning"))
        if self._logarithmic:
            parts.append("  logarithmic")
        if overlay is not None:
            parts += [("  with ", "$quiet"), (overlay.name, "bold $curve-other")]
        charts = self._charts
        charts.border_title = Content.assemble(*parts)
        charts.border_subtitle = Content(f"{count(len(equity))} of {count(len(bars.time))} bars")

    def _look_on_disk(self, view: BotView) -> None:
        """Once for each bot that is shown, also if it is gone: its bars before those that it tells
        of."""
        bot = self._store.fleet.subject
        if bot is None or not view.about or bot.holder.started == self._asked_for:
            return
        self._asked_for = bot.holder.started
        folder = state_folder(Path(bot.holder.data_folder), bot.holder.mode)
        self._read(folder, bot.holder.symbol_id, view)

    @work(thread=True, exclusive=True, group="earlier bars", exit_on_error=False)
    def _read(self, folder: Path, symbol_id: str, view: BotView) -> None:
        earlier = read_earlier(folder, symbol_id)
        self.app.call_from_thread(self._put_before, earlier, view)

    def _put_before(self, earlier: Earlier, view: BotView) -> None:
        if view is self._of:
            self._history.take(view)
            self._history.put_before(earlier)
            self._bars, self._stale_picture = None, True
