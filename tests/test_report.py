"""What a result looks like on the console, as CSV, as JSON and as pictures (about 5 s)."""

import csv
import io
import json
import math
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.band import Band, fill_model_band
from engine.charts import COLUMNS, thinned, write_equity_chart, write_trade_chart
from engine.document import coin_document, to_json
from engine.events import CandlesLoaded
from engine.export import TRADE_COLUMNS, write_trades, write_whole
from engine.job import BacktestJob
from engine.progress import ProgressLine
from engine.report import ConsoleReport, band_line, console_for, header
from engine.rules import FILL_MODELS
from engine.simulator import PORTFOLIO, BacktestSimulator
from engine.summary import NUMBER_ENDS, Row, Section, no_order_note, portfolio_summary, summary
from exchange.symbol import Symbol

HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    return BacktestSimulator({"leverage": 2}, source="sim").run_multi(
        ["BTC", "SOL"], "2024-01-01", "2024-03-01"
    )


@pytest.fixture(scope="module")
def result(results: dict[str, Any]) -> dict[str, Any]:
    return results["BTC/USDT"]


def text_of(sections: tuple[Section, ...]) -> str:
    return "\n".join(str(row) for section in sections for row in section.rows)


def test_rows_look_as_in_the_guide_with_their_last_digits_in_one_column() -> None:
    assert str(Row("Return", "+12.45", "%")) == "  Return             +12.45%"
    assert str(Row("Buy & Hold", "+85.30", "%")) == "  Buy & Hold         +85.30%"
    assert str(Row("Max Drawdown", "8.23", "%")) == "  Max Drawdown         8.23%"
    assert str(Row("Sharpe", "1.234")) == "  Sharpe              1.234"


def test_the_header_looks_as_in_the_guide(tmp_path: Path) -> None:
    job = BacktestJob.checked({}, {"coins": ["BTC/USDT"]}, source="sim", data_dir=tmp_path)
    assert header(job) == [
        "GridStrategyV4 | Hedge Mode | KAMA Regime | 15m Candles",
        "Capital: $10,000 | Leverage: 1x | Short: ON",
        "Coins: ['BTC'] | Period: 2024-01-01 → now",
    ]


def test_the_header_says_what_was_chosen_and_that_each_coin_has_its_own_capital() -> None:
    job = BacktestJob.checked(
        {"allow_short": False, "leverage": 5, "initial_capital": 2500.5, "use_ml_regime": True},
        {"coins": ["BTC", "ETH"], "end_date": "2024-06-30", "timeframe": "1h"},
    )
    assert header(job) == [
        "GridStrategyV4 | Long-Only Mode | GMM Regime | 1h Candles",
        "Capital: $2,500.50 per coin | Leverage: 5x | Short: OFF",
        "Coins: ['BTC', 'ETH'] | Period: 2024-01-01 → 2024-06-30",
    ]


def test_all_numbers_end_in_one_column(results: dict[str, Any]) -> None:
    rows = [
        row
        for sections in (summary(results["BTC/USDT"]), portfolio_summary(results, PORTFOLIO))
        for section in sections
        for row in section.rows
        if row.value
    ]
    assert len(rows) > 60
    for row in rows:
        assert str(row)[:NUMBER_ENDS].endswith(row.value), row


def test_lines_fit_a_terminal_of_80_columns(results: dict[str, Any]) -> None:
    for sections in (summary(results["BTC/USDT"]), portfolio_summary(results, PORTFOLIO)):
        assert max(len(line) for line in text_of(sections).splitlines()) <= 80


def test_undefined_ratios_read_as_not_available() -> None:
    idle = BacktestSimulator(
        {"order_pct": 0.0, "circuit_breaker_enabled": False}, source="sim"
    ).run_single("BTC", "2024-01-01", "2024-01-20")
    values = {row.label: row.value for row in summary(idle)[0].rows}
    assert idle["trades"] == []
    for label in ("Sharpe", "Sortino", "Calmar", "Win Rate", "Profit Factor"):
        assert values[label] == "n/a"


def test_win_rate_and_profit_factor_say_what_they_are_of(result: dict[str, Any]) -> None:
    rows = {row.label: row for section in summary(result) for row in section.rows}
    assert rows["Win Rate"].note.endswith("closings, before opening fees")
    assert rows["Profit Factor"].note.endswith(", before opening fees")


