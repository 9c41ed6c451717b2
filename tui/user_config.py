"""The user's own look and keys: `gridtui.toml` in the data folder, else in `~/.config/gridtui`.

[ui]
theme = "light"            # dark, light, ansi

[keys]
quit = "q,ctrl+c"          # an id of the table in `tui.keys`, and its keys
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from textual.app import App
from textual.keys import Keys, format_key

from tui.keys import KEYS, PLACES, Key, move_keys
from tui.theme import THEMES

FILE = "gridtui.toml"
_MODIFIERS = ("ctrl", "shift", "alt", "super")
_OVER = {
    "app": frozenset(PLACES),
    "bot": frozenset({"live", "equity", "orders", "logs", "lines", "list"}),
}
"""Places whose keys hold in others, too; in dialogs none but their own do."""


@dataclass(frozen=True, slots=True)
class UserConfig:
    """What holds; whatever cannot be used is left out, and said in `troubles`, a line each.

    `theme`: of `tui.theme.THEMES`; `keys`: Textual's names of keys, comma-separated, by id.
    """

    theme: str = "dark"
    keys: Mapping[str, str] = field(default_factory=dict)
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
    troubles = [f"unknown table [{n}]; known: ui, keys" for n in tables if n not in ("ui", "keys")]
    look = _table(tables, "ui", troubles)
    theme = look.get("theme", "dark")
    troubles += [f"[ui] {name}: unknown; known: theme" for name in look if name != "theme"]
    if theme not in THEMES:
        troubles.append(f"[ui] theme: {theme!r} is none of {', '.join(THEMES)}")
        theme = "dark"
    keys = _keys(_table(tables, "keys", troubles), troubles)
    return UserConfig(str(theme), keys, tuple(f"{path}: {trouble}" for trouble in troubles))


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
            hint = f": did you mean {near[0]}?" if near else " (README lists them)"
            troubles.append(f"[keys] {name}: there is no such action{hint}")
        elif not isinstance(typed, str) or not typed.strip():
            troubles.append(
                f"[keys] {name}: a text with keys is needed, such as {known[name].keys!r}"
            )
        elif strange := [key for key in _split(typed) if not _is_key(key)]:
            troubles.append(f"[keys] {name}: {strange[0]!r} is no key")
        else:
            chosen[name] = ",".join(_split(typed))
    for name in list(chosen):
        clash = _clash(known[name], chosen, known.values())
        if clash:
            troubles.append(f"[keys] {name}: {clash}")
            del chosen[name]
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
    return [key.strip() for key in keys.split(",") if key.strip()]


def _is_key(key: str) -> bool:
    *before, last = key.split("+")
    named = last in {each.value for each in Keys} or len(format_key(last)) == 1
    return all(each in _MODIFIERS for each in before) and named
