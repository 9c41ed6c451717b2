"""The table of keys: bindings, footer lines and the help page are all made from it.

Every binding has an id, by which a user's key map can move it to other keys.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from textual.binding import Binding, BindingType

from tui.screens.names import SCREENS


@dataclass(frozen=True, slots=True)
class Key:
    """One thing that keys do in one place.

    `keys`: Textual's names, separated by commas; `shown`: how footer and help write them;
    `footer`: at most three words; `meaning`: the sentence in the help; `place`: who binds it;
    `always`: it works over dialogs, too.
    """

    id: str
    keys: str
    shown: str
    footer: str
    meaning: str
    action: str
    place: str
    always: bool = False


KEYS = (
    Key("help", "question_mark,f1", "?", "all keys", "this page (F1 while typing)", "help", "app"),
    Key("quit", "q", "q", "quit", "leave; asks while something is under way", "quit", "app"),
    Key("leave", "ctrl+q", "ctrl+q", "quit", "the same, anywhere", "quit", "app", always=True),
    *(
        Key(
            f"screen_{screen.number}",
            screen.number,
            screen.number,
            screen.name,
            f"{screen.name}: {screen.meaning} (esc first while typing)",
            f"screen('{screen.number}')",
            "app",
        )
        for screen in SCREENS
    ),
    # Backtest screen
    Key(
        "run",
        "enter,ctrl+r",
        "enter",
        "run",
        "run the form as it stands (ctrl+r)",
        "run",
        "backtest",
    ),
    Key(
        "back",
        "escape",
        "esc",
        "cancel",
        "cancel the run; leave a text field; change between form and result",
        "back",
        "backtest",
    ),
    Key("compare", "c", "c", "compare", "two runs side by side", "compare", "backtest"),
    Key("export", "x", "x", "export", "write trades (CSV) and charts (PNG)", "export", "backtest"),
    Key("next_coin", "right_square_bracket", "]", "coin", "next coin", "coin(1)", "backtest"),
    Key("last_coin", "left_square_bracket", "[", "coin", "coin before", "coin(-1)", "backtest"),
    Key("view", "v", "v", "view", "next view of the result", "next_view", "backtest"),
    Key("equity", "e", "e", "equity", "equity, drawdown, price", "view('equity')", "backtest"),
    Key("trades", "t", "t", "trades", "every trade", "view('trades')", "backtest"),
    Key("summary", "s", "s", "summary", "every number", "view('summary')", "backtest"),
    Key("runs", "r", "r", "runs", "to the list of runs", "runs", "backtest"),
    Key("form", "f", "f", "form", "to the form", "form", "backtest"),
    Key("parameters", "p", "p", "parameters", "every parameter", "parameters", "backtest"),
    # Form
    Key("next_field", "down", "↓", "field", "next field (also tab)", "move(1)", "form"),
    Key("last_field", "up", "↑", "field", "field before (also shift+tab)", "move(-1)", "form"),
    Key("change", "space,right", "space", "change", "next choice, on or off", "change", "choice"),
    Key("change_back", "left", "←", "change", "choice before", "change(-1)", "choice"),
    Key("open", "enter,space", "enter", "open", "open", "open", "link"),
    # List of runs
    Key("mark", "space", "space", "mark", "mark a run for comparison", "mark", "runs"),
    Key("reuse", "u", "u", "use again", "put a run's settings into the form", "reuse", "runs"),
    # Trades
    Key("filter", "slash", "/", "filter", "show what has a word; !word hides", "filter", "list"),
    Key("up", "up,k", "↑", "up", "line up (also k)", "cursor(-1)", "list"),
    Key("down", "down,j", "↓", "down", "line down (also j)", "cursor(1)", "list"),
    Key("page_up", "pageup,ctrl+u", "PgUp", "page", "page up (ctrl+u)", "page(-1)", "list"),
    Key("page_down", "pagedown,ctrl+d", "PgDn", "page", "page down (ctrl+d)", "page(1)", "list"),
    Key("left", "left,h", "←", "left", "to the left (also h)", "scroll_left", "list"),
    Key("right", "right,l", "→", "right", "to the right (also l)", "scroll_right", "list"),
    Key("top", "home,g", "Home", "top", "first line (also g)", "end(-1)", "list"),
    Key("bottom", "end,G", "End", "bottom", "last line (also G)", "end(1)", "list"),
    # Data
    Key("fetch", "f", "f", "fetch", "get candles and funding from Binance", "fetch", "data"),
    Key("import", "i", "i", "import", "take in a file or a folder", "import", "data"),
    Key("check", "k", "k", "check", "read every row and say what is wrong", "check", "data"),
    Key("delete", "d,delete", "d", "delete", "delete the series; asks first", "delete", "data"),
    Key("narrow", "slash", "/", "filter", "show what has a word; !word hides", "narrow", "data"),
    Key("details", "enter,tab", "enter", "details", "between list and details", "turn", "data"),
    Key(
        "give_up",
        "escape",
        "esc",
        "cancel",
        "cancel what is under way; what has arrived is kept",
        "stop",
        "data",
    ),
    # Parameters
    Key("edit", "enter", "enter", "change", "type a new value", "edit", "parameters"),
    Key("find", "slash", "/", "filter", "show what contains a word", "find", "parameters"),
    Key("reset", "backspace,d", "d", "default", "back to the default", "reset", "parameters"),
    Key("reset_all", "D", "D", "all defaults", "all back to defaults", "reset_all", "parameters"),
    Key("done", "escape", "esc", "done", "back, keeping the changes", "done", "parameters"),
    # Console of the paper exchange
    Key("arm", "enter,space", "enter", "arm", "arm a fault, or take it back", "arm", "paper"),
    Key("when", "w,right", "w", "when", "how long it stays armed", "when(1)", "paper"),
    Key("when_back", "left", "←", "when", "the same, backwards", "when(-1)", "paper"),
    Key("disarm", "d", "d", "no faults", "take all back, the file's too", "disarm", "paper"),
    Key("pane", "tab", "tab", "pane", "faults or log", "app.focus_next", "paper"),
    Key("paper_help", "question_mark,f1", "?", "all keys", "this page", "help", "paper"),
    Key(
        "stop",
        "q,ctrl+q,ctrl+c",
        "q",
        "stop",
        "stop the exchange; asks while clients are connected",
        "app.stop",
        "paper",
    ),
    # Dialogs
    Key("close", "escape,q", "esc", "close", "close", "close", "dialog"),
    Key("take", "enter", "enter", "go", "take the fields", "take", "fields"),
    Key("leave_fields", "escape", "esc", "close", "close", "close", "fields"),
    Key("switch", "right_square_bracket", "]", "coin", "next coin", "coin(1)", "compare"),
    Key("switch_back", "left_square_bracket", "[", "coin", "coin before", "coin(-1)", "compare"),
    Key("turn", "v", "v", "curves", "numbers or curves, if narrow", "turn", "compare"),
    Key("yes", "y", "y", "yes", "yes", "answer(True)", "question"),
    Key("no", "n,escape", "n", "no", "no (also esc)", "answer(False)", "question"),
)

PLACES = {
    "app": "Everywhere",
    "backtest": "Backtest (letters and digits are keys while no text field has the focus)",
    "form": "Form",
    "choice": "Choices and switches",
    "runs": "List of runs",
    "list": "Trades",
    "parameters": "Parameters",
    "data": "Data",
}
"""Places in the order of the help page; dialogs say their own keys."""

PAPER_PLACES = {"paper": "Paper exchange"}
"""The help page of the paper exchange's console, which is an application of its own."""

