"""`gridtui doctor`: what a bot needs, looked at; and what a report of a defect should say."""

import argparse
import asyncio
import json
import platform
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from engine import __version__
from tui.commands.bot_arguments import (
    add_bot_arguments,
    bot_config,
    keys_for,
    mode_of,
    require_flags_that_fit,
)
from tui.commands.briefing import briefing, vouched

if TYPE_CHECKING:
    from engine.live.config import BotConfig
    from engine.live.preflight import Check, Preflight
    from exchange.binance.keys import FoundKeys

_MARKS = {"ok": "ok  ", "warning": "warn", "bad": "BAD "}
_LABEL = 15


def add_doctor(commands: Any) -> None:
    command = commands.add_parser(
        "doctor",
        help="look at everything that a bot needs, and change nothing",
        description="Look at clock, keys, account, market, disk and state, as `gridtui live` does "
        "before it trades. Nothing is changed. Exit code 1 if something forbids to trade.",
    )
    command.set_defaults(run=_doctor)
    command.add_argument("--json", action="store_true", help="one JSON object, and nothing else")
    add_bot_arguments(command, coin_required=False)


def _doctor(args: argparse.Namespace) -> int:
    from engine.live.preflight import Check, preflight  # pandas, numba, aiohttp: 2 s
    from exchange.errors import DataError

    require_flags_that_fit(args)
    mode, found, missing = mode_of(args), None, []
    try:
        found = keys_for(args)
    except DataError as error:
        missing.append(Check("keys", "none", "an API key", "bad", str(error)))
        mode = "dry-run"  # what needs no keys can still be looked at
    config = bot_config(args, found, mode)
    if not args.json:
        _print_head(config, mode_of(args))
    looked = asyncio.run(preflight(config, found.notes if found else ()))
    checks = [*missing, *looked.checks]
    if args.json:
        print(json.dumps(_document(config, mode_of(args), found, looked, checks)))
    else:
        for check in checks:
            print(line_of(check))
    return 1 if any(check.state == "bad" for check in checks) else 0


def _print_head(config: "BotConfig", mode: str) -> None:
    print(f"gridtui {__version__}, Python {platform.python_version()}, {platform.platform()}")
    server = f", {config.base_url} in place of Binance" if config.base_url else ""
    where = f"data in {config.data_dir.absolute()}{server}"
    print(f"{config.symbol}, {mode}, {where}", flush=True)


def _document(
    config: "BotConfig",
    mode: str,
    found: "FoundKeys | None",
    looked: "Preflight",
    checks: "list[Check]",
) -> dict[str, Any]:
    """Everything that was looked at, and what is to be said before it trades; no key, no secret."""
    evidence = vouched(config)
    return {
        "gridtui": __version__,
        "symbol": str(config.symbol),
        "mode": mode,
        "timeframe": config.timeframe,
        "parameters": config.params.model_dump(),
        "data_folder": str(config.data_dir.absolute()),
        "server": config.base_url,
        "evidence": evidence,
        "briefing": briefing(config, found, looked, evidence),
        "checks": [asdict(check) for check in checks],
    }


def line_of(check: "Check") -> str:
    """One line for a check; what is not well says what to do."""
    return f"{_MARKS[check.state]} {check.name:<{_LABEL}} {_words(check)}"


def said_of(check: "Check") -> str:
    """`disk: 21 MB free (wanted: 1.0 GB); ..`."""
    return f"{check.name}: {_words(check)}"


def _words(check: "Check") -> str:
    if check.state == "ok":
        return check.value
    advice = f"; {check.advice}" if check.advice and check.advice not in check.value else ""
    return f"{check.value} (wanted: {check.wanted}){advice}"
