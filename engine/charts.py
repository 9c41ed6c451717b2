"""The two pictures of a result: equity with drawdown, and price with every trade.

Figures are drawn without a display and without pyplot's global state, so that a thread may do it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from engine.export import write_whole
from engine.metrics import PRUNES
from engine.trades import LABELS
from engine.wording import amount, ratio
from exchange.span import moment_text
from exchange.timeframe import timeframe_ms
from indicators.kama import REGIME_NAMES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Column = npt.NDArray[np.float64]
Times = npt.NDArray[np.int64]

COLUMNS = 1500  # about one a pixel; more points than that show nothing
_BAND_COLUMNS = 300
_FILLS_A_ROW = 900
_MOST_ROWS = 6
_LABEL_NAMES = np.array(LABELS)
_INK, _QUIET, _LINE = "#22303c", "#8a949e", "#1f5fa8"
_REGIME_COLOURS = {
    "NOISE": "#e4e7ea",
    "UPTREND": "#a5d6a7",
    "DOWNTREND": "#f0a8a0",
    "BREAKOUT_UP": "#2e9e4f",
    "BREAKOUT_DOWN": "#c8372d",
}


class _Mark(NamedTuple):
    """How the fills of some labels are drawn; marks of a higher order lie on top."""

    labels: tuple[str, ...]
    shape: str
    colour: str
    size: float
    order: int


_MARKS = {
    "buy, open long": _Mark(("BUY_OPEN_LONG",), "^", "#1a9641", 1.0, 4),
    "sell, close long": _Mark(("SELL_CLOSE_LONG",), "v", "#2166ac", 1.0, 4),
    "sell, open short": _Mark(("SELL_OPEN_SHORT",), "v", "#e0241c", 1.0, 4),
    "buy, close short": _Mark(("BUY_CLOSE_SHORT",), "^", "#f28e1c", 1.0, 4),
    "prune": _Mark(tuple(LABELS[code] for code in PRUNES), ".", "#6b7680", 0.8, 3),
    "stop": _Mark(("STOP_LONG", "STOP_SHORT"), "X", "#7f0000", 1.5, 6),
    "circuit breaker": _Mark(("CIRCUIT_BREAKER_HALT",), "d", "#7b2fbe", 1.3, 5),
    "liquidation": _Mark(("LIQUIDATION",), "X", "#000000", 5.0, 7),
    "final close": _Mark(("FINAL_CLOSE",), "s", "#6b7680", 1.3, 5),
}


def write_equity_chart(result: Mapping[str, Any], path: Path) -> None:
    """PNG: equity above, drawdown below, of a result of `BacktestSimulator.run_single`.

    Raises OSError.
    """
    times = result["candles"]["timestamp"].to_numpy(np.int64)
    equity = result["equity_curve"]
    metrics = result["metrics"]
    figure = _figure(7.5)
    above, below = figure.subplots(2, 1, height_ratios=(3, 1), sharex=True)
    above.tick_params(labelbottom=False)
    x, y = thinned(times, equity, _length(result))
    above.axhline(metrics["initial_capital"], color=_QUIET, linewidth=0.8, linestyle=(0, (4, 4)))
    above.plot(x, y, color=_LINE, linewidth=1.1)
    above.set_ylabel("equity, USDT", color=_INK)
    fall = 100.0 * (equity / np.maximum.accumulate(equity) - 1.0)
    x, y = thinned(times, fall, _length(result))
    below.fill_between(x, y, 0.0, color="#c8372d", alpha=0.35, linewidth=0.0)
    below.plot(x, y, color="#c8372d", linewidth=0.6)
    below.set_ylabel("drawdown, %", color=_INK)
    below.set_ylim(min(1.05 * float(fall.min()), -0.1), 0.0)
    above.set_title(
        f"return {amount(metrics['total_return_pct'], signed=True)} %     "
        f"buy & hold {amount(metrics['buy_hold_return_pct'], signed=True)} %     "
        f"max drawdown {amount(metrics['max_drawdown_pct'])} %     "
        f"Sharpe {ratio(metrics['sharpe_ratio'])}",
        loc="left",
        fontsize=10,
        color=_INK,
    )
    above.set_xlim(*_dates(np.array([times[0], times[-1] + _length(result)])))
    figure.suptitle(_title(result), x=0.01, ha="left", color=_INK, fontsize=14, fontweight="bold")
    _finish(figure, [above, below], result, path)


def write_trade_chart(result: Mapping[str, Any], path: Path) -> None:
    """PNG: price with a mark at every fill, and the share of each regime in a band below.

    Many fills are spread over several rows that read like lines of a text, each with its own
    scale. Raises OSError.
    """
    times = result["candles"]["timestamp"].to_numpy(np.int64)
    fills = result["fills"]
    rows = int(np.clip(-(-len(fills) // _FILLS_A_ROW), 1, _MOST_ROWS))
    figure = _figure(1.2 + 4.2 * rows if rows > 1 else 7.5)
    axes = figure.subplots(2 * rows, 1, height_ratios=(8, 1) * rows)
    edges = np.linspace(times[0], times[-1] + _length(result), rows + 1).astype(np.int64)
    for row in range(rows):
        above, below = axes[2 * row], axes[2 * row + 1]
        start, end = edges[row], edges[row + 1]
        bars = slice(*np.searchsorted(times, (start, end)))
        if bars.start == bars.stop:
            continue
        close = result["candles"]["close"].to_numpy(np.float64)[bars]
        x, y = thinned(times[bars], close, _length(result))
        above.plot(x, y, color="#9aa5b1", linewidth=0.8, zorder=2)
        _marks(above, fills[(fills["time"] >= start) & (fills["time"] < end)])
        above.set_ylabel("price, USDT", color=_INK)
        above.tick_params(labelbottom=False)
        _regime_band(below, times[bars], result["regime_log"][bars])
        for one in (above, below):
            one.set_xlim(*_dates(edges[row : row + 2]))
    _legends(figure, fills, _title(result))
    _finish(figure, list(axes), result, path)


def _marks(axes: "Axes", fills: npt.NDArray[Any]) -> None:
    size = float(np.clip(25_000 / (len(fills) + 1), 6.0, 45.0))
    for mark in _MARKS.values():
        chosen = fills[np.isin(_LABEL_NAMES[fills["label"]], mark.labels)]
        axes.scatter(
            _dates(chosen["time"]),
            chosen["price"],
            s=size * mark.size,
            marker=mark.shape,
            color=mark.colour,
            alpha=0.7,
            linewidths=0.0,
            zorder=mark.order,
        )


def _legends(figure: "Figure", fills: npt.NDArray[Any], title: str) -> None:
    """Title, and what the marks and the colours of the regimes mean, with numbers of fills."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    names = _LABEL_NAMES[fills["label"]]
    marks = [
        Line2D(
            [], [], linestyle="", marker=mark.shape, color=mark.colour, label=f"{name} ({number:,})"
        )
        for name, mark in _MARKS.items()
        if (number := int(np.isin(names, mark.labels).sum()))
    ]
    regimes = [
        Patch(color=colour, label=name.lower().replace("_", " "))
        for name, colour in _REGIME_COLOURS.items()
    ]
    shared: dict[str, Any] = {
        "frameon": False,
        "fontsize": 9,
        "labelcolor": _INK,
        "handletextpad": 0.4,
        "handlelength": 1.0,
        "columnspacing": 1.4,
    }
    above = figure.legend(handles=marks, loc="outside upper left", ncols=9, title=title, **shared)
    above.set_alignment("left")
    above.get_title().set(fontsize=14, fontweight="bold", color=_INK)
    figure.legend(handles=regimes, loc="outside lower center", ncols=5, **shared)


