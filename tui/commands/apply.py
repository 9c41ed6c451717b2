"""`gridtui apply`: what the optimizer found into a TOML file, shown first."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui.commands.grammar import add_data_dir, named_config
from tui.errors import UsageError
from tui.folders import data_folder

if TYPE_CHECKING:
    from engine.optimize.apply import Change, FoundParameters, PlannedChanges

DEFAULT_CONFIG = Path("gridtui.toml")


def add_apply(commands: Any) -> None:
    command = commands.add_parser(
        "apply",
        help="write optimized parameters into a config file",
        description="Show what optimized parameters would change in a TOML file with [strategy], "
        "and write it after a question. Comments and order stay, and the previous file is kept "
        "beside it. Recommended: --params data/optimizer_results_robust.json --key robust_params.",
    )
    command.set_defaults(run=_apply)
    add = command.add_argument
    add(
        "--params",
        type=Path,
        metavar="FILE",
        help="JSON file with parameters (default: best_params_v4.json in the data folder)",
    )
    add(
        "--key",
        default="best_params",
        metavar="NAME",
        help="where in that file they are (default: best_params)",
    )
    add(
        "--config",
        type=Path,
        metavar="FILE",
        help=f"TOML file to update (default: {DEFAULT_CONFIG}, made if it is missing)",
    )
    add("--preview", action="store_true", help="show the changes and write nothing")
    add("-y", "--yes", action="store_true", help="do not ask")
    add_data_dir(command)


def _apply(args: argparse.Namespace) -> int:
    from engine.optimize.apply import BEST_FILE, apply_changes, plan_changes, read_parameters

    found = read_parameters(args.params or data_folder(args.data_dir) / BEST_FILE, args.key)
    path = named_config(args) or DEFAULT_CONFIG
    planned = plan_changes(found, path, may_make=args.config is None)
    _show(planned, found)
    if not planned.changes:
        print(f"nothing to change: {path} has these parameters already")
        return 0
    if args.preview:
        print("preview: nothing was written")
        return 0
    if not args.yes and not _confirmed(planned):
        print("nothing was written")
        return 0
    backup = apply_changes(planned)
    print(f"wrote {path}" + (f"; the previous file is {backup}" if backup else ""))
    print(f"next: gridtui backtest --config {path}")
    return 0


def _show(planned: "PlannedChanges", found: "FoundParameters") -> None:
    from rich.text import Text

    from engine.report import console_for
    from engine.wording import plural
    from engine.wrapped import print_wrapped

    console = console_for(sys.stdout)
    print_wrapped(console, Text(f"{found.path} ({found.key}) -> {planned.path}", "bold"))
    for warning in found.warnings:
        print_wrapped(console, Text(warning, "bold yellow"))
    if (verdict := found.verdict) is not None:
        style = "green" if verdict.startswith("ROBUST") else "yellow"
        print_wrapped(console, Text(verdict, style))
    names = max((len(change.name) for change in planned.changes), default=0) + 2
    for change in planned.changes:
        sign, style, text = _difference(change)
        console.print(Text(f"  {sign} {change.name:<{names}}{text}", style))
    if planned.changes and planned.unchanged:
        console.print(Text(f"    {plural(planned.unchanged, 'parameter')} unchanged", "dim"))


def _difference(change: "Change") -> tuple[str, str, str]:
    """Sign, colour and text: `+` for more, `-` for less, `~` for what cannot be compared."""
    old, new = (_shown(value) for value in (change.old, change.new))
    text = f"{old}{'' if change.in_file else ' (default)'} -> {new}"
    numbers = (change.old, change.new)
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in numbers):
        return "~", "yellow", text
    before, after = (float(value) for value in numbers)  # type: ignore[arg-type]
    if before:
        text += f"  ({100.0 * (after - before) / abs(before):+.1f}%)"
    return ("+", "green", text) if after > before else ("-", "red", text)


def _shown(value: object) -> str:
    """As the TOML file has it."""
    if value is None:
        return "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _confirmed(planned: "PlannedChanges") -> bool:
    from engine.wording import plural

    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            "without a terminal nobody can be asked: add --yes to write, or --preview to look"
        )
    what = plural(len(planned.changes), "change")
    try:
        answer = input(f"Write {what} to {planned.path}? [y/N]: ")
    except EOFError:
        return False
    return answer.strip().lower() in ("y", "yes")
