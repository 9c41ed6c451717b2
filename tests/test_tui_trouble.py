"""What the screens say of a bot in trouble. Costs 20 s."""

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from exchange.timeframe import DAY_MS
from tests.bot_app import Clock, settled, shown, watched
from tests.bot_documents import NOON_MS, READINGS, account, alarm, reading, snapshot
from tests.screen_text import screen_text, until
from tui.app import GridTui
from tui.attention import Attention
from tui.bot.moments import began, moment
from tui.bot.view import BotView
from tui.widgets.bot_lines import health_lines, health_title, standing_lines
from tui.widgets.rungs import rungs
from tui.widgets.side_lines import side_lines

WIDE = 60


def states(view: BotView) -> list[str]:
    """What stands beside each reading."""
    return [line.plain[12:].strip() for line in health_lines(view, (WIDE, 40))[1:]]


def health(time_ms: int = NOON_MS, **state: str) -> dict[str, object]:
    readings = [
        reading(each["name"], each["value"], each["limit"], state.get(each["name"], "ok"))
        for each in READINGS
    ]
    return {"time_ms": time_ms, "readings": readings}


def side(view: BotView, name: str = "long") -> str:
    return "\n".join(line.plain for line in side_lines(view, name, WIDE))


# Readings


@pytest.mark.parametrize("link", ["connected", "lost"])
def test_an_old_reading_says_how_old_it_is_and_never_that_all_is_well(link: str) -> None:
    clock = Clock()
    view = watched(snapshot("live"), clock)
    assert all(text.startswith("ok") for text in states(view))
    clock.now += 42
    view.link = link  # type: ignore[assignment]
    assert all(text.startswith("stale 42 s") for text in states(view))
    assert health_title(view).plain == "health, stale 42 s"
    clock.now += 300
    assert all(text.startswith("stale 5m") for text in states(view))
    view.link = "connected"
    view.take("health", health(NOON_MS + 1))
    assert all(text.startswith("ok") for text in states(view))


def test_readings_that_stay_away_are_old_though_the_bot_tells_other_things() -> None:
    clock = Clock()
    view = watched(snapshot("live"), clock)
    clock.now += 12
    view.take("quote", view.quote)
    assert not view.stale
    assert all(text.startswith("stale 12 s") for text in states(view))


def test_an_old_reading_that_was_not_well_still_says_so() -> None:
    clock = Clock()
    view = watched(snapshot("live", health=health(positions="bad", clock="warning")), clock)
    clock.now += 42
    by_name = dict(zip((each["name"] for each in READINGS), states(view), strict=True))
    assert by_name["positions"].startswith("was bad")
    assert by_name["clock"].startswith("was warning")


def test_a_snapshot_with_readings_that_are_known_does_not_make_them_new() -> None:
    clock = Clock()
    view = watched(snapshot("live"), clock)
    clock.now += 42
    view.begin(snapshot("live"))
    assert all(text.startswith("stale 42 s") for text in states(view))


def test_the_readings_of_a_bot_that_has_ended_are_those_of_its_end() -> None:
    clock = Clock()
    view = watched(snapshot("live"), clock)
    clock.now += 42
    view.link = "ended"
    assert all(text.startswith("at the end") for text in states(view))
    assert health_title(view).plain == "health of 12:00:00Z"


async def test_the_age_of_the_readings_grows_on_the_screen() -> None:
    clock = Clock()
    async with shown("1", watched(clock=clock), (80, 24)) as (app, pilot):
        for seconds in (42, 43):
            clock.now = 100.0 + seconds
            words = f"stale {seconds} s"
            await until(pilot, lambda words=words: screen_text(app).count(words) > 4, words)


# Alarms


LONG = "the exchange's positions differ from ours: long 0.046 there, 0.023 here; entries wait until"
ADVICE = " `gridtui adopt BTC` takes it over"


async def alarm_lines(text: str, size: tuple[int, int], mode: str = "live") -> list[str]:
    """The lines between the one on top and the names of the screens."""
    view = watched(snapshot(mode, alarms=[alarm("positions", text)]))
    async with shown("1", view, size) as (app, pilot):
        await until(pilot, lambda: "acknowledge" in screen_text(app), "the alarm")
        await settled(pilot)
        lines = screen_text(app).split("\n")
    names = next(at for at, line in enumerate(lines) if "[Live]" in line)
    return [line.strip() for line in lines[1:names]]


async def test_an_alarm_that_is_too_long_for_a_line_goes_on_in_a_second_one() -> None:
    first, second = await alarm_lines(LONG + ADVICE, (80, 24))
    assert first.startswith("! the exchange's positions differ from ours: long 0.046")
    assert first.endswith("! acknowledge")
    assert second.endswith("until `gridtui adopt BTC` takes it over")