def thinned(
    times: Times, values: Column, length_ms: int, columns: int = COLUMNS
) -> tuple[npt.NDArray[np.datetime64], Column]:
    """Points of a line that looks like `values` when it is drawn `columns` pixels wide.

    Lowest and highest value of each column; a gap in the times (bars of `length_ms`) breaks the
    line with a NaN. `times`: int64 ms, ascending, shape (n,), like `values`.
    """
    if len(times) <= 2 * columns:
        breaks = np.flatnonzero(np.diff(times) > length_ms) + 1
        return _dates(np.insert(times, breaks, times[breaks - 1])), np.insert(
            values, breaks, np.nan
        )
    edges = np.linspace(times[0], times[-1] + 1, columns + 1)
    first = np.searchsorted(times, edges)
    held = first[:-1] < first[1:]
    starts = first[:-1][held]
    points = np.full((columns, 2), np.nan)
    points[held, 0] = np.minimum.reduceat(values, starts)
    points[held, 1] = np.maximum.reduceat(values, starts)
    return _dates(np.repeat(edges[:-1].astype(np.int64), 2)), points.ravel()


def _regime_band(axes: "Axes", times: Times, regime_log: npt.NDArray[np.int64]) -> None:
    edges = np.linspace(times[0], times[-1] + 1, min(_BAND_COLUMNS, len(times)) + 1)
    bars = np.histogram(times, edges)[0]
    floor = np.zeros(len(bars))
    for code, name in REGIME_NAMES.items():
        share = np.histogram(times[regime_log == code], edges)[0] / np.maximum(bars, 1)
        axes.stairs(
            floor + share,
            _dates(edges.astype(np.int64)).astype("M8[us]").astype(object),
            baseline=floor,
            fill=True,
            color=_REGIME_COLOURS[name],
        )
        floor = floor + share
    axes.set_ylim(0.0, 1.0)
    axes.set_yticks([])
    axes.set_ylabel("regime", color=_INK, rotation=0, ha="right", va="center")


