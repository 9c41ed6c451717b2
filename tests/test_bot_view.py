"""What the screens know of a bot. Costs 2 s."""

from datetime import UTC, datetime

import pytest

from tests.bot_documents import QUOTE, account, alarm, bar, reading, snapshot, starting
from tui.bot.view import BotView
from tui.widgets.bot_status import bot_line

NOW = datetime(2025, 1, 10, 12, 0, 0, tzinfo=UTC)


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def connected(clock: Clock, **changes: object) -> BotView:
    view = BotView(clock)
    view.begin(snapshot(**changes))  # type: ignore[arg-type]
    view.link = "connected"
    return view


def line(view: BotView, width: int = 120) -> str:
    return bot_line(view, NOW, width).plain


def test_the_line_on_top_has_mode_price_regime_equity_and_connection(clock: Clock) -> None:
    text = line(connected(clock))
    assert text.startswith(" PAPER   SIMULATED  BTC/USDT  64,812.4  ")
    assert "+0.02%  NOISE  equity  10,284.16  uPnL  +2.56  used 42%  ok 38ms 0.4s" in text
    assert text.endswith("12:00:00Z ")
    assert len(text) == 120


@pytest.mark.parametrize("width", range(60, 130, 7))
def test_at_any_width_the_line_keeps_what_matters_and_is_never_longer(
    clock: Clock, width: int
) -> None:
    text = line(connected(clock, mode="live"), width)
    assert len(text) == width
    for part in (" LIVE ", "64,812.4", "NOISE", "10,284.16", "0.4s", "12:00:00Z"):
        assert part in text
    assert ("ok 38ms 0.4s" if width > 60 else "ok 0.4s") in text


@pytest.mark.parametrize(("width", "said"), [(120, "SIMULATED"), (80, "SIM"), (60, "SIM")])
def test_a_market_that_is_made_up_is_named_as_long_as_there_is_room(
    clock: Clock, width: int, said: str
) -> None:
    words = line(connected(clock), width).split()
    assert [word for word in words if word.startswith("SIM")] == [said]
    assert "ok" in words


def test_silence_is_said_and_the_time_stands_still(clock: Clock) -> None:
    view = connected(clock)
    clock.now += 3
    assert (view.stale, view.candle_left_s) == (False, 230.0)
    clock.now += 9
    assert view.stale
    assert "STALE 12s" in line(view)
    assert view.candle_left_s == 233.0
    view.take("quote", QUOTE)
    assert "ok 38ms" in line(view)


def test_a_lost_connection_counts_its_attempts(clock: Clock) -> None:
    view = connected(clock)
    view.link, view.attempt, view.again_at = "lost", 3, clock.now + 8
    assert "LOST, try 3/10 in 8s" in line(view)
    assert view.stale


@pytest.mark.parametrize(("state", "word"), [("warning", "WARN 38ms"), ("bad", "BAD 38ms")])
def test_health_that_is_not_well_is_in_the_line(clock: Clock, state: str, word: str) -> None:
    view = connected(clock)
    view.take("health", {"readings": [reading("clock", "+900 ms", "500 ms", state)]})
    assert word in line(view)


def test_a_bot_that_starts_has_a_line_too(clock: Clock) -> None:
    view = BotView(clock)
    assert "connecting" in line(view)
    view.begin(starting())
    view.link = "connected"
    assert " PAPER " in line(view)
    assert "BTC/USDT  starting" in line(view)


def test_paused_entries_are_said_at_eighty_columns(clock: Clock) -> None:
    view = connected(clock)
    view.take("quote", {**QUOTE, "paused": ["operator"]})
    assert "PAUSED" in line(view, 80)


def test_an_alarm_stays_until_it_was_seen_and_its_trouble_is_over(clock: Clock) -> None:
    view = connected(clock, alarms=[alarm()])
    assert [each["key"] for each in view.unseen] == ["positions"]
    view.take("alarm", alarm(over=True))
    assert [each["over"] for each in view.unseen] == [True]
    view.acknowledge()
    assert (view.unseen, view.alarms) == ([], {})
    view.take("alarm", alarm())
    view.acknowledge()
    assert (view.unseen, len(view.alarms)) == ([], 1)
    view.take("alarm", alarm(over=True))
    assert view.alarms == {}
    view.take("alarm", alarm())
    assert len(view.unseen) == 1


def test_an_alarm_that_a_new_snapshot_does_not_know_is_over(clock: Clock) -> None:
    view = connected(clock, alarms=[alarm()])
    view.begin(snapshot())
    assert [each["over"] for each in view.unseen] == [True]


def test_a_snapshot_after_a_loss_keeps_older_bars_and_doubles_none(clock: Clock) -> None:
    view = connected(clock)
    view.take("bar", bar(412))
    view.begin(snapshot(bars=[bar(number) for number in range(410, 415)]))
    assert [each["bar"] for each in view.bars] == list(range(300, 415))


def test_events_change_what_they_are_about_and_are_counted(clock: Clock) -> None:
    view = connected(clock)
    view.take("account", account(regime="UPTREND"))
    view.take("order sent", {"client_id": "a", "verb": "place"})
    view.take("trade", {"label": "BUY_OPEN_LONG"})
    view.write(20, "a line")
    assert view.account["regime"] == "UPTREND"
    assert list(view.requests) == [{"kind": "order sent", "client_id": "a", "verb": "place"}]
    assert list(view.trades) == [{"label": "BUY_OPEN_LONG"}]
    assert view.counts == {"snapshot": 1, "account": 1, "order sent": 1, "trade": 1, "line": 1}


def test_the_change_of_a_day_needs_a_day(clock: Clock) -> None:
    view = connected(clock, bars=[bar(number, 60_000.0) for number in range(400, 412)])
    assert view.change_of_day is None
    view = connected(clock, bars=[bar(number, 60_000.0) for number in range(300, 412)])
    assert view.change_of_day == pytest.approx(64_812.4 / 60_000 - 1)
