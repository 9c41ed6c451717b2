"""What the screens know of a bot. Costs 2 s."""

from datetime import UTC, datetime

import pytest

from engine.wording import BADGES
from tests.bot_documents import (
    NOON_MS,
    QUOTE,
    account,
    alarm,
    answer,
    bar,
    reading,
    request,
    snapshot,
    starting,
    trade,
)
from tui.bot.view import BotView, alarm_name
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
    view.controls = True
    return view


def line(view: BotView, width: int = 120) -> str:
    return bot_line(view, NOW, width).plain


def test_the_line_on_top_has_mode_price_regime_equity_and_connection(clock: Clock) -> None:
    text = line(connected(clock))
    assert text.startswith(" PAPER   SIMULATED  BTC/USDT  64,812.4  ")
    assert "NOISE  equity 10,284.16  uPnL +2.56  used 29%  risk -76  ok 38ms 0.4s" in text
    assert text.endswith("12:00:00Z ")
    assert len(text) == 120
    assert "+0.02%  NOISE  equity 10,284.16  uPnL +2.56" in line(connected(clock), 130)


@pytest.mark.parametrize("width", range(60, 130, 7))
def test_at_any_width_the_line_keeps_what_matters_and_is_never_longer(
    clock: Clock, width: int
) -> None:
    text = line(connected(clock, mode="live"), width)
    assert len(text) == width
    for part in (" LIVE ", "64,812.4", "NOISE", "10,284", "ok ", "0.4s", "12:00"):
        assert part in text
    if width >= 80:
        for part in ("+2.56", "risk -76", "10,284.16", "12:00:00Z"):
            assert part in text


def test_open_result_and_risk_outlive_the_change_the_quote_and_the_latency(clock: Clock) -> None:
    text = line(connected(clock, mode="live"), 80)
    assert "BTC  64,812.4  NOISE  10,284.16  +2.56  risk -76  ok 0.4s" in text
    assert not any(words in text for words in ("/USDT", "38ms", "+0.02%", "uPnL", "used"))


def told(clock: Clock, **params: float) -> BotView:
    view = connected(clock, mode="live")
    view.about["params"] |= params
    return view


@pytest.mark.parametrize(("mode", "controls"), [("paper", True), ("live", False)])
def test_the_open_risk_outlives_the_seconds_of_the_clock_and_the_cents_of_the_equity(
    clock: Clock, mode: str, controls: bool
) -> None:
    view = connected(clock, mode=mode)
    view.controls = controls
    text = line(view, 80)
    assert "NOISE  10,284.16  +2.56  risk -76  ok 0.4s" in text
    assert text.endswith(" 12:00Z ")
    view.take("quote", {**QUOTE, "price": 107_812.4, "unrealised": [-17.46, 0.0]})
    assert "NOISE  10,284  -17.46  risk -76  ok 0.4s" in line(view, 80)


def test_what_is_used_is_that_of_the_fuller_side_beside_its_cap(clock: Clock) -> None:
    view = told(clock, max_position_pct=0.7)
    assert view.used == pytest.approx(0.046 * 64_812.4 / 10_284.16)
    assert "used 29/70%" in line(view)
    view = told(clock, max_position_pct=0.7, leverage=4)
    assert "used 7/70%" in line(view)


def test_the_open_risk_is_what_all_lots_would_lose_at_their_stops(clock: Clock) -> None:
    view = connected(clock)
    long, short = 0.046 * (63_550.2 - 64_703.1), 0.02 * (64_690.0 - 65_840.0)
    assert view.loss_at_stop("long") == pytest.approx(long)
    assert view.loss_at_stop("short") == pytest.approx(short)
    assert view.open_risk == pytest.approx(long + short)


def test_a_stop_beyond_the_entry_is_a_gain_and_small_amounts_have_cents(clock: Clock) -> None:
    document = account()
    document["sides"]["long"]["stop"] = 64_803.1
    document["sides"]["short"].update(qty=0.0, lots=[], entry=0.0, stop=None)
    assert "risk +4.60" in line(connected(clock, account=document))


