"""What is seen of every key, by the id of its row in `tui.key_table`. A new row brings its line.

`Orders up` is of one screen alone, `up` of all that have no line of their own.
"""

from collections.abc import Callable
from typing import Any

from textual.widgets import OptionList

from tests.busy_bot import raise_alarm
from tests.key_walk import Effect, Seen
from tests.screen_text import screen_text
from tui.data_work import DataJob, Outcome
from tui.screens.names import SCREENS
from tui.widgets.bot_status import AlarmLine


def dialog(app: Any) -> object:
    """Which dialog is open, if one is."""
    return type(app.screen).__name__ if len(app.screen_stack) > 1 else None


def focus(app: Any) -> object:
    """What has the focus."""
    focused = app.focused
    return None if focused is None else (type(focused).__name__, focused.id)


def place(app: Any) -> object:
    """Where cursor and scroll of what has the focus are."""
    focused = app.focused
    cursor = getattr(focused, "_cursor", getattr(focused, "cursor", None))
    if isinstance(focused, OptionList):
        cursor = focused.highlighted
    return None if focused is None else (tuple(focused.scroll_offset), cursor)


def title(selector: str) -> Seen:
    """What a frame says."""
    return lambda app: str(app.screen_stack[0].query_one(selector).border_title)


def value(app: Any) -> object:
    """Of the field that has the focus."""
    return app.focused.value


def alarmed(app: Any) -> object:
    """Whether the line of alarms is there."""
    return app.screen_stack[0].query_one(AlarmLine).display


def under_way(app: Any) -> None:
    """Something that would be lost if the application were left now."""
    if app.store.data.job is None:
        app.store.data.begin(DataJob("A download", "Leaving stops it.", lambda _: Outcome("")))


def at_rest(app: Any) -> None:
    """Nothing would be lost any more."""
    app.store.data.job = None


def _top(app: Any) -> None:
    if app.focused is not None:
        app.focused.scroll_to(0, 0, animate=False, immediate=True)


_LEAVING = Effect("A download is under way", then="n", begin=under_way, end=at_rest)

_APP = {
    "help": Effect(dialog, then="escape"),
    "quit": _LEAVING,
    "leave": _LEAVING,
    "acknowledge": Effect(alarmed, begin=raise_alarm),
    "palette": Effect(dialog, then="escape"),
    "palette_anywhere": Effect(dialog, then="escape"),
    "previous": Effect(lambda app: app.current_mode, first="8"),
    "Data previous": Effect(lambda app: app.current_mode, first="9"),
    "picture": Effect("and the same as .txt"),
}

_SCREENS = {f"screen_{one.number}": Effect(f"[{one.name}]") for one in SCREENS}


def _cursor(app: Any) -> object:
    """The column of the charts that has the cursor."""
    return app.screen.query_one("#equity-charts, #charts").cursor


