"""What the screens draw while nothing happens, and when it does: counted, not timed (20 s)."""

import pytest
from textual.app import App
from textual.css.stylesheet import Stylesheet
from textual.pilot import Pilot
from textual.screen import Screen

from tests.bot_app import Clock, settled, shown, watched
from tests.bot_documents import QUOTE, alarm
from tests.screen_text import screen_cells, screen_text, until
from tui.pace import Pace

SCREENS = "1234589"  # on the others a text field has the focus, whose cursor blinks
_SETTLES_S = 0.7


class Paints:
    """What was sent to a terminal, by the kind of screen that lies on top."""

    def __init__(self) -> None:
        self.tops: list[str] = []

    def __call__(self, app: App[object], screen: Screen[object], renderable: object) -> None:
        if renderable is not None and screen is app.screen:
            self.tops.append(type(screen).__name__)

    async def during(self, pilot: Pilot[None], seconds: float) -> int:
        """How many times it was painted in so many seconds."""
        before = len(self.tops)
        await pilot.pause(seconds)
        return len(self.tops) - before


@pytest.fixture
def paints(monkeypatch: pytest.MonkeyPatch) -> Paints:
    """Counts beside Textual's own work; there is no public place to look from."""
    seen = Paints()
    display = App._display

    def counted(app: App[object], screen: Screen[object], renderable: object) -> None:
        seen(app, screen, renderable)
        display(app, screen, renderable)  # type: ignore[arg-type]

    monkeypatch.setattr(App, "_display", counted)
    return seen


@pytest.mark.parametrize("number", SCREENS)
async def test_only_a_change_is_painted(number: str, paints: Paints) -> None:
    view = watched()
    async with shown(number, view) as (app, pilot):
        await pilot.pause(_SETTLES_S)
        assert await paints.during(pilot, 1.0) == 0
        view.take("quote", QUOTE | {"price": 65_432.1})
        assert 1 <= await paints.during(pilot, 0.6) <= 2
        assert "65,432.1" in screen_text(app)


async def test_an_age_alone_is_not_worth_a_paint_of_its_own(paints: Paints) -> None:
    clock = Clock()
    async with shown("5", watched(clock=clock)) as (_, pilot):
        await pilot.pause(_SETTLES_S)
        before = len(paints.tops)
        for _ in range(10):
            clock.now += 0.1
            await pilot.pause(0.1)
        assert len(paints.tops) == before


@pytest.mark.parametrize("key", ["S", "question_mark"])
async def test_a_busy_bot_is_painted_seldom_below_a_dialog(key: str, paints: Paints) -> None:
    view = watched()
    async with shown("1", view) as (app, pilot):
        await pilot.press(key)
        await until(pilot, lambda: len(app.screen_stack) > 1, "the dialog")
        await pilot.pause(_SETTLES_S)
        before = len(paints.tops)
        for number in range(30):
            view.take("quote", QUOTE | {"price": 65_000.0 + number})
            await pilot.pause(0.05)
        assert len(paints.tops) - before <= 2


async def test_an_alarm_is_seen_below_a_dialog() -> None:
    view = watched()
    async with shown("2", view) as (app, pilot):
        await pilot.press("question_mark")
        await until(pilot, lambda: len(app.screen_stack) > 1, "the page of keys")
        told = alarm()
        view.take("alarm", told)
        shows = app.screen_stack[0].query_one("#alarms")
        await until(pilot, lambda: told["text"] in str(shows.render()), "the alarm")


async def test_what_was_held_back_by_a_dialog_is_there_when_it_closes() -> None:
    view = watched()
    async with shown("1", view) as (app, pilot):
        await pilot.press("question_mark")
        await until(pilot, lambda: len(app.screen_stack) > 1, "the page of keys")
        await pilot.pause(0.3)
        view.take("quote", QUOTE | {"price": 65_432.1})
        await pilot.press("escape")
        await until(pilot, lambda: "65,432.1" in screen_text(app), "the price")


async def test_styles_that_were_read_ahead_look_the_same_and_are_not_read_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks, reread = [], []
    reparse = Stylesheet.reparse

    def counted(stylesheet: Stylesheet) -> None:
        reread.append(stylesheet)
        reparse(stylesheet)

    for ahead in (False, True):
        async with shown("1", watched()) as (app, pilot):
            if ahead:
                await app.load_styles()
                monkeypatch.setattr(Stylesheet, "reparse", counted)
            await pilot.press("4")
            await until(pilot, lambda: "[Orders]" in screen_text(app), "Orders")
            await pilot.press("question_mark")
            await until(pilot, lambda: len(app.screen_stack) > 1, "the page of keys")
            await settled(pilot)
            looks.append([[(s.text, s.style) for s in line] for line in screen_cells(app)])
    assert looks[0] == looks[1]
    assert not reread


class TestPace:
    def pace(self) -> tuple[Clock, Pace]:
        clock = Clock()
        pace = Pace(clock)
        pace.due("old", 0, below=False)
        pace.due("old", 0, below=False)  # the one after something new
        return clock, pace

    def test_what_is_new_is_drawn_at_once_and_once_more_when_it_was_laid(self) -> None:
        _, pace = self.pace()
        ticks = [pace.due(known, 0, below=False) for known in ("old", "new", "new", "new")]
        assert ticks == [False, True, True, False]

    def test_the_displayed_clock_goes_on(self) -> None:
        _, pace = self.pace()
        assert [pace.due("old", second, below=False) for second in (0, 1, 1)] == [
            False,
            True,
            False,
        ]

    def test_time_alone_is_enough_twice_a_second(self) -> None:
        clock, pace = self.pace()
        drawn = 0
        for _ in range(32):
            clock.now += 0.125
            drawn += pace.due("old", 0, below=False)
        assert drawn == 8

    def test_every_tick_counts_while_the_user_does_something(self) -> None:
        clock, pace = self.pace()
        pace.wake()
        assert pace.awake
        assert all(pace.due("old", 0, below=False) for _ in range(5))
        clock.now += 1.1
        pace.due("old", 0, below=False)
        assert not pace.awake
        assert not pace.due("old", 0, below=False)

    def test_keys_have_drawn_half_of_the_time_at_most(self) -> None:
        clock, pace = self.pace()
        assert pace.rests_s == 0.0
        pace.drawn(0.03)
        assert pace.rests_s == pytest.approx(0.03)
        clock.now += 0.04
        assert pace.rests_s == 0.0

    def test_below_a_dialog_only_the_displayed_clock_counts(self) -> None:
        _, pace = self.pace()
        pace.wake()
        ticks = [pace.due(n, second, below=True) for n, second in enumerate((0, 0, 1, 1, 2))]
        assert ticks == [False, False, True, False, True]

    def test_what_is_new_is_drawn_as_soon_as_the_dialog_has_closed(self) -> None:
        _, pace = self.pace()
        assert not pace.due("new", 0, below=True)
        assert pace.due("new", 0, below=False)