def test_no_risk_is_shown_without_a_position_and_a_missing_stop_is_never_left_out(
    clock: Clock,
) -> None:
    document = account()
    for side in document["sides"].values():
        side["stop"] = None
    view = connected(clock, mode="live", account=document)
    assert view.open_risk is None
    assert all("NO STOP" in line(view, width) for width in (80, 120))
    for side in document["sides"].values():
        side.update(qty=0.0, lots=[], entry=0.0)
    text = line(connected(clock, account=document))
    assert "risk" not in text
    assert "NO STOP" not in text


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


def test_a_long_silence_is_an_error(clock: Clock) -> None:
    view = connected(clock)
    for silence, style in ((12, "$warning"), (60, "$warning"), (61, "$error")):
        clock.now = 100.0 + silence
        content = bot_line(view, NOW, 120)
        at = content.plain.index(f"STALE {silence}s")
        assert [span.style for span in content.spans if span.start == at] == [
            f"reverse bold {style}"
        ]


def test_a_lost_connection_counts_its_attempts(clock: Clock) -> None:
    view = connected(clock)
    view.link, view.attempt, view.again_at = "lost", 3, clock.now + 8
    assert "LOST, try 3/10 in 8s" in line(view)
    assert view.stale
    view.fate = "lives"
    assert "LOST, try 3 in 8s" in line(view)


@pytest.mark.parametrize(("state", "word"), [("warning", "WARN 38ms"), ("bad", "BAD 38ms")])
def test_health_that_is_not_well_is_in_the_line(clock: Clock, state: str, word: str) -> None:
    view = connected(clock)
    view.take("health", {"readings": [reading("clock", "+900 ms", "500 ms", state)]})
    assert word in line(view)


def test_a_bot_that_can_only_be_watched_is_marked_at_every_width(clock: Clock) -> None:
    view = connected(clock, mode="live")
    assert "[RO]" not in line(view)
    view.controls = False
    for width in (80, 120, 200):
        assert line(view, width).startswith(" LIVE   [RO]  BTC")
        assert "10,284.16" in line(view, width)
    view.link = "lost"
    assert "[RO]" not in line(view)


class Played:
    """A replay as the line on top sees it."""

    share = 0.34
    moment = NOW

    def __init__(self, words: str) -> None:
        self.words = words


def replayed(clock: Clock, recorded: str, words: str) -> BotView:
    view = connected(clock, mode="replay")
    view.about |= {"recorded": recorded, "simulated": recorded == "paper"}
    view.replay = Played(words)  # type: ignore[assignment]
    return view


@pytest.mark.parametrize("recorded", ["live", "paper", "demo", "dry-run"])
@pytest.mark.parametrize("words", ["x60", "x60 paused", "x10000 end"])
@pytest.mark.parametrize("width", [80, 100, 120])
def test_a_replay_says_whose_money_it_was_and_keeps_the_equity(
    clock: Clock, recorded: str, words: str, width: int
) -> None:
    text = line(replayed(clock, recorded, words), width)
    assert text.startswith(f" REPLAY {BADGES[recorded]} ")
    for part in ("BTC", "64,812.4", "NOISE", "10,284.16", "ok", words.partition(" ")[2]):
        assert part in text
    assert ("SIM" in text) == (recorded == "paper")
    assert "…" not in text


def test_in_a_replay_the_quote_goes_before_the_speed(clock: Clock) -> None:
    view = replayed(clock, "live", "x60 paused")
    assert line(view).startswith(" REPLAY LIVE x60 paused   BTC/USDT ")
    assert line(view, 100).startswith(" REPLAY LIVE x60 paused   BTC  ")
    assert line(view, 80).startswith(" REPLAY LIVE paused   BTC  64,812.4  NOISE  10,284.16")


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