async def test_an_alarm_that_fits_takes_one_line_and_one_without_end_two() -> None:
    assert len(await alarm_lines("long differs", (80, 24))) == 1
    assert len(await alarm_lines(LONG, (120, 40))) == 1
    endless = await alarm_lines(9 * LONG, (80, 24))
    assert len(endless) == 2
    assert endless[1].endswith("…")


def test_moments_of_a_paper_market_are_told_from_those_of_the_wall() -> None:
    at_night = NOON_MS - 528 * 60_000
    live, paper = watched(snapshot("live")), watched()
    assert moment(live, NOON_MS) == "12:00:00Z"
    assert moment(paper, NOON_MS) == "market 01-10 12:00:00Z"
    assert (began(live, at_night), began(live, at_night - DAY_MS)) == ("03:12Z", "01-09 03:12Z")
    assert began(paper, at_night) == "market 01-10 03:12Z"


# The bell


class Terminal:
    """Remembers what was written to it."""

    def __init__(self) -> None:
        self.bells = 0
        self.title = ""

    def __call__(self, text: str) -> None:
        self.bells += text == "\a"
        if text.rpartition("\x1b]0;")[1]:
            self.title = text.rpartition("\x1b]0;")[2].rstrip("\a")


def silent(mode: str = "live") -> tuple[BotView, Clock]:
    clock = Clock()
    return watched(snapshot(mode), clock), clock


def ignored(_words: str) -> None:
    """What is said on the screen."""


def test_a_bot_that_becomes_silent_rings_once_and_again_only_after_it_was_well() -> None:
    terminal, (view, clock) = Terminal(), silent()
    attention = Attention(terminal, ignored, blinks=False)
    rung = []
    for silence in (3, 9, 12, 40, 90):
        clock.now = 100.0 + silence
        attention.look(view, clock.now)
        rung.append(terminal.bells)
    assert rung == [0, 0, 1, 1, 1]
    assert terminal.title == "! STALE BTC/USDT LIVE"
    view.take("quote", view.quote)
    attention.look(view, clock.now)
    assert (terminal.bells, terminal.title) == (1, "gridtui BTC/USDT LIVE")
    clock.now += 11
    attention.look(view, clock.now)
    assert terminal.bells == 2


def test_a_silent_bot_that_is_lost_thereupon_has_rung_already() -> None:
    terminal, (view, clock) = Terminal(), silent()
    attention = Attention(terminal, ignored, blinks=False)
    for link, seconds in (("connected", 11), ("lost", 12), ("lost", 13), ("lost", 30)):
        view.link, clock.now = link, 100.0 + seconds  # type: ignore[assignment]
        attention.look(view, clock.now)
    assert (terminal.bells, terminal.title) == (1, "! LOST BTC/USDT LIVE")


def test_a_silence_that_was_acknowledged_calls_no_more_and_the_next_one_does() -> None:
    terminal, (view, clock) = Terminal(), silent()
    attention = Attention(terminal, ignored, blinks=False)
    for seconds in (11, 12):
        clock.now = 100.0 + seconds
        attention.look(view, clock.now)
        view.acknowledge()
    attention.look(view, clock.now)
    assert (terminal.bells, terminal.title) == (1, "gridtui BTC/USDT LIVE")
    view.take("quote", view.quote)
    attention.look(view, clock.now)
    clock.now += 11
    attention.look(view, clock.now)
    assert terminal.bells == 2


def test_the_silence_of_a_replay_or_without_a_bell_rings_nowhere() -> None:
    for mode, bell in (("replay", True), ("live", False)):
        terminal, (view, clock) = Terminal(), silent(mode)
        attention = Attention(terminal, ignored, bell=bell)
        clock.now += 60
        attention.look(view, clock.now)
        assert terminal.bells == 0


# A bot that has ended


def test_what_rested_when_a_bot_ended_is_said_to_be_of_then() -> None:
    view = watched(snapshot("live"))
    assert "stop 63,550.2" in side(view)
    assert " on exchange" in side(view)
    view.link = "ended"
    text = side(view)
    assert "was on exchange" in text
    assert "take-profits then" in text
    assert "1 entry then, at 64,096.0 -1.11%" in text
    standing = standing_lines(view, 120)[-1].plain
    assert standing.startswith("as of 12:00:00Z   rested then 5")
    assert "next candle" not in standing


def test_entries_that_were_cancelled_at_the_end_are_gone() -> None:
    stopped = account()
    stopped["orders"] = [order for order in stopped["orders"] if order["role"] != "entry"]
    view = watched(snapshot("live", account=stopped))
    view.link = "ended"
    assert side(view).endswith("no entry rests")