@pytest.mark.parametrize(("capital", "traded"), [(2_000.0, False), (10_000.0, True)])
def test_a_capital_too_small_for_any_order_is_said_and_only_then(
    capital: float, traded: bool
) -> None:
    simulator = BacktestSimulator({"initial_capital": capital}, source="sim")
    result = simulator.run_single("BTC", "2024-01-01", "2024-03-01")
    note = no_order_note(result)
    assert (result["metrics"]["total_trades"] > 0) == traded
    assert bool(note) != traded
    if note:
        assert "orders of 50.00 USDT, rounded down to steps of 0.001," in note
        assert "below the 60.00 that BTC/USDT needs" in note
        assert coin_document(result, None)["notes"][-1] == note


def test_loaded_candles_are_told_in_the_guides_form_and_with_their_dates() -> None:
    job = BacktestJob.checked({}, {"coins": ["BTC"]}, source="sim")
    console = console_for(io.StringIO())
    report = ConsoleReport(job, console, ProgressLine(console))
    loaded = CandlesLoaded("BTC", 96, 1_704_067_200_000, 1_704_152_700_000, "", False, "real")
    report(loaded)
    assert console.file.getvalue().splitlines()[-2:] == [
        "  96 candles loaded (1704067200000 → 1704152700000)",
        "  2024-01-01 00:00 UTC → 2024-01-01 23:45 UTC",
    ]


def test_regimes_are_shares_of_all_bars(result: dict[str, Any]) -> None:
    rows = next(s for s in summary(result) if s.title.startswith("Regimes")).rows
    assert [row.label for row in rows] == [
        "NOISE",
        "UPTREND",
        "DOWNTREND",
        "BREAKOUT_UP",
        "BREAKOUT_DOWN",
    ]
    assert sum(float(row.value) for row in rows) == pytest.approx(100.0, abs=0.03)


def test_prunes_are_told_apart_by_their_reason(result: dict[str, Any]) -> None:
    row = next(r for s in summary(result) for r in s.rows if r.label == "Prunes")
    counted = {name: n for name, n in result["metrics"]["prunes_by_type"].items() if n}
    assert len(counted) > 1
    assert row.note == ", ".join(
        f"{name[6:].lower().replace('_', ' ')} {n}" for name, n in counted.items()
    )


def test_a_summary_says_where_funding_and_market_come_from_and_what_is_missing(
    result: dict[str, Any],
) -> None:
    gaps = [[1_704_067_200_000, 3], [1_704_153_600_000, 1]]
    text = text_of(summary({**result, "funding": "real with holes", "gaps": gaps}))
    text = " ".join(text.split())
    assert "SYNTHETIC where unknown" in text
    assert "4 missing candles in 2 gaps: 2024-01-01 00:00 UTC (3)" in text
    assert "tick 0.1, step 0.001, minimum notional 50 (tick, step and minimum notional" in text
    assert "margin tiers: Binance, 2024-10-24" in text
    assert "path (default: limits fill when the bar's path reaches them)" in text


def test_the_source_row_of_a_simulated_market_says_so(result: dict[str, Any]) -> None:
    row = next(r for s in summary(result) for r in s.rows if r.label == "Source")
    assert "SIMULATED" in row.note


def test_a_band_that_crosses_zero_is_noticed() -> None:
    crossing = Band({"touch": 14.1, "path": 12.45, "strict": -1.9})
    assert crossing.sign_changes
    assert not Band({"touch": 14.1, "path": 12.45, "strict": 1.9}).sign_changes
    assert not Band({"touch": 0.0, "path": 0.0, "strict": -1.0}).sign_changes
    assert band_line(Symbol("BTC"), crossing) == (
        "  BTC         touch  +14.10%   path  +12.45%   strict   -1.90%"
    )


def test_the_band_runs_the_same_candles_under_each_fill_model() -> None:
    def simulator(**settings: Any) -> BacktestSimulator:
        return BacktestSimulator({"leverage": 2}, source="sim", detail_timeframe="5m", **settings)

    period = ("SOL", "2024-01-01", "2024-02-01")
    band = fill_model_band(simulator().run_single(*period))
    assert list(band.returns) == list(FILL_MODELS)
    assert len(set(band.returns.values())) == len(FILL_MODELS)
    for model, returned in band.returns.items():
        alone = simulator(fill_model=model).run_single(*period)
        assert returned == alone["metrics"]["total_return_pct"]


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def final_wallet(rows: list[dict[str, str]], metrics: Mapping[str, Any]) -> float:
    """Final wallet from the trade log alone, insurance aside."""
    money = [metrics["initial_capital"], metrics["insurance"]]
    for row in rows:
        money += [float(row["pnl"]), float(row["funding"])]
        if "OPEN" in row["label"]:
            money.append(-float(row["fee"]))
    return math.fsum(money)