def _figure(height: float) -> "Figure":
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # 0.5 s, only when drawing
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, height), dpi=110, facecolor="white")
    figure.set_layout_engine("constrained", h_pad=0.1, w_pad=0.12, hspace=0.0)
    FigureCanvasAgg(figure)
    return figure


def _finish(figure: "Figure", axes: list["Axes"], result: Mapping[str, Any], path: Path) -> None:
    """Dates, grid lines, watermark, and the file."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    for one in axes:
        one.grid(True, color="#eceff1", linewidth=0.8)
        one.set_axisbelow(True)
        one.tick_params(colors=_INK, labelsize=9)
        one.spines[["top", "right"]].set_visible(False)
        one.spines[["left", "bottom"]].set_color("#c5ccd3")
        one.yaxis.set_major_formatter("{x:,.6g}")
        locator = AutoDateLocator()  # type: ignore[no-untyped-call]
        one.xaxis.set_major_locator(locator)
        dates = ConciseDateFormatter(locator)  # type: ignore[no-untyped-call]
        one.xaxis.set_major_formatter(dates)
    if result["simulated"]:
        for one in axes[::2]:
            one.text(
                0.5,
                0.5,
                "SIMULATED",
                transform=one.transAxes,
                ha="center",
                va="center",
                fontsize=72,
                fontweight="bold",
                color=_INK,
                alpha=0.08,
                zorder=0,
            )
    write_whole(path, lambda partial: figure.savefig(partial))


def _title(result: Mapping[str, Any]) -> str:
    first, last = (
        moment_text(int(ms)).split()[0] for ms in result["candles"]["timestamp"].iloc[[0, -1]]
    )
    simulated = "   SIMULATED" if result["simulated"] else ""
    return f"{result['symbol']}   {first} to {last}{simulated}"


def _length(result: Mapping[str, Any]) -> int:
    return timeframe_ms(result["candles"].attrs["timeframe"])


def _dates(times: Times) -> npt.NDArray[np.datetime64]:
    return times.astype("M8[ms]")
