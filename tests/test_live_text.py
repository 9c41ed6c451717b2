"""What a live run says: trades and equity as in the guide, keys, the status line, the log (2 s)."""

import logging
import sys
from dataclasses import asdict
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.account import LOT
from engine.events import Alarm, BarClosed, GridLaid, HealthRead, Quoted
from engine.live.closings import closing
from engine.live.health import Reading
from engine.live.log import log, run_log, say
from engine.live.wording import LiveText, price_text
from tui.commands.grammar import word_was_typed
from tui.console.live_keys import LiveKeys
from tui.console.live_status import LiveStatus

MS = 1_705_329_000_000  # 2024-01-15 14:30:00
ABOUT = {
    "symbol": "BTC/USDT",
    "mode": "paper",
    "simulated": True,
    "timeframe": "15m",
    "speed": 1.0,
}
CLOSED = {
    "timestamp": MS,
    "label": "SELL_CLOSE_LONG",
    "price": 43_250.0,
    "qty": 0.023,
    "pnl": 12.45,
    "regime": "NOISE",
    "entry_price": 42_700.0,
    "hold_hours": 2.5,
    "r": 1.234,
}


def said(kind: str, payload: dict[str, Any]) -> list[str]:
    return [line for part in LiveText(ABOUT).say(kind, payload) for line in part.text.split("\n")]


def test_a_closing_reads_as_in_the_guide() -> None:
    assert said("trade", CLOSED) == [
        "[2024-01-15 14:30:00] SELL_CLOSE_LONG | BTC/USDT",
        "  Price: $43,250.00 | Qty: 0.023 | PnL: +$12.45 (+1.27%)",
        "  Hold: 2.5h | R: +1.23 | Regime: NOISE",
    ]


def test_an_opening_has_no_result_and_a_trade_without_risk_no_r() -> None:
    opened = CLOSED | {"label": "BUY_OPEN_LONG", "entry_price": None}
    assert said("trade", opened)[1:] == ["  Price: $43,250.00 | Qty: 0.023 | Regime: NOISE"]
    assert said("trade", CLOSED | {"r": None})[-1] == "  Hold: 2.5h | R: n/a | Regime: NOISE"


@pytest.mark.parametrize(
    ("label", "level"),
    [
        ("STOP_LONG", logging.WARNING),
        ("STOP_SHORT", logging.WARNING),
        ("LIQUIDATION", logging.WARNING),
        ("CIRCUIT_BREAKER_HALT", logging.WARNING),
        ("SELL_CLOSE_LONG", logging.INFO),
    ],
)
def test_a_stop_is_no_ordinary_line(label: str, level: int) -> None:
    (line,) = LiveText(ABOUT).say("trade", CLOSED | {"label": label})
    assert line.level == level


def test_an_alarm_of_what_happened_unseen_says_when_it_was_learned() -> None:
    text = LiveText(ABOUT)
    text.say("note", {"time_ms": MS + 3_600_000, "text": "begins", "warning": False})
    (alarm,) = text.say("alarm", asdict(Alarm(MS, "stop long, bar 7", "stop long: 0.046 closed")))
    assert alarm.text == (
        "[2024-01-15 14:30:00] ALARM | stop long: 0.046 closed | learned 2024-01-15 15:30:00"
    )


def test_equity_reads_as_in_the_guide_at_the_close_of_its_candle() -> None:
    bar = BarClosed(7, MS, 43_000.0, 10_234.56, 10_100.0, 0, (80.0, 54.56))
    assert said("bar", asdict(bar)) == [
        "[2024-01-15 14:45:00] EQUITY | $10,234.56 | Wallet: $10,100.00",
        "  UPnL_L: +$80.00 | UPnL_S: +$54.56 | Regime: NOISE",
    ]