FOOTERS = {
    "form": ("run", "next_field", "parameters", "compare", "export", "help"),
    "first": ("run", "next_field", "back:leave field", "help:all keys:F1", "leave"),
    "start": ("next_field", "change", "parameters", "help", "quit"),
    "text": ("run", "next_field", "back:result", "help:all keys:F1", "leave"),
    "running": ("back", "help", "quit"),
    "runs": ("run:show", "mark", "compare", "reuse", "export", "back:form", "help"),
    "result": ("run", "back:form", "view", "compare", "export", "help"),
    "trades": ("run", "filter", "back:form", "view", "compare", "export", "help"),
    "filter": ("run:keep", "back:show all", "help:all keys:F1"),
    "parameters": ("edit", "reset", "reset_all", "find", "done"),
    "typing": ("edit:take it", "done:leave it"),
    "paper": ("arm", "when", "disarm", "pane", "paper_help", "stop"),
    "compare": ("close", "switch", "turn"),
    "help": ("close",),
    "data": ("fetch", "import", "check", "delete", "narrow", "details", "help"),
    "details": ("details:list", "fetch", "import", "check", "delete", "help"),
    "no data": ("fetch", "import", "help", "quit"),
    "at work": ("give_up", "details", "narrow", "help", "quit"),
    "word": ("run:keep", "give_up:show all", "help:all keys:F1"),
    "fields": ("take", "next_field", "leave_fields"),
}
"""The keys that matter in a place, most wanted first: `id`, `id:word` or `id:word:key`."""

VIEWS = ("equity", "trades", "summary")
"""What can be seen of a result, in the order of the key that goes from one to the next."""

_BY_ID = {key.id: key for key in KEYS}


def bindings(place: str) -> list[BindingType]:
    """The bindings of one place, for a class's BINDINGS."""
    return [
        Binding(key.keys, key.action, key.footer, id=key.id, show=False, priority=key.always)
        for key in KEYS
        if key.place == place
    ]


def footer(context: str) -> list[tuple[str, str]]:
    """(key as shown, words) for a line of FOOTERS."""
    line = []
    for entry in FOOTERS[context]:
        name, _, rest = entry.partition(":")
        word, _, shown = rest.partition(":")
        key = _BY_ID[name]
        line.append((shown or key.shown, word or key.footer))
    return line


def help_of(places: Mapping[str, str] = PLACES) -> list[tuple[str, list[tuple[str, str]]]]:
    """(heading, [(keys as shown, meaning)]) for the help page."""
    return [
        (heading, [(key.shown, key.meaning) for key in KEYS if key.place == place])
        for place, heading in places.items()
    ]