def test_alarms_are_acknowledged_one_by_one_from_the_newest_and_none_unread(clock: Clock) -> None:
    view = connected(clock, alarms=[alarm("clock"), alarm("stop")])
    view.shown_alarm = alarm_name(view.unseen[-1])
    view.take("alarm", alarm("price"))
    view.acknowledge()  # what the line shows, not what has come since
    assert [each["key"] for each in view.unseen] == ["clock", "price"]
    view.acknowledge()  # before the line shows another
    assert [each["key"] for each in view.unseen] == ["clock", "price"]
    for left in (["clock"], []):
        view.shown_alarm = alarm_name(view.unseen[-1])
        view.acknowledge()
        assert [each["key"] for each in view.unseen] == left


def test_what_was_over_before_is_shown_until_it_was_seen_also_after_a_loss(clock: Clock) -> None:
    stop = alarm("stop long, bar 7", "stop long: 0.046 closed", over=True)
    view = connected(clock, alarms=[stop])
    assert [each["over"] for each in view.unseen] == [True]
    view.acknowledge()
    view.begin(snapshot(alarms=[stop]))
    assert view.unseen == []
    view.begin(snapshot(alarms=[stop | {"time_ms": stop["time_ms"] + 1}]))
    assert len(view.unseen) == 1


def test_an_alarm_that_is_told_anew_with_more_is_the_newest_and_unread(clock: Clock) -> None:
    view = connected(clock, alarms=[alarm("stop", "0.023 closed"), alarm("clock")])
    view.take("alarm", alarm("stop", "0.046 closed") | {"time_ms": NOON_MS + 1})
    assert [each["text"] for each in view.unseen][-1] == "0.046 closed"
    assert len(view.unseen) == 2


def test_an_alarm_that_a_new_snapshot_does_not_know_is_over(clock: Clock) -> None:
    view = connected(clock, alarms=[alarm()])
    view.begin(snapshot())
    assert [each["over"] for each in view.unseen] == [True]


def test_a_snapshot_after_a_loss_keeps_older_bars_and_doubles_none(clock: Clock) -> None:
    view = connected(clock)
    view.take("bar", bar(412))
    view.begin(snapshot(bars=[bar(number) for number in range(410, 415)]))
    assert [each["bar"] for each in view.bars] == list(range(300, 415))


def test_a_snapshot_after_a_loss_keeps_older_trades_and_requests_and_doubles_none(
    clock: Clock,
) -> None:
    trades = [trade("BUY_OPEN_LONG", 64_000.0 + n, 0.01, 3_000 - 10 * n) for n in range(250)]
    requests = [
        each
        for n in range(200)
        for each in (request("place", f"g{n}", 900 - n), answer(f"g{n}", "open", 900 - n))
    ]
    view = connected(clock, trades=trades[:150], requests=requests[:250])
    for row in trades[150:220]:
        view.take("trade", row)
    view.begin(snapshot(trades=trades[50:], requests=requests[100:]))
    assert list(view.trades) == trades
    assert list(view.requests) == requests
    view.begin(snapshot(trades=trades[50:], requests=requests[100:]))
    assert (len(view.trades), len(view.requests)) == (250, 400)


def test_one_trade_of_the_exchange_that_closes_two_lots_stays_two_rows(clock: Clock) -> None:
    lots = [trade("SELL_CLOSE_LONG", 65_140.0, 0.01, 60, pnl) for pnl in (3.0, 4.0)]
    lots[1]["entry_price"] -= 250.0
    view = connected(clock, trades=lots[:1])
    view.begin(snapshot(trades=lots))
    assert list(view.trades) == lots


def test_the_clock_goes_on_from_the_last_price_whatever_else_is_told(clock: Clock) -> None:
    about = snapshot()["about"] | {"speed": 60.0}
    view = connected(clock, about=about)
    clock.now += 0.9
    before = view.now_ms
    assert before == QUOTE["time_ms"] + 54_000
    view.take("health", {"readings": []})
    view.begin(snapshot(about=about))
    assert view.now_ms == before
    view.take("quote", {**QUOTE, "time_ms": QUOTE["time_ms"] + 60_000})
    assert view.now_ms == QUOTE["time_ms"] + 60_000


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