_BOT = {
    "pause": Effect("pause: no bot is shown"),
    "end": Effect("Stop BTC/USDT (PAPER)?", then="n"),
    "flatten": Effect("Close everything of BTC/USDT (PAPER)", then="escape"),
    "freeze": Effect("PAUSED VIEW", then="space"),
    "unfreeze": Effect("PAUSED VIEW", first="space"),
    "Orders unfreeze": Effect("PAUSED VIEW", first="space", instead="show_all"),
    "Logs unfreeze": Effect("PAUSED VIEW", first="space", instead="leave_line"),
    # Live
    "enlarge": Effect(lambda app: app.screen.has_class("-enlarged"), then="z"),
    "Live enlarge": Effect(lambda app: len(app.screen.query(".-alone")), "", "z", "#long"),
    "Equity enlarge": Effect(screen_text, then="z z z"),
    "start_bot": Effect(dialog, then="escape"),
    "resume_bot": Effect("no bot has stopped with a"),
    "next_pane": Effect(focus, then="shift+tab", focus="#long"),
    "last_pane": Effect(focus, then="tab", focus="#health"),
    # Grid
    "closer": Effect(title("Ladder"), then="o", focus="Ladder"),
    "farther": Effect(title("Ladder"), first="i", then="", focus="Ladder"),
    "centre": Effect(place, first="home", focus="Ladder", narrow=True),
    # Equity
    "window": Effect(title("#equity-charts"), then="w w w"),
    "zoom_in": Effect(title("#equity-charts"), then="o"),
    "zoom_out": Effect(title("#equity-charts"), then="i"),
    "earlier": Effect("not up to now", then="escape"),
    "later": Effect("not up to now", first="less_than_sign"),
    "point": Effect(_cursor, then="escape"),
    "point_back": Effect(_cursor, then="escape"),
    "point_far": Effect(_cursor, "shift+left", "escape"),
    "point_far_back": Effect(_cursor, then="escape"),
    "log_scale": Effect("logarithmic", then="L"),
    "overlay": Effect("no backtest was run in this session"),
    "no_point": Effect(_cursor, first="left"),
    # Orders
    "table": Effect("[trades", then="v v"),
    "look_for": Effect(focus, then="escape", focus="#rows"),
    "by_column": Effect(lambda app: app.screen.query_one("#rows")._sorted),
    "upside_down": Effect(lambda app: app.screen.query_one("#rows")._sorted, then="r"),
    "row_details": Effect("as it was told", then="escape"),
    "show_all": Effect("with /stop", first="slash 'stop enter", focus="#rows"),
    # Logs
    "follow": Effect("PAUSED VIEW", then="f"),
    "search_log": Effect(focus, then="escape", focus="LogLines"),
    "next_match": Effect(place, first="slash 'stop enter n", then="escape G"),
    "last_match": Effect(place, first="slash 'stop enter n n", then="escape G"),
    "only": Effect(focus, then="escape", focus="LogLines"),
    "debug": Effect("log: everything", then="i"),
    "info": Effect(title("LogLines"), first="w"),
    "warnings": Effect("log: warnings", then="i"),
    "errors": Effect("log: errors", then="i"),
    "go_to_time": Effect(focus, then="escape", focus="LogLines"),
    "wrap": Effect("not wrapped", then="W"),
    "copy_lines": Effect("copied"),
    "leave_line": Effect("&stop", first="ampersand 'stop enter"),
}

_MOVES = {
    "up": Effect(place, first="down down", then="home", ready=_top),
    "down": Effect(place, then="up", ready=_top),
    "page_up": Effect(place, first="end", then="home", ready=_top),
    "page_down": Effect(place, then="home", ready=_top),
    "left": Effect(place, first="right", then="left", narrow=True),
    "right": Effect(place, then="left", narrow=True),
    "top": Effect(place, first="end", ready=_top),
    "bottom": Effect(place, then="home", ready=_top),
    "line_up": Effect(place, first="down down", then="up", ready=_top),
    "line_down": Effect(place, then="up", ready=_top),
    "lines_up": Effect(place, first="end", then="home", ready=_top),
    "lines_down": Effect(place, then="home", ready=_top),
    "first_line": Effect(place, first="end", ready=_top),
    "last_line": Effect(place, then="home", ready=_top),
}


def result(view: str) -> Callable[[Any], None]:
    """Show a view of the result, or of the study."""
    return lambda app: app.screen.action_view(view)


def view(app: Any) -> object:
    """Which view of the result, or of the study, is shown."""
    pane = app.screen_stack[0].query_one("#result, #study-pane")
    return (pane.current_view, focus(app))


def page(app: Any) -> object:
    """Which of two pages has the place where there is no room for both."""
    return (app.screen.has_class("-page-form"), focus(app))


def unwatch(app: Any) -> None:
    """No bot is shown."""
    app.store.fleet.watched = None
    app.screen_stack[0].refresh_from_store(app._clock())


def to_form(app: Any) -> None:
    """The form is shown."""
    app.screen.action_form()


def _span(app: Any) -> object:
    return str(app.screen.query_one("#result").border_subtitle)