def test_the_trade_log_has_the_guides_columns_first(result: dict[str, Any], tmp_path: Path) -> None:
    write_trades(result, tmp_path / "deep" / "BTC_trades.csv")
    rows = rows_of(tmp_path / "deep" / "BTC_trades.csv")
    guide = ["bar", "timestamp", "datetime", "price", "qty", "label", "regime", "pnl"]
    assert list(rows[0])[:8] == guide
    assert list(rows[0]) == list(TRADE_COLUMNS)
    assert len(rows) == len(result["trades"])
    assert [float(row["price"]) for row in rows] == result["fills"]["price"].tolist()


def test_the_trade_log_adds_up_to_the_final_wallet(result: dict[str, Any], tmp_path: Path) -> None:
    write_trades(result, tmp_path / "log.csv")
    found = final_wallet(rows_of(tmp_path / "log.csv"), result["metrics"])
    assert found == pytest.approx(float(result["state"]["wallet"][0]), abs=1e-6)
    assert found == pytest.approx(result["metrics"]["final_capital"], abs=1e-6)


@pytest.mark.market_data
@pytest.mark.parametrize("coin", ["BTC", "ETH", "SOL"])
@pytest.mark.parametrize("leverage", [1, 40])
def test_trade_logs_of_real_markets_add_up_to_the_cent(
    market_data: Path, tmp_path: Path, coin: str, leverage: int
) -> None:
    result = BacktestSimulator({"leverage": leverage}, source=market_data).run_single(
        coin, "2022-01-01", "2023-01-01"
    )
    write_trades(result, tmp_path / "log.csv")
    rows = rows_of(tmp_path / "log.csv")
    assert len(rows) > 100
    assert final_wallet(rows, result["metrics"]) == pytest.approx(
        result["metrics"]["final_capital"], abs=0.005
    )


@pytest.mark.market_data
def test_the_trade_log_of_a_liquidated_account_adds_up_too(
    market_data: Path, tmp_path: Path
) -> None:
    reckless = {
        "leverage": 20,
        "order_pct": 1.0,
        "max_position_pct": 1.0,
        "max_drawdown_pct": 1.0,
        "var_horizon_bars": 0.5,
        "atr_sl_mult": 100.0,
        "deviance_sigma": 1000.0,
        "gap_prune_mult": 1000.0,
        "offset_prune_ratio": 1000.0,
        "max_position_age_hours": 10_000.0,
        "prune_cooldown_bars": 1000,
        "circuit_breaker_enabled": False,
    }
    result = BacktestSimulator(reckless, source=market_data).run_single(
        "SOL", "2022-11-01", "2022-12-01"
    )
    write_trades(result, tmp_path / "log.csv")
    metrics = result["metrics"]
    assert metrics["liquidations"] == 1
    assert (
        next(r for s in summary(result) for r in s.rows if r.label == "Liquidations").tone == "bad"
    )
    assert final_wallet(rows_of(tmp_path / "log.csv"), metrics) == pytest.approx(
        metrics["final_capital"], abs=0.005
    )


def test_a_log_without_trades_is_a_header(result: dict[str, Any], tmp_path: Path) -> None:
    write_trades({**result, "fills": result["fills"][:0]}, tmp_path / "log.csv")
    assert (tmp_path / "log.csv").read_text().split() == [",".join(TRADE_COLUMNS)]


