"""The charts of a backtest: trades on the price, a cursor with values, their keys. Costs 15 s."""

from datetime import UTC, datetime

import numpy as np
import pytest
from textual.pilot import Pilot

from engine.metrics import performance
from engine.trades import LABELS
from tests.screen_text import screen_cells, screen_text, until
from tests.tui_app import opened, quick_run
from tui.app import GridTui
from tui.screens.details import DetailsScreen
from tui.store import CoinView
from tui.theme import TOKENS
from tui.widgets.result import ResultPane
from tui.widgets.result_charts import ResultCharts
from tui.widgets.runs import RunList
from tui.widgets.trade_marks import counted, kind_of

BOTH = ((80, 24), (120, 40))


def charts(app: GridTui) -> ResultCharts:
    return app.screen_stack[0].query_one(ResultCharts)


def line(app: GridTui, name: str) -> str:
    return str(app.screen_stack[0].query_one(f"#result #{name}").render())


def result(app: GridTui) -> CoinView:
    run = app.store.runs[-1]
    return run.view(app.screen_stack[0].query_one(ResultPane).key)


async def pointed(pilot: Pilot[None], column: int) -> None:
    app = pilot.app
    assert isinstance(app, GridTui)
    charts(app).point(column)
    await pilot.pause()


def test_a_legend_goes_on_in_a_second_line_with_the_most_frequent_marks_first() -> None:
    numbers = {"BUY_OPEN_LONG": 1234, "STOP_LONG": 9, "STOP_SHORT": 8000, "PRUNE_OLDEST": 3}
    one = ["✗ stop 8,009  ▲ open long 1,234  • prune 3"]
    assert [line.plain for line in counted(numbers, len(one[0]))] == one
    two = ["✗ stop 8,009  ▲ open long 1,234", "• prune 3"]
    assert [line.plain for line in counted(numbers, len(one[0]) - 1)] == two
    assert [line.plain for line in counted({}, 80)] == ["no trades here"]


@pytest.mark.parametrize("size", BOTH)
async def test_every_kind_of_trade_stands_on_the_price_in_its_colour(size: tuple[int, int]) -> None:
    async with opened(size) as (app, pilot):
        await quick_run(pilot)
        await until(pilot, lambda: "open long" in line(app, "marks"), "the meaning of the marks")
        fills = result(app).fills
        assert fills is not None
        chart = app.screen.query_one("#price").region
        drawn = {
            (segment.text, segment.style.color.triplet.hex.upper())
            for row in screen_cells(app)[chart.y : chart.bottom]
            for segment in row
            if segment.style is not None
            and segment.style.color is not None
            and segment.style.color.triplet is not None
            and segment.style.bold
        }
        labels = [LABELS[code] for code in fills["label"].tolist()]
        for label in ("BUY_OPEN_LONG", "SELL_OPEN_SHORT", "SELL_CLOSE_LONG", "BUY_CLOSE_SHORT"):
            kind = kind_of(label)
            assert (kind.shape, app.theme_variables[kind.token].upper()) in drawn
            assert kind.token in TOKENS
            assert f"{kind.shape} {kind.name} {labels.count(label)}" in line(app, "marks")