@pytest.mark.parametrize(
    ("price", "text"),
    [
        (43_250.0, "$43,250.00"),
        (43_250.15, "$43,250.15"),
        (114.17, "$114.17"),
        (0.09123, "$0.09123"),
        (0.5, "$0.50"),
        (0.0, "$0.00"),
    ],
)
def test_a_price_has_its_cents_and_a_cheap_coin_six_figures(price: float, text: str) -> None:
    assert price_text(price) == text


def test_health_alarms_and_the_grid_are_said_when_they_change() -> None:
    text = LiveText(ABOUT)

    def health(state: str) -> dict[str, Any]:
        return asdict(HealthRead(MS, (Reading("errors", "3", "5 in a row", state),)))  # type: ignore[arg-type]

    lines = [text.say("health", health(state)) for state in ("ok", "bad", "bad", "ok")]
    assert [[one.level for one in each] for each in lines] == [[], [logging.ERROR], [], [20]]
    assert lines[1][0].text == "[2024-01-15 14:30:00] HEALTH | errors bad: 3 (limit 5 in a row)"
    (alarm,) = text.say("alarm", asdict(Alarm(MS, "candle", "the last candle is late")))
    (over,) = text.say("alarm", asdict(Alarm(MS, "candle", "over", over=True)))
    assert (alarm.level, alarm.text) == (
        logging.WARNING,
        "[2024-01-15 14:30:00] ALARM | the last candle is late",
    )
    assert over.text == "[2024-01-15 14:30:00] OVER | candle"
    grid = asdict(GridLaid(1, MS, (1.0, 2.0), False, (("entry", "1", "2"), ("entry", "2", "2"))))
    levels = [text.say("grid", grid)[0].level for _ in range(2)]
    assert levels == [logging.INFO, logging.DEBUG]
    assert text.say("grid", grid)[0].text == "[2024-01-15 14:30:00] GRID | 2 entry"


def lots(*rows: tuple[float, float, int, int, int]) -> Any:
    table = np.zeros(len(rows), LOT)
    for row, (price, qty, hour, bar, level) in zip(table, rows, strict=True):
        row["price"], row["qty"], row["time"] = price, qty, hour * 3_600_000
        row["bar"], row["level"] = bar, level
    return table


def test_a_closing_over_two_lots_has_their_mean_entry_time_and_risk() -> None:
    before = lots((100.0, 1.0, 1, 0, 1), (90.0, 3.0, 3, 1, 2))
    after = lots((90.0, 2.0, 3, 1, 2))
    found = closing(before, after, 14.0, 8 * 3_600_000, np.array([5.0, 2.0]))
    assert found is not None
    assert found.entry_price == 95.0  # one of each lot
    assert found.hold_hours == 6.0  # seven and five
    assert found.r == 2.0  # 14 / (1 * 5 + 1 * 2)


def test_nothing_closed_is_no_closing_and_no_risk_is_no_r() -> None:
    held = lots((100.0, 1.0, 1, 0, 1))
    assert closing(held, held, 0.0, 0, np.array([5.0])) is None
    found = closing(held, lots(), 1.0, 0, np.array([0.0]))
    assert found is not None
    assert found.r is None


def test_a_key_that_is_held_down_pauses_once() -> None:
    now = [0.0]
    keys = LiveKeys("BTC", clock=lambda: now[0])
    assert [keys.press("p", paused) for paused in (False, True, False, True)] == [
        "pause",
        None,
        None,
        None,
    ]
    assert keys.hint(True).startswith("p so soon after p was ignored: wait a second")
    for _ in range(10):  # longer than the guard, at the pace of a keyboard
        now[0] += 0.5
        assert keys.press("p", True) is None
    assert keys.press("S", True) == "stop"
    now[0] += 0.75
    assert keys.press("p", True) == "resume"
    assert keys.hint(False).startswith("p pause")


