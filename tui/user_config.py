"""The user's own look and keys: `gridtui.toml` in the data folder, else in `~/.config/gridtui`.

[ui]
theme = "light"            # dark, light, ansi
graph_symbols = "block"    # braille, block, ascii: all of the screen in ASCII
updates_a_second = 4       # 1 to 10: of what is shown; fewer for a slow line
bell = false               # true: alarms ring

[keys]
quit = "q,ctrl+c"          # an id that `gridtui keys` lists, and its keys
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from textual.app import App
from textual.keys import Keys, format_key

from tui.keys import KEYS, PLACES, Key, move_keys
from tui.symbols import SYMBOLS
from tui.theme import THEMES

FILE = "gridtui.toml"
MOST_UPDATES = 10
_LOOK = ("theme", "graph_symbols", "updates_a_second", "bell")
_OTHERS = ("strategy", "backtest", "optimizer_space")
"""Tables of parameters: `gridtui apply` writes a file of this name where nothing else is said."""
_MOST_LINES = 4
_WITH_LIVE = {"resume_bot": "go_on", "end": "end_chosen", "flatten": "flatten_chosen"}
"""What a bot is told on its own screens, and the same on the list of bots: that moves with it,
unless it has an entry of its own."""
_NAMED = {each.value for each in Keys if not each.value.startswith("<")}
_MODIFIERS = ("ctrl", "shift", "alt", "super")
_OVER = {
    "app": frozenset(PLACES),
    "bot": frozenset(
        {"live", "grid", "equity", "orders", "logs", "lines", "list", "charts", "panels"}
    ),
    "charts": frozenset({"equity", "backtest", "panels", "list", "trades"}),
    "panels": frozenset({"live", "equity", "backtest", "optimizer", "lines", "list"}),
}
"""Places whose keys hold in others, too; in dialogs none but their own do."""


@dataclass(frozen=True, slots=True)
class UserConfig:
    """What holds; whatever cannot be used is left out, and said in `troubles`, a line each.

    `theme`: of `tui.theme.THEMES`; `keys`: Textual's names of keys, comma-separated, by id;
    `graph_symbols`: of `tui.symbols.SYMBOLS`; `bell`: whether alarms ring.
    """

    theme: str = "dark"
    keys: Mapping[str, str] = field(default_factory=dict)
    graph_symbols: str = "braille"
    updates_a_second: int = MOST_UPDATES
    bell: bool = True
    troubles: tuple[str, ...] = ()


def user_config(data_folder: Path) -> UserConfig:
    """Read the file, if there is one; never fails."""
    path = next((path for path in _places(data_folder) if path.exists()), None)
    if path is None:
        return UserConfig()
    try:
        with path.open("rb") as file:
            tables = tomllib.load(file)
    except OSError as error:
        return UserConfig(troubles=(f"{path} cannot be read: {error.strerror}",))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        return UserConfig(troubles=(f"{path} is not valid TOML: {error}",))
    known = ("ui", "keys", *_OTHERS)
    troubles = [f"unknown table [{n}]; known: ui, keys" for n in tables if n not in known]
    look = _look(_table(tables, "ui", troubles), troubles)
    keys = _keys(_table(tables, "keys", troubles), troubles)
    said = tuple(f"{path}: {trouble}" for trouble in troubles)
    return UserConfig(keys=keys, troubles=said, **look)


def in_one_box(troubles: Sequence[str]) -> str:
    """Troubles of a file, as `UserConfig` has them, in four lines at most; "" if there are none."""
    if not troubles:
        return ""
    file = troubles[0].partition(": ")[0]
    said = [troubles[0], *(each.removeprefix(f"{file}: ") for each in troubles[1:])]
    if (more := len(said) - _MOST_LINES + 1) > 1:
        said[_MOST_LINES - 1 :] = [f"and {more} more"]
    return "\n".join(said)


def _look(table: Mapping[str, Any], troubles: list[str]) -> dict[str, Any]:
    """Those of [ui] that can be used."""
    choices = {"theme": tuple(THEMES), "graph_symbols": SYMBOLS}
    look = {}
    for name, value in table.items():
        if name not in _LOOK:
            reason = f"unknown; known: {', '.join(_LOOK)}"
        elif name in choices and value not in choices[name]:
            reason = f"{value!r} is none of {', '.join(choices[name])}"
        elif name == "bell" and not isinstance(value, bool):
            reason = f"{value!r} is neither true nor false"
        elif name == "updates_a_second" and not (type(value) is int and 1 <= value <= MOST_UPDATES):
            reason = f"{value!r} is no whole number from 1 to {MOST_UPDATES}"
        else:
            look[name] = value
            continue
        troubles.append(f"[ui] {name}: {reason}")
    return look


def wear(app: App[Any], config: UserConfig) -> None:
    """Give an application its themes, and the user's look and keys."""
    for theme in THEMES.values():
        app.register_theme(theme)
    app.theme = THEMES[config.theme].name
    move_keys(config.keys)
    app.set_keymap(dict(config.keys))


