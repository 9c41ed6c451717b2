"""The flags that say what a bot is to do, for `gridtui live` and `gridtui doctor`."""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exchange.servers import url_in_environment
from tui.commands.grammar import (
    add_data_dir,
    add_strategy_arguments,
    named_config,
    strategy_flags,
)
from tui.errors import UsageError
from tui.folders import data_folder

if TYPE_CHECKING:
    from engine.live.config import BotConfig, Mode
    from exchange.binance.keys import FoundKeys

_PAPER_ONLY = ("source", "speed", "seed", "start")


def add_bot_arguments(command: argparse.ArgumentParser, *, coin_required: bool) -> None:
    """The guide's flags, those of the paper exchange, and those of the strategy."""
    add = command.add_argument
    default = {} if coin_required else {"default": "BTC"}
    shown = "" if coin_required else " (default: BTC)"
    add("--coin", required=coin_required, metavar="COIN", help=f"BTC, ETH, ..{shown}", **default)
    add("--capital", type=float, metavar="USDT", help="default: the whole wallet")
    add("--leverage", type=int, metavar="N", help="default: the parameters'")
    modes = command.add_mutually_exclusive_group()
    modes.add_argument(
        "--dry-run", action="store_true", help="real market, simulated orders; needs no keys"
    )
    modes.add_argument(
        "--testnet", action="store_true", help="Binance's demo trading: no real money"
    )
    modes.add_argument(
        "--paper", action="store_true", help="a local exchange: no keys, no network, any speed"
    )
    goes_on = command.add_mutually_exclusive_group()
    goes_on.add_argument("--resume", action="store_true", help="go on with the state on disk")
    goes_on.add_argument(
        "--fresh", action="store_true", help="move the state on disk aside, whatever it holds"
    )
    add("--source", metavar="WHERE", help="with --paper: sim or a folder with candles")
    add("--speed", type=float, metavar="N", help="with --paper: times real time (default: 1)")
    add("--seed", type=int, metavar="N", help="with --paper: which simulated market (default: 4)")
    add("--start", metavar="DATE", help="with --paper: where the market begins")
    add_strategy_arguments(command, "[strategy]")
    add_data_dir(command)


def mode_of(args: argparse.Namespace) -> "Mode":
    """Where the orders go."""
    if args.paper:
        return "paper"
    if args.dry_run:
        return "dry-run"
    return "demo" if args.testnet else "live"


def require_flags_that_fit(args: argparse.Namespace) -> None:
    """See that the flags belong together, before anything is read or asked for.

    Raises:
        UsageError: they do not.
    """
    chosen = args.leverage is not None or args.no_short or args.assignments or args.config
    if args.resume and (chosen or args.capital is not None):
        raise UsageError(
            "a run that is resumed keeps its parameters and its capital: leave out --capital, "
            "--leverage, --no-short, --config and --set, or start with --fresh"
        )
    given = [name for name in _PAPER_ONLY if getattr(args, name) is not None]
    if given and not args.paper:
        raise UsageError(f"--{given[0]} belongs to --paper")


def keys_for(args: argparse.Namespace) -> "FoundKeys | None":
    """The keys that the mode needs; None for those that need none.

    Raises:
        DataError: they are missing.
    """
    from exchange.binance.keys import find_keys

    if mode_of(args) in ("paper", "dry-run"):
        return None
    return find_keys(bool(args.testnet), [Path.cwd(), data_folder(args.data_dir)])


def bot_config(args: argparse.Namespace, found: "FoundKeys | None", mode: "Mode") -> "BotConfig":
    """What the flags say, checked; parameters from `--config`, flags and `--set`, later wins.

    Raises:
        DataError, ParameterError, StateError: values that cannot be used.
    """
    from engine.live.config import BotConfig  # pandas, numba, pydantic: 1.5 s
    from engine.params import StrategyParams, load_config_file
    from exchange.symbol import Symbol

    named = named_config(args)
    strategy, backtest = load_config_file(named) if named else ({}, {})
    chosen = strategy_flags(args)
    paper = {name: getattr(args, name) for name in _PAPER_ONLY}
    given = {name: value for name, value in paper.items() if value is not None}
    if mode == "paper":
        source = os.environ.get("GRIDTUI_SOURCE", "")
        given.setdefault("source", source if source and Path(source).is_dir() else "sim")
    config = BotConfig(
        symbol=Symbol.parse(args.coin),
        mode=mode,
        params=StrategyParams.checked(strategy | chosen),
        data_dir=data_folder(args.data_dir),
        timeframe=backtest.get("timeframe", "15m"),
        capital=args.capital,
        keys=found.keys if found else None,
        resume=args.resume,
        fresh=args.fresh,
        base_url=url_in_environment("GRIDTUI_BINANCE_URL"),
        **given,
    )
    return _of_the_run(config) if config.resume else config


def _of_the_run(config: "BotConfig") -> "BotConfig":
    """The same with parameters, timeframe and capital of the run that is to go on."""
    import dataclasses

    from engine.live.config import run_to_resume
    from state.errors import StateError
    from state.lock import BotLock

    if taken := BotLock(config.account, config.symbol.id).taken():
        raise StateError(taken)
    earlier = run_to_resume(config)
    known: dict[str, Any] = {"timeframe": earlier.timeframe, "capital": earlier.capital}
    return dataclasses.replace(config, params=earlier.params, **known)
