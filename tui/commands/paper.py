"""`gridtui paper`: a local exchange in Binance's dialect, for bots of any kind."""

import argparse
import os
import sys
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui.commands.grammar import add_data_dir

if TYPE_CHECKING:
    from exchange.paper.auth import Keys
    from exchange.paper.listing import Offer
    from tui.paper_serving import Serving

_DEFAULT_KEY = "paper"
_MOST_USDT = Decimal(10) ** 12


def add_paper(commands: Any) -> None:
    command = commands.add_parser(
        "paper",
        help="serve a local exchange that any ccxt client takes for Binance",
        description="Serve a simulated or recorded market on 127.0.0.1 in the dialect of Binance's "
        "USDT futures, REST and streams. On a terminal a console opens; elsewhere it prints a line "
        "for every fill, refusal and fault.",
    )
    command.set_defaults(run=_paper)
    add = command.add_argument
    add("--port", type=_port, default=8899, help="port on 127.0.0.1 (default: 8899; 0: any)")
    add("--coin", nargs="+", action="extend", metavar="COIN", help="coins (default: BTC)")
    add(
        "--source",
        metavar="WHERE",
        help="sim (a made-up market), cache (what data fetch and import brought; cache-spot, "
        "cache-sim) or a folder with candles (environment GRIDTUI_SOURCE if it names one of these, "
        "else sim)",
    )
    add(
        "--start",
        metavar="DATE",
        help="first bar that opens (default: on sim now, by the real clock; on recorded candles "
        "after a month of history)",
    )
    add("--timeframe", metavar="TF", help="bars that are walked (default: 1m if there, else 15m)")
    add(
        "--speed",
        type=_speed,
        default=1.0,
        metavar="N",
        help="how many times faster than real time (default: 1)",
    )
    add("--seed", type=int, metavar="N", help="which simulated market (default: 4)")
    add("--wallet", type=_wallet, default=Decimal(10_000), metavar="USDT", help="default: 10000")
    add("--one-way", action="store_true", help="position mode at the start (default: hedge mode)")
    add("--faults", type=Path, metavar="FILE", help="TOML file of faults, see the README")
    add("--ledger", type=Path, metavar="FILE", help="JSONL file that gets every request and trade")
    add("--key", help="API key (environment GRIDTUI_PAPER_KEY, else paper)")
    add("--secret", help="API secret (environment GRIDTUI_PAPER_SECRET, else paper)")
    add("--plain", action="store_true", help="lines of text on a terminal, too")
    add_data_dir(command)


def _paper(args: argparse.Namespace) -> int:
    serving = _serving(args)
    streams = (sys.stdin, sys.stdout, sys.stderr)
    if args.plain or not all(stream.isatty() for stream in streams):
        from tui.paper_serving import serve_in_text

        return serve_in_text(serving)
    from tui.paper_app import run_paper_app  # Textual: 0.3 s

    return run_paper_app(serving, args.data_dir)


def _serving(args: argparse.Namespace) -> "Serving":
    from exchange.paper.fault_file import load_faults  # pydantic, pandas and aiohttp: 0.7 s
    from exchange.paper.faults import Faults
    from exchange.paper.listing import load_offer
    from exchange.paper.server import PaperExchange
    from exchange.simulated import DEFAULT_SEED
    from tui.paper_serving import Serving

    keys = _keys(args)
    faults = load_faults(args.faults) if args.faults else Faults()
    offer = load_offer(
        args.coin or ["BTC"],
        args.source or _source_of_environment(),
        args.start,
        args.timeframe,
        args.speed,
        DEFAULT_SEED if args.seed is None else args.seed,
        args.data_dir,
    )

    def make() -> PaperExchange:
        return PaperExchange(
            offer.listings,
            offer.start_ms,
            speed=args.speed,
            from_now=offer.from_now,
            keys=keys,
            wallet=args.wallet,
            hedge_mode=not args.one_way,
            faults=faults,
            ledger=args.ledger,
            kept=0,
        )

    return Serving(
        make, args.port, _about(args, offer, keys, len(faults.armed())), offer, args.speed
    )


def _about(
    args: argparse.Namespace, offer: "Offer", keys: "Keys", faults: int
) -> tuple[tuple[str, str], ...]:
    """What is said of the exchange before it opens: pairs of label and text."""
    from engine.wording import amount, plural
    from exchange.span import moment_text

    shown = keys.secret if keys.secret == _DEFAULT_KEY else "as you gave it"
    real_days = (offer.end_ms - offer.start_ms) / 86_400_000 / args.speed
    until = f"until {moment_text(offer.end_ms)}, {_how_long(real_days)} at this speed"
    pace = "real time" if args.speed == 1 else f"{args.speed:g} times real time"
    begins = "now" if offer.from_now else moment_text(offer.start_ms)
    mode = "one-way mode" if args.one_way else "hedge mode"
    about = [
        ("key", keys.key),
        ("secret", shown),
        ("coins", " ".join(listing.market.symbol.id for listing in offer.listings)),
        ("market", "; ".join(dict.fromkeys(listing.source for listing in offer.listings))),
        ("candles", f"{offer.timeframe} and longer, {until}"),
        ("clock", f"from {begins}, {pace}"),
        ("account", f"{amount(float(args.wallet))} USDT, {mode}"),
    ]
    if args.faults:
        about.append(("faults", f"{args.faults}: {plural(faults, 'fault')}"))
    if args.ledger:
        about.append(("ledger", str(args.ledger)))
    return tuple(about)


def _how_long(days: float) -> str:
    """`180.0 days`, `3.5 hours`, `12 minutes`, `4 s`."""
    if days >= 1:
        return f"{days:,.1f} days"
    if days * 24 >= 1:
        return f"{days * 24:.1f} hours"
    seconds = days * 86_400
    return f"{seconds / 60:.0f} minutes" if seconds >= 120 else f"{seconds:.0f} s"


def _keys(args: argparse.Namespace) -> "Keys":
    from exchange.errors import DataError
    from exchange.paper.auth import Keys

    key = args.key or os.environ.get("GRIDTUI_PAPER_KEY") or _DEFAULT_KEY
    secret = args.secret or os.environ.get("GRIDTUI_PAPER_SECRET") or _DEFAULT_KEY
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise DataError("the API key travels in an HTTP header: use letters, digits and signs only")
    return Keys(key, secret)


def _source_of_environment() -> str:
    source = os.environ.get("GRIDTUI_SOURCE", "")
    return source if source.startswith("cache") or (source and Path(source).is_dir()) else "sim"


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: use 0 to 65535")
    return int(text)


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed <= 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is not a speed: above 0, up to 1000000")
    return speed


def _wallet(text: str) -> Decimal:
    try:
        wallet = Decimal(text)
    except InvalidOperation:
        wallet = Decimal(0)
    if not (wallet.is_finite() and 0 < wallet <= _MOST_USDT):
        raise argparse.ArgumentTypeError(f"{text!r} is not an amount of USDT: above 0, up to 1e12")
    return wallet