def test_a_file_that_cannot_be_finished_leaves_the_old_one_whole(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("old")

    def half(partial: Path) -> None:
        partial.write_text("ha")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left") as failure:
        write_whole(path, half)
    assert failure.value.filename == str(path)
    assert [p.name for p in tmp_path.iterdir()] == ["log.csv"]
    assert path.read_text() == "old"


def test_json_has_null_where_a_number_is_not_finite(result: dict[str, Any]) -> None:
    document = coin_document(result, Band({"touch": float("nan"), "path": 1.0, "strict": -1.0}))
    plain = json.loads(to_json(document))
    assert plain["band"] == {
        "return_pct": {"touch": None, "path": 1.0, "strict": -1.0},
        "sign_changes": False,
    }
    assert plain["simulated"] is True
    assert plain["metrics"]["total_return_pct"] == result["metrics"]["total_return_pct"]
    assert sum(plain["regime_pct"].values()) == pytest.approx(100.0)
    assert plain["market"]["tick"] == "0.1"


def test_small_steps_are_written_without_exponents(result: dict[str, Any]) -> None:
    doge = BacktestSimulator(source="sim").run_single("DOGE", "2024-01-01", "2024-01-10")
    assert "E" not in json.dumps(coin_document(doge, None)["market"]["step"])
    assert coin_document(result, None)["band"] is None


def test_a_thinned_line_keeps_the_extremes_of_every_column() -> None:
    rng = np.random.default_rng(5)
    times = np.arange(50_000, dtype=np.int64) * HOUR_MS
    values = rng.normal(size=50_000).cumsum()
    x, y = thinned(times, values, HOUR_MS)
    assert len(x) == len(y) == 2 * COLUMNS
    assert np.nanmax(y) == values.max()
    assert np.nanmin(y) == values.min()
    column = values[np.searchsorted(times, x[200].astype(np.int64)) :][: 50_000 // COLUMNS]
    assert y[200] == pytest.approx(column.min())


@pytest.mark.parametrize("bars", [200, 40_000])
def test_a_line_is_broken_where_candles_are_missing(bars: int) -> None:
    times = np.arange(bars, dtype=np.int64) * HOUR_MS
    times[bars // 2 :] += bars * HOUR_MS
    x, y = thinned(times, np.ones(bars), HOUR_MS)
    broken = x[np.isnan(y)].astype(np.int64)
    assert len(broken) > 0
    assert broken.min() >= times[bars // 2 - 1]
    assert broken.max() <= times[bars // 2]


def size_of(path: Path) -> tuple[int, int]:
    """Width and height in a PNG's header."""
    head = path.read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    return int.from_bytes(head[16:20]), int.from_bytes(head[20:24])


def test_charts_are_drawn_in_full_size(result: dict[str, Any], tmp_path: Path) -> None:
    write_equity_chart(result, tmp_path / "BTC_equity.png")
    write_trade_chart(result, tmp_path / "BTC_trades.png")
    assert size_of(tmp_path / "BTC_equity.png") == (1430, 825)
    assert size_of(tmp_path / "BTC_trades.png")[0] == 1430
    assert len(list(tmp_path.iterdir())) == 2


def test_many_trades_are_spread_over_rows(result: dict[str, Any], tmp_path: Path) -> None:
    write_trade_chart({**result, "fills": result["fills"][:200]}, tmp_path / "few.png")
    write_trade_chart({**result, "fills": np.tile(result["fills"], 8)}, tmp_path / "many.png")
    assert size_of(tmp_path / "many.png")[1] > size_of(tmp_path / "few.png")[1] == 825


def test_charts_can_be_drawn_without_a_single_trade(result: dict[str, Any], tmp_path: Path) -> None:
    still = np.full(len(result["equity_curve"]), 10_000.0)
    idle = {**result, "fills": result["fills"][:0], "trades": [], "equity_curve": still}
    for write in (write_equity_chart, write_trade_chart):
        write(idle, tmp_path / "idle.png")
        assert size_of(tmp_path / "idle.png") == (1430, 825)


def test_a_simulated_market_is_marked_in_the_picture(
    result: dict[str, Any], tmp_path: Path
) -> None:
    write_equity_chart(result, tmp_path / "simulated.png")
    write_equity_chart({**result, "simulated": False}, tmp_path / "real.png")
    assert (tmp_path / "simulated.png").read_bytes() != (tmp_path / "real.png").read_bytes()


def test_charts_leave_pyplot_alone_and_reports_leave_matplotlib_alone() -> None:
    code = (
        "import sys, engine.report, engine.job\n"
        "assert 'matplotlib' not in sys.modules, 'report'\n"
        "import engine.charts\n"
        "assert 'matplotlib' not in sys.modules, 'import of charts'\n"
        "engine.charts._figure(3).savefig('/dev/null', format='png')\n"
        "assert 'matplotlib.pyplot' not in sys.modules, 'pyplot'\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