_BACKTEST = {
    "run": Effect(lambda app: len(app.store.runs), begin=result("equity")),
    "back": Effect(page, then="escape", begin=result("equity")),
    "compare": Effect(dialog, then="escape"),
    "export": Effect("wrote"),
    "next_coin": Effect(title("#result"), then="left_square_bracket"),
    "last_coin": Effect(title("#result"), then="right_square_bracket"),
    "view": Effect(view, then="e", begin=result("equity")),
    "equity": Effect(view, begin=result("trades")),
    "trades": Effect(view, then="e", begin=result("equity")),
    "summary": Effect(view, then="e", begin=result("equity")),
    "runs": Effect(focus, then="escape", begin=result("equity")),
    "form": Effect(focus, then="escape", begin=result("equity")),
    "parameters": Effect(dialog, then="escape"),
    "Backtest window": Effect(_span, then="w w w"),
    "Backtest zoom_in": Effect(_span, then="o"),
    "Backtest zoom_out": Effect(_span, first="i"),
    "Backtest earlier": Effect(screen_text, first="i"),
    "Backtest later": Effect(screen_text, first="i less_than_sign"),
    "Backtest log_scale": Effect(_span, then="L"),
    "next_field": Effect(focus, then="up", focus="#source", begin=to_form),
    "last_field": Effect(focus, then="down", focus="#source", begin=to_form),
    "change": Effect(value, then="left", focus="#source", begin=to_form),
    "change_back": Effect(value, then="right", focus="#source", begin=to_form),
    "open": Effect(dialog, then="escape", focus="Link", begin=to_form),
    "mark": Effect(lambda app: frozenset(app.screen.query_one("#runs").marked), then="space"),
    "reuse": Effect("the form holds the settings", begin=lambda app: app.store.say("")),
    "filter": Effect(focus, then="escape", focus="#trades", begin=result("trades")),
    "trade_details": Effect(dialog, then="escape", focus="#trades", begin=result("trades")),
}

_OPTIMIZER = {
    "search": Effect(focus, begin=lambda app: app.screen.action_studies(), taken="enter"),
    "hold": Effect("has all its trials"),
    "halt": Effect("is not running"),
    "apply": Effect(dialog, then="escape"),
    "next_view": Effect(view, begin=result("report")),
    "sort": Effect(title("#trial-list"), then="o o", begin=result("trials")),
    "every_trial": Effect(view, begin=result("report")),
    "decide": Effect(view, begin=result("report")),
    "report": Effect(view, begin=result("windows")),
    "windows": Effect(view, begin=result("report")),
    "log": Effect(view, begin=result("report")),
    "studies": Effect(focus, begin=result("report")),
    "to_form": Effect(focus, begin=result("report")),
    "aside": Effect(page, then="escape", begin=result("report")),
    "Optimizer acknowledge": Effect(alarmed, begin=raise_alarm, without="a"),
}

_DATA = {
    "fetch": Effect(dialog, then="escape"),
    "import": Effect(dialog, then="escape"),
    "check": Effect("every row is sound"),
    "delete": Effect(dialog, then="n"),
    "narrow": Effect(focus, then="escape", focus="#series"),
    "details": Effect(focus, then="tab", focus="#series", taken="enter"),
    "give_up": Effect(focus, first="slash", focus="#series"),
    "Data next_field": Effect(focus, then="up", focus="#start"),
    "Data last_field": Effect(focus, then="down", focus="#start"),
    "Data change": Effect(value, then="left", focus="#funding"),
    "Data change_back": Effect(value, then="right", focus="#funding"),
}

_SWITCHED = "slash 'allow_short enter enter"


def _switch(app: Any) -> None:
    """A value that is nowhere else."""
    config = app.screen_stack[0]
    config._values = {**config._values, "gamma": 0.4321}
    config._list()


_CONFIG = {
    "edit_value": Effect(focus, then="escape"),
    "find_value": Effect(focus, then="escape"),
    "reset_value": Effect(title("#parameters"), first=_SWITCHED, then="escape"),
    "reset_values": Effect(dialog, begin=_switch, then="y"),
    "take_live": Effect("no bot is shown", begin=unwatch),
    "profile": Effect(focus, then="escape"),
    "save": Effect(focus, then="escape"),
    "leave_config": Effect(title("#parameters"), first="slash 'gamma enter"),
}


