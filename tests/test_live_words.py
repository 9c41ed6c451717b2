"""What a live run says of commands, outages, late bars and a narrow terminal (1 s)."""

import logging
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engine.account import new_state
from engine.events import BarClosed, HealthRead, Noted, Quoted
from engine.live.beginning import changed, introduction
from engine.live.config import BotConfig
from engine.live.farewell import left_behind, remains
from engine.live.log import TO_FILE_ALONE, log, run_log
from engine.live.memory import Memory
from engine.live.orders import Purpose, Sent
from engine.live.outage import REMINDER_S, Outage
from engine.live.wording import LiveText
from engine.params import StrategyParams
from exchange.outcomes import Action, Refused, Unreachable
from exchange.symbol import Symbol
from tests.bot_documents import account, snapshot
from tui.console.live_status import LiveStatus
from tui.console.watching import _standing

MS = 1_705_329_000_000  # 2024-01-15 14:30:00
BAR_MS = 900_000
ABOUT = {"symbol": "BTC/USDT", "mode": "live", "simulated": False, "timeframe": "15m", "speed": 1.0}


def text_at(now_ms: int) -> LiveText:
    """Knows the time by its last health reading."""
    text = LiveText(ABOUT)
    text.say("health", asdict(HealthRead(now_ms, ())))
    return text


def bar(decided: bool = True) -> dict[str, Any]:
    return asdict(BarClosed(7, MS, 43_000.0, 10_000.0, 10_000.0, 0, (0.0, 0.0), decided))


def test_a_bar_that_was_learned_late_bears_both_times() -> None:
    (late,) = text_at(MS + BAR_MS + 3_600_000).say("bar", bar())
    assert late.text.splitlines()[0] == (
        "[2024-01-15 14:45:00] EQUITY | $10,000.00 | Wallet: $10,000.00 | "
        "learned 2024-01-15 15:45:00"
    )
    (soon,) = text_at(MS + BAR_MS + 5_000).say("bar", bar())
    assert "learned" not in soon.text


def test_a_bar_that_was_not_decided_is_named() -> None:
    (said,) = LiveText(ABOUT).say("bar", bar(decided=False))
    assert said.text.splitlines()[-1].startswith("  Bar 14:30 was not decided")
    assert "not decided" not in LiveText(ABOUT).say("bar", bar())[0].text


def test_a_note_is_a_line_of_its_level() -> None:
    text = LiveText(ABOUT)
    (plain,) = text.say("note", asdict(Noted(MS, "pause: done")))
    (warning,) = text.say("note", asdict(Noted(MS, "a request failed", warning=True)))
    assert (plain.level, warning.level) == (logging.INFO, logging.WARNING)
    assert plain.text == "[2024-01-15 14:30:00] NOTE | pause: done"


def test_an_order_that_is_sent_names_its_side_and_role() -> None:
    sent = {"time_ms": MS, "verb": "place", "client_id": "gtk3-1-L-e2-0", "qty": "0.01"}
    (said,) = LiveText(ABOUT).say("order sent", sent | {"price": "43000"})
    assert said.text.endswith("SENT | place long entry 0.01 at 43000 (gtk3-1-L-e2-0)")
    by = "operator: resume, by the screens, process 7"
    (said,) = LiveText(ABOUT).say("order sent", sent | {"price": "43000", "by": by})
    assert said.text.endswith(f"(gtk3-1-L-e2-0) | by {by}")


def test_a_result_of_nothing_has_no_minus() -> None:
    row = {
        "timestamp": MS,
        "label": "SELL_CLOSE_LONG",
        "price": 43_250.0,
        "qty": 0.023,
        "pnl": -0.001,
        "regime": "NOISE",
        "entry_price": 42_700.0,
        "hold_hours": 2.5,
        "r": None,
    }
    assert "PnL: +$0.00 (+0.00%)" in LiveText(ABOUT).say("trade", row)[0].text


class _Run:
    """What an outage is told of."""

    def __init__(self) -> None:
        self.now_ms, self.said = MS, []
        self.clock = SimpleNamespace(now_ms=lambda: self.now_ms)

    def tell(self, event: Noted) -> None:
        self.said.append(event.text)


def test_a_long_outage_is_told_at_its_start_every_five_minutes_and_at_its_end() -> None:
    run, now_s = _Run(), 0.0
    outage = Outage(run, lambda: now_s)  # type: ignore[arg-type]
    failure = Unreachable("no answer")
    failure.where = "GET klines, HTTP 503"
    for second in range(0, 661, 30):
        now_s, run.now_ms = float(second), MS + second * 1000
        outage.failed(failure, "flattening" if second > 600 else None)
    outage.over()
    outage.over()
    assert len(run.said) == 4
    assert "GET klines, HTTP 503" in run.said[0]
    assert run.said[1].startswith(f"11 failures in {int(REMINDER_S) // 60} min 0 s, the last: ")
    assert run.said[3] == "all is answered again after 11 min 0 s and 23 failures"


def test_who_waits_for_an_ending_is_told_that_it_is_not_confirmed() -> None:
    run = _Run()
    Outage(run).failed(Unreachable("no answer"), "flattening")  # type: ignore[arg-type]
    assert "flattening is not confirmed yet" in run.said[0]


def test_one_failure_that_passes_has_no_end_to_tell() -> None:
    run = _Run()
    outage = Outage(run)  # type: ignore[arg-type]
    outage.failed(Unreachable("no answer"))
    outage.over()
    assert len(run.said) == 1


