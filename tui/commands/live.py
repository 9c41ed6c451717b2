"""`gridtui live`: one bot in this process, with or without a terminal."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tui.commands.bot_arguments import (
    add_bot_arguments,
    bot_config,
    keys_for,
    mode_of,
    require_flags_that_fit,
)
from tui.commands.briefing import EVIDENCE, UNPROVEN, briefing, vouched
from tui.commands.grammar import word_was_typed
from tui.errors import UsageError

if TYPE_CHECKING:
    from engine.live.config import BotConfig
    from engine.live.preflight import Preflight
    from engine.optimize.verdict import Status
    from exchange.binance.keys import FoundKeys


def add_live(commands: Any) -> None:
    command = commands.add_parser(
        "live",
        help="trade: real money, demo trading, a dry run or on paper",
        description="Run the strategy on an exchange. Without --dry-run, --testnet or --paper the "
        "money is real. SIGINT and SIGTERM stop it: entries are cancelled, positions stay with "
        "their take-profits and stops, --resume goes on.",
    )
    command.set_defaults(run=_live)
    add_bot_arguments(command, coin_required=True)
    add = command.add_argument
    add("--headless", action="store_true", help="no screen; goes on when the terminal is closed")
    add("--yes", action="store_true", help="do not ask before trading real money")
    add(
        "--log-level",
        default="INFO",
        type=str.upper,
        choices=("DEBUG", "INFO", "WARNING", "ERROR"),
        help="default: INFO",
    )


def _live(args: argparse.Namespace) -> int:
    terminal = all(stream.isatty() for stream in (sys.stdin, sys.stdout))
    require_flags_that_fit(args)
    mode = mode_of(args)
    if mode == "live" and not args.yes and not terminal:
        raise UsageError("real money is traded without being asked about only with --yes")
    found = keys_for(args)
    config = bot_config(args, found, mode)
    print(_banner(config), flush=True)
    secrets = [config.keys.api_key, config.keys.secret] if config.keys else []
    warnings: list[str] = []
    if mode != "paper":
        looked = _looked(config, found, warnings)
        if mode == "live":
            evidence = vouched(config)
            told = briefing(config, found, looked, evidence)
            if args.yes:
                _print_row("evidence", EVIDENCE[evidence])
            elif not _confirmed(told, config.symbol.coin, evidence):
                print("nothing was done")
                return 0
            _log_evidence(config, args.log_level, secrets, evidence)
    from tui.console.live_run import run_bot

    screen = terminal and not args.headless
    return run_bot(config, args.log_level, secrets, screen=screen, warnings=warnings)


def _looked(config: "BotConfig", found: "FoundKeys | None", warnings: list[str]) -> "Preflight":
    """Look at everything first; what is not well is printed, and added to `warnings`.

    Raises:
        DataError: something forbids to trade.
    """
    from engine.live.preflight import preflight
    from exchange.errors import DataError
    from tui.commands.doctor import line_of, said_of

    looked = asyncio.run(preflight(config, found.notes if found else ()))
    for check in looked.checks:
        if check.state == "warning":
            print(line_of(check), flush=True)
            warnings.append(said_of(check))
    if looked.bad:
        first, more = looked.bad[0], len(looked.bad) - 1
        advice = f"; {first.advice}" if first.advice else ""
        others = f" (and {more} more: gridtui doctor names them)" if more else ""
        raise DataError(f"not started: {first.name}: {first.value}{advice}{others}")
    return looked


def _log_evidence(
    config: "BotConfig", level: str, secrets: Sequence[str], evidence: "Status"
) -> None:
    """On which word real money was traded stands in the log of the run."""
    import logging

    from engine.live.log import log, run_log

    grade = logging.INFO if evidence == "passing" else logging.WARNING
    with run_log(config.log_file, level, secrets):
        log.log(grade, "evidence: %s", EVIDENCE[evidence])


def _confirmed(told: Sequence[tuple[str, str]], word: str, evidence: "Status") -> bool:
    """Say what is about to happen with real money, and have a word typed."""
    for label, text in told:
        _print_row(label, text)
    if not word_was_typed(word, "trade real money"):
        return False
    if evidence != "passing":
        return word_was_typed(UNPROVEN, "trade parameters for which nothing speaks")
    return True


def _print_row(label: str, text: str) -> None:
    print(f"  {label:<11} {text}", flush=True)


def _banner(config: "BotConfig") -> str:
    from engine.live.wording import LiveText

    badge = LiveText({"mode": config.mode, "simulated": config.simulated}).badge()
    pace = "" if config.speed == 1.0 else f" | {config.speed:g} times real time"
    where = f" | {config.base_url}" if config.base_url and config.mode != "paper" else ""
    return f"{badge} | {config.symbol} | {config.timeframe} candles{pace}{where}"