@pytest.mark.parametrize("size", BOTH)
async def test_the_cursor_tells_the_values_and_the_trades_of_its_column(
    size: tuple[int, int],
) -> None:
    async with opened(size) as (app, pilot):
        await quick_run(pilot)
        view = result(app)
        assert view.close is not None
        assert view.fills is not None
        await pilot.press("left")
        await pilot.pause()
        assert charts(app).cursor == charts(app).columns - 1
        assert f"equity {view.equity[-1]:,.2f}" in line(app, "values")
        assert f"price {view.close[-1]:,.1f}" in line(app, "values")
        assert datetime.fromtimestamp(view.time[-1] / 1000, UTC).strftime("%y-%m-%d %H:%M") in line(
            app, "values"
        )
        await pilot.press("left", "shift+left", "right", "h", "l")
        assert charts(app).cursor == charts(app).columns - 1 - 1 - 10 + 1
        fill = view.fills[len(view.fills) // 2]
        share = (fill["time"] - view.time[0]) / (view.time[-1] - view.time[0])
        await pointed(pilot, int(share * charts(app).columns))
        assert f"{LABELS[fill['label']]} at {fill['price']:,.1f}" in line(app, "marks")
        await pilot.press("escape")
        assert charts(app).cursor is None
        assert app.screen.query_one(ResultPane).has_focus_within
        await pilot.press("escape")
        assert not app.screen.query_one(ResultPane).has_focus_within


async def test_zooming_in_keeps_the_moment_under_the_cursor_where_it_is() -> None:
    async with opened((120, 40)) as (app, pilot):
        await quick_run(pilot)
        await pointed(pilot, 30)
        before = line(app, "values").split("  ")[0]
        await pilot.press("i", "i")
        await until(pilot, lambda: "days" in charts(app).words, "the window")
        there = line(app, "values").split("  ")[0]
        moments = [datetime.strptime(at, "%y-%m-%d %H:%M").timestamp() for at in (before, there)]
        assert abs(moments[0] - moments[1]) < 6 * 3600


async def test_another_run_of_other_dates_is_shown_without_the_cursor() -> None:
    async with opened((120, 40)) as (app, pilot):
        await quick_run(pilot)
        await pointed(pilot, 30)
        await pilot.press("f")
        await quick_run(pilot, end="2024-01-20")
        assert charts(app).cursor is None


async def test_a_portfolio_has_values_under_the_cursor_and_no_marks() -> None:
    async with opened((80, 24)) as (app, pilot):
        await quick_run(pilot, coins="BTC SOL")
        await pilot.press("left")
        await pilot.pause()
        assert f"equity {result(app).equity[-1]:,.2f}" in line(app, "values")
        assert "price" not in line(app, "values")
        assert not app.screen.query_one("#result #marks").display
        await pilot.press("right_square_bracket")
        await until(pilot, lambda: "price" in line(app, "values"), "the values of a coin")


async def test_the_cursor_moves_from_the_trade_log_too_where_both_are_seen() -> None:
    async with opened((120, 40)) as (app, pilot):
        await quick_run(pilot)
        app.screen.query_one("#trades").focus()
        await pilot.press("shift+left")
        there = charts(app).columns - 10
        assert charts(app).cursor == there
        await pilot.press("t", "shift+left")
        await until(pilot, lambda: "[trades]" in screen_text(app), "the trades alone")
        assert charts(app).cursor == there


async def test_enter_shows_everything_about_a_trade() -> None:
    async with opened((80, 24)) as (app, pilot):
        await quick_run(pilot)
        view = result(app)
        assert view.fills is not None
        await pilot.press("t", "j", "j", "k")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, DetailsScreen), "the details")
        fill = view.fills[1]
        shown = screen_text(app)
        assert f"─ {LABELS[fill['label']]} ─" in shown
        assert f"{fill['price']:,.1f}" in shown
        assert f"{fill['fee']:,.6f} USDT" in shown
        assert f"{fill['bar']}; its order is of bar {fill['born']}" in shown
        await pilot.press("escape")
        assert len(app.store.runs) == 1


@pytest.mark.parametrize("size", BOTH)
async def test_the_list_of_runs_has_the_keys_of_all_lists(size: tuple[int, int]) -> None:
    async with opened(size) as (app, pilot):
        for _ in range(3):
            await quick_run(pilot)
        await pilot.press("r")
        runs = app.screen.query_one(RunList)
        seen = []
        for key in ("g", "j", "j", "k", "G", "ctrl+u", "ctrl+d"):
            await pilot.press(key)
            seen.append(runs.chosen)
        assert seen == [3, 2, 1, 2, 1, 3, 1]


def deepest_shown(app: GridTui) -> str:
    """What the scale of the chart of drawdown has at its lower end."""
    return drawn(app, "drawdown")[-1].split()[-1]


@pytest.mark.parametrize("size", BOTH)
@pytest.mark.parametrize("coins", ["BTC", "BTC SOL"])
async def test_the_chart_falls_as_deep_as_the_headline_says(
    size: tuple[int, int], coins: str
) -> None:
    async with opened(size) as (app, pilot):
        for end in ("2024-01-15", "2024-02-10", "2024-03-05"):
            await pilot.press("f")
            await quick_run(pilot, coins, end)
            await until(
                pilot,
                lambda: deepest_shown(app) == f"-{result(app).metrics['max_drawdown_pct']:.2f}%",
                "the headline's drawdown at the lower end of the chart",
            )


@pytest.mark.parametrize("size", BOTH)
async def test_the_last_drawdown_never_stands_in_the_place_of_the_deepest(
    size: tuple[int, int],
) -> None:
    random = np.random.default_rng(5)
    async with opened(size) as (app, pilot):
        await quick_run(pilot)
        view = result(app)
        for fall in (0.0, 1e-4, 3e-4, 1e-3, 3e-3):
            steps = random.normal(-fall / 10, fall, len(view.time))
            equity = 10_000.0 * np.exp(np.cumsum(steps))
            numbers = performance(equity, 10_000.0, 900_000)
            charts(app).show(view._replace(equity=equity, metrics=numbers))
            await pilot.pause()
            deepest = numbers["max_drawdown_pct"]
            words = " ".join(drawn(app, "drawdown")).split()
            figures = [word for word in words if word.endswith("%")]
            assert figures[-1] == (f"-{deepest:.2f}%" if deepest else "0.00%")
            assert deepest or len(figures) == 1


def drawn(app: GridTui, name: str) -> list[str]:
    """The rows of a chart, with its scale."""
    chart = app.screen.query_one(f"#{name}").region
    rows = ["".join(s.text for s in row) for row in screen_cells(app)[chart.y : chart.bottom]]
    return [row[chart.x : chart.right] for row in rows]