def _answered(app: Any) -> object:
    """Whether there was a question, or a word about why not."""
    return len(app.screen_stack), len(app._notifications)


def _to_top(app: Any) -> None:
    app.screen_stack[0].query_one("#bots").action_end(-1)


_BOTS = {
    "attach": Effect(lambda app: app.current_mode, then="0"),
    "detach": Effect(lambda app: app.store.fleet.watched is None, first="enter 0", begin=unwatch),
    "new_bot": Effect(dialog, then="escape"),
    "go_on": Effect(lambda app: (place(app), _answered(app)), first="down down", end=_to_top),
    "end_chosen": Effect(dialog, then="n"),
    "flatten_chosen": Effect(dialog, then="escape"),
    "replay": Effect("not replayed", begin=_to_top),
    "next_part": Effect(focus, then="shift+tab"),
}


def _replay(app: Any) -> Any:
    return app.store.fleet.replay


_REPLAY = {
    "play": Effect(lambda app: _replay(app).paused, then="P"),
    "next_bar": Effect(lambda app: app.store.fleet.watched.now_ms, then="comma"),
    "last_bar": Effect(lambda app: app.store.fleet.watched.now_ms, first="full_stop"),
    "faster": Effect("goes on at x120", then="left_square_bracket"),
    "slower": Effect("goes on at x30", then="right_square_bracket"),
    "seek": Effect(dialog, then="escape"),
    "end_replay": Effect("the replay has ended"),
}


def _compared(app: Any) -> object:
    return [str(box.border_title) for box in app.screen.query("#compare")]


def _highlighted(app: Any) -> object:
    return app.screen.query_one(OptionList).highlighted


_PAPER = {
    "arm": Effect("1 armed", then="space", taken="enter"),
    "when": Effect(title("#faults"), then="left"),
    "when_back": Effect(title("#faults"), then="w"),
    "disarm": Effect("1 armed", first="space"),
    "pane": Effect(focus, then="tab"),
    "paper_help": Effect(dialog, then="escape"),
    "stop": Effect(dialog, then="n", taken="ctrl+q"),
}

_DIALOGS = {
    "entry_up": Effect(_highlighted, first="down"),
    "entry_down": Effect(_highlighted, then="up"),
    "entries_up": Effect(_highlighted, first="pagedown"),
    "entries_down": Effect(_highlighted, then="pageup"),
    "close": Effect(dialog),
    "take": Effect("! ", focus="#funding", taken="enter"),
    "leave_fields": Effect(dialog),
    "switch": Effect(_compared, then="left_square_bracket"),
    "switch_back": Effect(_compared, then="right_square_bracket"),
    "choose_runs": Effect(dialog),
    "turn": Effect(lambda app: app.screen.has_class("-turned"), then="v"),
    "copy": Effect("copied"),
    "leave_typed": Effect(dialog),
    "part_stay": Effect(dialog),
    "part_leave": Effect(dialog),
    "part_stop": Effect(dialog),
    "yes": Effect(dialog),
    "no": Effect(dialog),
    "edit": Effect(focus, then="escape", taken="enter"),
    "find": Effect(focus, then="escape"),
    "take_profile": Effect(focus, then="escape"),
    "reset": Effect("1 change", first=_SWITCHED),
    "reset_all": Effect("1 change", first=_SWITCHED),
    "done": Effect(dialog),
    "choose": Effect(dialog, taken="enter"),
    "leave_palette": Effect(dialog),
}


EFFECTS: dict[str, Effect] = {
    **_APP,
    **_SCREENS,
    **_BOT,
    **_MOVES,
    **_BACKTEST,
    **_OPTIMIZER,
    **_DATA,
    **_CONFIG,
    **_BOTS,
    **_REPLAY,
    **_PAPER,
    **_DIALOGS,
}