def test_everything_is_closed_only_by_the_word_and_enter() -> None:
    keys = LiveKeys("BTC", leaves=True)
    assert [keys.press(key, False) for key in "pSq"] == ["pause", "stop", "leave"]
    assert [keys.press(key, False) for key in "XBTpS\n"] == [None] * 5 + ["keep"]
    assert [keys.press(key, False) for key in "XBTX\x7fC\n"] == [None] * 6 + ["flatten"]
    assert [keys.press(key, False) for key in "XBTC\x1b\n"] == [None] * 4 + ["keep", None]
    keys.press("X", False)
    keys.press("B", False)
    assert keys.hint(False).endswith("type BTC, Enter; Esc leaves: B_")


@pytest.mark.parametrize(
    ("typed", "agreed"), [("BTC\n", True), (" BTC \n", True), ("btc\n", False), ("", False)]
)
def test_a_command_does_what_cannot_be_undone_only_after_the_word_to_the_letter(
    typed: str, agreed: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", StringIO(typed))
    assert word_was_typed("BTC", "do it") is agreed
    assert capsys.readouterr().out == "Type BTC to do it, anything else to leave: "


def test_who_only_watches_can_only_leave() -> None:
    keys = LiveKeys("BTC", control=False, leaves=True)
    assert [keys.press(key, False) for key in "pSXBTC\nq"] == [None] * 7 + ["leave"]
    assert "--control" in keys.hint(False)


def test_the_status_line_tells_price_result_orders_and_the_time_to_the_next_candle() -> None:
    status = LiveStatus(ABOUT, LiveText(ABOUT))
    assert status.line() == "PAPER SIMULATED BTC/USDT | starting"
    when = (MS + 90_500, ("operator",), MS, 12.0)
    quote = Quoted(MS, 43_250.0, 10_001.0, 10_000.0, (2.0, -1.0), 6, 1, *when)
    status.take("quote", asdict(quote))
    status.take("health", {"readings": [{"name": "clock", "state": "warning"}]})
    assert status.paused
    assert status.line() == (
        "PAPER SIMULATED BTC/USDT | WARNING: clock | PAUSED: operator | $43,250.00 | uPnL +$1.00"
        " | Eq $10,001.00 | next 01:30 | 6 orders | UPTREND"
    )


def test_the_log_rotates_masks_secrets_and_keeps_libraries_quiet(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "BTCUSDT.log"
    before = logging.getLogger().handlers[:]
    with run_log(path, "DEBUG", ["top-secret"]):
        say(LiveText(ABOUT), "trade", CLOSED)
        log.info("a word with top-secret in it")
        logging.getLogger("ccxt.base").debug("GET https://fapi?signature=1")
        logging.getLogger("aiohttp").warning("a line that matters")
        try:
            raise ValueError("key=top-secret")
        except ValueError:
            log.exception("failed")
        (file,) = [each for each in logging.getLogger().handlers if each not in before]
        assert (file.maxBytes, file.backupCount) == (10_000_000, 5)  # type: ignore[attr-defined]
    text = path.read_text()
    assert text.startswith("[2024-01-15 14:30:00] SELL_CLOSE_LONG | BTC/USDT\n  Price: ")
    assert "INFO | a word with *** in it\n" in text
    assert "WARNING | a line that matters\n" in text
    assert "ValueError: key=***" in text
    assert "signature" not in text
    assert logging.getLogger().handlers == before


def test_a_traceback_is_in_the_file_and_never_before_the_trader(tmp_path: Path) -> None:
    shown = StringIO()
    with run_log(tmp_path / "BTCUSDT.log", "INFO", [], logging.StreamHandler(shown)):
        try:
            raise ValueError("a defect")
        except ValueError:
            log.exception("a bar failed")
    assert shown.getvalue().splitlines()[0].endswith("ERROR | a bar failed")
    assert len(shown.getvalue().splitlines()) == 1
    assert "ValueError: a defect" in (tmp_path / "BTCUSDT.log").read_text()


def test_a_log_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    from state.errors import StateError

    (tmp_path / "file").write_text("")
    with (
        pytest.raises(StateError, match="cannot make"),
        run_log(tmp_path / "file" / "a.log", "INFO", []),
    ):
        sys.exit("never")