def _places(data_folder: Path) -> tuple[Path, Path]:
    users = os.environ.get("XDG_CONFIG_HOME")
    home = Path(users) if users else Path.home() / ".config"
    return data_folder / FILE, home / "gridtui" / FILE


def _table(tables: Mapping[str, Any], name: str, troubles: list[str]) -> Mapping[str, Any]:
    table = tables.get(name, {})
    if isinstance(table, dict):
        return table
    troubles.append(f"{name} is no table: write [{name}] on a line of its own")
    return {}


def _keys(table: Mapping[str, Any], troubles: list[str]) -> dict[str, str]:
    """Those that can be used, and do not take another action's key where both hold."""
    known = {key.id: key for key in KEYS}
    chosen: dict[str, str] = {}
    for name, typed in table.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f": did you mean {near[0]}?" if near else " (gridtui keys lists them)"
            troubles.append(f"[keys] {name}: there is no such action{hint}")
        elif not isinstance(typed, str) or not typed.strip():
            troubles.append(
                f"[keys] {name}: a text with keys is needed, such as {known[name].keys!r}"
            )
        elif strange := [key for key in _split(typed) if not _is_key(key)]:
            troubles.append(f"[keys] {name}: {strange[0]!r} is no key")
        else:
            chosen[name] = ",".join(_split(typed))
    led = {other: name for name, other in _WITH_LIVE.items() if name in chosen}
    led = {other: name for other, name in led.items() if other not in table}
    chosen |= {other: chosen[name] for other, name in led.items()}
    for name in list(chosen):
        if name in chosen and (clash := _clash(known[name], chosen, known.values())):
            troubles.append(f"[keys] {name}: {clash}")
            for each in (name, *(other for other in led if led[other] == name)):
                chosen.pop(each, None)
    return chosen


def _clash(key: Key, chosen: Mapping[str, str], every: Collection[Key]) -> str:
    """Which other action has one of its keys where both hold; "" if none has."""
    own = _shown(chosen[key.id])
    for other in every:
        together = (
            other.place == key.place
            or other.place in _OVER.get(key.place, ())
            or key.place in _OVER.get(other.place, ())
        )
        if other.id == key.id or not together:
            continue
        before = _shown(key.keys) & _shown(other.keys)  # meant so: one hides the other
        shared = own & _shown(chosen.get(other.id, other.keys)) - before
        if shared:
            return f"{min(shared)} is the key of {other.id} already"
    return ""


def _shown(keys: str) -> set[str]:
    """`?` and `question_mark` are one key."""
    return {format_key(key) for key in _split(keys)}


def _split(keys: str) -> list[str]:
    return [_named(key.strip()) for key in keys.split(",") if key.strip()]


def _named(key: str) -> str:
    """`F1` is `f1`: words are written small, a single letter means itself."""
    *before, last = key.split("+")
    return "+".join([*(each.lower() for each in before), last if len(last) == 1 else last.lower()])


def _is_key(key: str) -> bool:
    *before, last = key.split("+")
    sign = format_key(last)  # of any name in Unicode, a banana's among them
    named = last in _NAMED or len(last) == 1 or (len(sign) == 1 and sign.isascii())
    return all(each in _MODIFIERS for each in before) and named
