"""What is made from the table of keys: bindings, footer lines and the help page.

The rows are in `tui.key_table`, the footers' lines in `tui.footers`.
"""

from collections.abc import Mapping, Sequence

from textual.binding import Binding, BindingType
from textual.keys import format_key

from tui.footers import FOOTERS, PAPER_PLACES, PLACES
from tui.key_table import KEYS, WITHOUT_KEY, Key

__all__ = [
    "FOOTERS",
    "KEYS",
    "PAPER_PLACES",
    "PLACES",
    "STUDY_VIEWS",
    "VIEWS",
    "WITHOUT_KEY",
    "Key",
    "bindings",
    "footer",
    "help_of",
    "key_of",
    "move_keys",
    "typed_keys",
    "write_plainly",
    "written",
]

VIEWS = ("equity", "trades", "summary")
"""What can be seen of a result, in the order of the key that goes from one to the next."""

STUDY_VIEWS = ("trials", "parameters", "report", "windows", "log")
"""What can be seen of a study, in the order of the key that goes from one to the next."""

_BY_ID = {key.id: key for key in KEYS}
_moved: dict[str, list[str]] = {}
"""Textual's names of the keys that the user has chosen, by id."""

_arrows: dict[str, str] = {}
"""How arrows are written, if by words."""

_NAMES = {
    "escape": "esc",
    "enter": "enter",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "home": "Home",
    "end": "End",
    "delete": "Del",
    "backspace": "backspace",
}


def move_keys(keys: Mapping[str, str]) -> None:
    """Footer, help and palette show the user's keys: ids, and Textual's names of keys."""
    _moved.clear()
    _moved.update({name: typed.split(",") for name, typed in keys.items()})


def write_plainly(plainly: bool) -> None:
    """Name arrow keys by words from now on: where there is ASCII alone `v` would be a letter."""
    _arrows.clear()
    if plainly:
        _arrows.update({"↑": "Up", "↓": "Down", "←": "Left", "→": "Right"})


def bindings(place: str) -> list[BindingType]:
    """The bindings of one place, for a class's BINDINGS."""
    return [
        Binding(key.keys, key.action, key.footer, id=key.id, show=False, priority=key.always)
        for key in KEYS
        if key.place == place
    ]


def key_of(name: str) -> str:
    """How the first key of an action is shown: of the table's, or of the user's."""
    return written(_moved[name][0]) if name in _moved else _worded(_BY_ID[name].shown)


def typed_keys(name: str) -> list[str]:
    """Textual's names of an action's keys: of the table's, or of the user's."""
    return _typed(_BY_ID[name])


def footer(context: str) -> list[tuple[str, str]]:
    """(key as shown, words) for a line of FOOTERS."""
    line = []
    for entry in FOOTERS[context]:
        name, _, rest = entry.partition(":")
        word, _, shown = rest.partition(":")
        key = _BY_ID[name]
        if name in _moved:
            first = key_of(name)
            typing = shown != key.shown and shown in _second_keys(key, key.keys.split(","))
            # where letters are typed, a key that is none
            shown = next((k for k in map(written, _moved[name]) if len(k) > 1), first)
            shown = shown if typing else first
        line.append((_worded(shown or key.shown), word or key.footer))
    return line


def help_of(places: Mapping[str, str] = PLACES) -> list[tuple[str, list[tuple[str, str]]]]:
    """(heading, [(key as shown, meaning, and further keys)]) for the help page."""
    here = [key for key in KEYS if key.place in places]
    page = []
    for place, heading in places.items():
        # whatever a screen does with a key comes before what it does everywhere
        nearer = [key for key in here if place == "app" != key.place]
        taken = {k for key in nearer for k in _typed(key)}
        lines = []
        for key in here:
            if key.place == place:
                also = _second_keys(key, [k for k in _typed(key) if k not in taken])
                words = f" (also {', '.join(also)})" if also else ""
                lines.append((key_of(key.id), f"{key.meaning}{words}"))
        page.append((heading, lines))
    return page


def written(key: str) -> str:
    """A key's name for people: `ctrl+u`, `?`, `PgUp`, `F1`."""
    *before, last = key.split("+")
    function_key = last[:1] == "f" and last[1:].isdigit()
    name = _NAMES.get(last) or (last.upper() if function_key else format_key(last))
    return _worded("+".join([*before, name]))


def _worded(shown: str) -> str:
    for arrow, word in _arrows.items():
        shown = shown.replace(arrow, word)
    return shown


def _typed(key: Key) -> list[str]:
    return _moved.get(key.id) or key.keys.split(",")


def _second_keys(key: Key, typed: Sequence[str]) -> list[str]:
    """Those of an action's keys that are not shown before its meaning."""
    first = key_of(key.id).split()
    return [name for name in map(written, typed) if name not in first]