def test_nothing_rests_once_a_paper_exchange_has_ended_with_its_bot() -> None:
    view = watched()
    assert {"entry", "stop", "take-profit"} <= {rung.kind for rung in rungs(view)}
    view.link = "ended"
    text = side(view)
    assert "nothing rests: its exchange has ended" in text
    assert "rests no more" in text
    assert "1 entry" not in text
    assert "take-profits" not in text
    standing = standing_lines(view, 120)[-1].plain
    assert standing.startswith("as of market 01-10 12:00:00Z   today")
    assert {rung.kind for rung in rungs(view)} == {"market", "lot", "average", "anchor"}
    assert view.resting == ()


@pytest.mark.parametrize(
    ("number", "mode", "words"),
    [
        ("2", "live", "as of 12:00:00Z: 2 entries"),
        ("2", "paper", "as of market 01-10 12:00:00Z: 0 entries"),
        ("4", "live", "resting orders  as of 12:00:00Z"),
        ("4", "paper", "[resting 0]"),
    ],
)
async def test_grid_and_orders_say_of_when_they_are(number: str, mode: str, words: str) -> None:
    view = watched(snapshot(mode))
    async with shown(number, view, (80, 24)) as (app, pilot):
        view.link, view.trouble = "ended", "stopped by the operator"
        await until(pilot, lambda: words in screen_text(app), words)
        await settled(pilot)
        assert "rested" in screen_text(app) or (number, mode) != ("4", "live")


# Questions


async def asked(pilot: Pilot[None], app: GridTui, key: str, words: str) -> None:
    await pilot.press(key)
    await until(pilot, lambda: words in screen_text(app), words)


def place_of(app: GridTui, words: str) -> int:
    """The line that has these words."""
    return next(at for at, line in enumerate(screen_text(app).split("\n")) if words in line)


def moved_on(view: BotView) -> None:
    """A second later: another result, the short side closed, and with it half of the orders."""
    told = {**view.quote, "time_ms": NOON_MS + 1_000, "unrealised": [-77.25, 0.0]}
    view.take("quote", told)
    now = account()
    now["sides"]["short"].update(qty=0.0, lots=[], entry=0.0, stop=None)
    now["orders"] = [order for order in now["orders"] if order["side"] == "long"]
    view.take("account", now)


async def test_what_closing_means_follows_the_bot_and_what_was_typed_stays() -> None:
    view = watched(snapshot("live"))
    async with shown("1", view, (80, 24)) as (app, pilot):
        await asked(pilot, app, "X", "long 0.046 (2,981.37 USDT) sold at market: +5.02 USDT")
        assert "as of 12:00:00Z" in screen_text(app)
        assert app.focused is app.screen.query_one("#no")
        await pilot.press("B", "T")
        before = place_of(app, "type BTC LIVE"), place_of(app, "Cancel")
        moved_on(view)
        await until(pilot, lambda: "sold at market: -77.25 USDT" in screen_text(app), "the result")
        text = screen_text(app)
        for words in ("short: no position is open", "6 orders cancelled", "as of 12:00:01Z"):
            assert words in text
        assert (place_of(app, "type BTC LIVE"), place_of(app, "Cancel")) == before
        assert app.screen.query_one(Input).value == "BT"


async def test_what_a_stop_leaves_follows_the_bot_and_cancel_keeps_the_focus() -> None:
    view = watched(snapshot("live"))
    async with shown("1", view, (80, 24)) as (app, pilot):
        await asked(pilot, app, "S", "long 0.046")
        said = app.screen.query_one("#asked", Static)
        assert "long 0.046 and short 0.02 stay" in str(said.content)
        before = place_of(app, "Cancel")
        moved_on(view)
        await until(pilot, lambda: "long 0.046 stay" in str(said.content), "what is left")
        assert place_of(app, "Cancel") == before
        assert app.focused is app.screen.query_one("#no")


@pytest.mark.parametrize("key", ["S", "X"])
async def test_a_question_says_that_its_bot_is_silent_or_has_ended(key: str) -> None:
    clock = Clock()
    view = watched(snapshot("live"), clock)
    async with shown("1", view, (80, 24)) as (app, pilot):
        await asked(pilot, app, key, "long 0.046")
        clock.now += 42
        await until(pilot, lambda: "silent for 42s" in flat(app), "the silence")
        view.link = "ended"
        await until(pilot, lambda: "the bot has ended" in flat(app), "the end")
        view.account = {}
        await until(pilot, lambda: "hat it has" in flat(app), "that nothing is known")


def flat(app: GridTui) -> str:
    """The screen without its lines' ends."""
    return " ".join(screen_text(app).replace("│", " ").split())