def test_no_advice_tells_the_operator_to_tell_the_operator() -> None:
    assert not [action for action in Action if "tell the operator" in action]
    assert str(Refused("no", action=Action.HALT)).endswith("somebody has to settle it")


def quote(**changes: Any) -> dict[str, Any]:
    when = (MS + 90_500, (), MS, 12.0)
    told = asdict(Quoted(MS, 43_250.0, 10_001.0, 10_000.0, (2.0, -1.0), 6, 1, *when))
    return told | changes


def status(**changes: Any) -> LiveStatus:
    made = LiveStatus(ABOUT, LiveText(ABOUT))
    made.take("quote", quote(**changes))
    sides = {"long": {"qty": 0.023}, "short": {"qty": 0.02}}
    made.take("account", {"sides": sides})
    made.take("health", {"readings": [{"name": "positions", "state": "bad"}]})
    return made


def test_what_is_wrong_comes_first_and_the_least_wanted_gives_way() -> None:
    made = status(paused=["operator"])
    whole = made.line()
    assert whole.startswith("LIVE BTC/USDT | BAD: positions | PAUSED: operator | $43,250.00 | L 0.")
    assert "L 0.023 S 0.02" in whole
    for width in (120, 80, 70):
        line = made.line(width)
        assert len(line) <= width
        assert whole.startswith(line)
    assert made.line(80).endswith("| L 0.023 S 0.02")


def test_an_old_price_bears_its_age() -> None:
    assert "old" not in status().line()
    assert "$43,250.00 (45 s old)" in status(price_ms=MS - 45_000).line()


def test_a_monitor_shows_each_order_and_what_is_not_ours() -> None:
    sides = account()["sides"]
    sides["short"]["not_ours"] = "0.008"
    document = snapshot(account=account(sides=sides))
    lines = list(_standing(document, LiveText(document["about"])))
    assert "  not ours: short 0.008" in lines
    told = document["account"]["orders"]
    assert f"  {len(told)} orders of ours" in lines
    shown = [line.split() for line in lines if line.startswith("    ")]
    assert len(shown) == len(told)
    assert ["$65,840.00", "0.020", "short", "stop"] in shown
    prices = [float(price.strip("$").replace(",", "")) for price, *_ in shown]
    assert prices == sorted(prices, reverse=True)


def memory(tmp_path: Path, **params: Any) -> tuple[BotConfig, Memory]:
    config = BotConfig(Symbol("BTC"), "paper", StrategyParams(**params), tmp_path)
    made = Memory.fresh("abc", "BTCUSDT", "15m", config.params.model_dump(), 500.0, 0)
    made.kernel = new_state(500.0)
    return config, made


def test_a_run_begins_with_account_server_capital_and_what_is_not_the_default(
    tmp_path: Path,
) -> None:
    config, made = memory(tmp_path, gamma=0.3, leverage=2)
    made.not_ours = [Decimal("0.008"), Decimal(0)]
    assert introduction(config, made, "a server") == (
        "begins at a server, account paper; capital 500.00 USDT; leverage 2x; 0 lots and 0 orders "
        "of ours; not ours: long 0.008; parameters that are not the defaults: gamma=0.3"
    )
    assert changed(StrategyParams()) == ""


def resting(side: int, role: Any, qty: str) -> Sent:
    client_id = Purpose(side, role, (1, 1, 0)).client_id("abc", 0)
    return Sent(client_id, Decimal(qty), Decimal(1), "resting")


@pytest.mark.parametrize(
    ("orders", "words"),
    [
        ([], "short 0.011 with NO STOP, no take-profit until --resume: they are laid at the next"),
        ([("stop", "0.011")], "short 0.011 with 1 stop, no take-profit until --resume"),
        (
            [("stop", "0.011"), ("near take-profit", "0.006")],
            "short 0.011 with 1 stop and 1 take-profit, 0.005 of it without one until --resume",
        ),
        (
            [("stop", "0.011"), ("near take-profit", "0.006"), ("far take-profit", "0.005")],
            "short 0.011 with 1 stop and 2 take-profits",
        ),
    ],
)
def test_a_stop_counts_what_really_rests(
    tmp_path: Path, orders: list[tuple[str, str]], words: str
) -> None:
    _, made = memory(tmp_path)
    run: Any = SimpleNamespace(memory=made, kernel=SimpleNamespace(state=made.kernel))
    assert left_behind(run) == "no position is open"
    made.kernel[0]["sides"][1]["qty"] = 0.011
    for role, qty in orders:
        sent = resting(1, role, qty)
        made.orders[str(sent.client_id)] = sent
    said = left_behind(run)
    assert said.startswith(words)
    assert "long" not in said
    made.not_ours = [Decimal("0.008"), Decimal("0.020")]
    assert remains(run) == "long 0.008, short 0.02"


def test_what_a_terminal_says_in_another_way_is_in_the_file_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with run_log(tmp_path / "a.log", "INFO", [], logging.StreamHandler()):
        log.error("ended: no room", extra={TO_FILE_ALONE: True})
    assert capsys.readouterr().err == ""
    assert "ended: no room" in (tmp_path / "a.log").read_text()


def test_a_log_on_a_full_disk_says_so_once_and_hurts_nobody() -> None:
    said: list[str] = []
    with run_log(Path("/dev/full"), "INFO", [], None, said.append):
        log.info("a line")
        log.info("another")
    (lost,) = said
    assert "the log has lines missing: cannot write /dev/full: No space left" in lost
