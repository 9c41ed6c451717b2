"""What every key does: one row for each thing that keys do, from which `tui.keys` makes the rest.

Every row has an id, by which a user's key map can move it to other keys.
"""

from dataclasses import dataclass

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
    Key("help", "question_mark,f1", "?", "all keys", "this page", "help", "app"),
    Key("quit", "q", "q", "quit", "leave; asks while something is under way", "quit", "app"),
    Key("leave", "ctrl+q", "ctrl+q", "quit", "the same, anywhere", "quit", "app", always=True),
    Key(
        "acknowledge",
        "exclamation_mark,a",
        "!",
        "acknowledge",
        "the alarm shown and the errors were seen",
        "acknowledge",
        "app",
    ),
    Key("palette", "colon", ":", "actions", "every action, by its name", "palette", "app"),
    Key(
        "palette_anywhere",
        "ctrl+p",
        "ctrl+p",
        "actions",
        "the same, while typing, too",
        "palette",
        "app",
        always=True,
    ),
    Key("previous", "minus", "-", "back", "the screen shown before", "previous_screen", "app"),
    Key(
        "picture",
        "ctrl+s",
        "ctrl+s",
        "picture",
        "this screen into a file, as picture and text",
        "picture",
        "app",
        always=True,
    ),
    *(
        Key(
            f"screen_{screen.number}",
            screen.number,
            screen.number,
            screen.name,
            f"{screen.name}: {screen.meaning}",
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
        "run the form as it stands",
        "run",
        "backtest",
    ),
    Key(
        "back",
        "escape",
        "esc",
        "cancel",
        "cancel; undo a text field; no cursor; between runs and result",
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
    # Optimizer screen
    Key("search", "enter,ctrl+r", "enter", "search", "start the form's search", "run", "optimizer"),
    Key("hold", "space", "space", "pause", "pause, resume, or go on", "hold", "optimizer"),
    Key("halt", "x", "x", "stop", "stop for good; finished trials are kept", "stop", "optimizer"),
    Key("apply", "a", "a", "apply...", "parameters into a TOML file", "apply", "optimizer"),
    Key("next_view", "v", "v", "view", "next view of the study", "next_view", "optimizer"),
    Key("sort", "o", "o", "order", "by number, score, test score", "sort", "optimizer"),
    Key("every_trial", "t", "t", "trials", "every trial", "view('trials')", "optimizer"),
    Key("decide", "p", "p", "parameters", "which decide", "view('parameters')", "optimizer"),
    Key("report", "r", "r", "report", "is it overfit?", "view('report')", "optimizer"),
    Key("windows", "w", "w", "windows", "scores by window", "view('windows')", "optimizer"),
    Key("log", "l,L", "l", "log", "what it printed; L among trials", "view('log')", "optimizer"),
    Key("studies", "s", "s", "studies", "to the list of studies", "studies", "optimizer"),
    Key("to_form", "f", "f", "form", "to the form", "form", "optimizer"),
    Key(
        "aside",
        "escape",
        "esc",
        "study",
        "undo a text field; to the study, from it to the studies",
        "back",
        "optimizer",
    ),
    # Form
    Key("next_field", "down", "↓", "field", "next field, as tab does", "move(1)", "form"),
    Key("last_field", "up", "↑", "field", "field before, as shift+tab does", "move(-1)", "form"),
    Key("change", "space,right", "space", "change", "next choice, on or off", "change", "choice"),
    Key("change_back", "left", "←", "change", "choice before", "change(-1)", "choice"),
    Key("open", "enter,space", "enter", "open", "open", "open", "link"),
    # List of runs
    Key("mark", "space", "space", "mark", "mark a run for comparison", "mark", "runs"),
    Key("reuse", "u", "u", "use again", "put a run's settings into the form", "reuse", "runs"),
    # Lists
    Key("filter", "slash", "/", "filter", "show what has a word; !word hides", "filter", "trades"),
    Key("trade_details", "enter", "enter", "details", "all about a row", "details", "trades"),
    Key("up", "up,k", "↑", "up", "line up", "cursor(-1)", "list"),
    Key("down", "down,j", "↓", "down", "line down", "cursor(1)", "list"),
    Key("page_up", "pageup,ctrl+u", "PgUp", "page", "page up", "page(-1)", "list"),
    Key("page_down", "pagedown,ctrl+d", "PgDn", "page", "page down", "page(1)", "list"),
    Key("left", "left,h", "←", "left", "to the left", "scroll_left", "list"),
    Key("right", "right,l", "→", "right", "to the right", "scroll_right", "list"),
    Key("top", "home,g", "Home", "top", "first line", "end(-1)", "list"),
    Key("bottom", "end,G", "End", "bottom", "last line", "end(1)", "list"),
    # Data
    Key("fetch", "f", "f", "fetch", "get candles and funding from Binance", "fetch", "data"),
    Key("import", "i", "i", "import", "take in a file or a folder", "import", "data"),
    Key("check", "c", "c", "check", "read every row and say what is wrong", "check", "data"),
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
    # A bot that is watched
    Key("pause", "p", "p", "pause", "no new entries; again: go on", "pause", "bot"),
    Key("end", "S", "S", "stop", "end; take-profits and stops stay", "end", "bot"),
    Key("flatten", "X", "X", "close all", "end with everything closed", "flatten", "bot"),
    Key("freeze", "space", "space", "freeze", "hold the display, not the bot", "freeze", "bot"),
    Key("unfreeze", "escape", "esc", "go on", "the display goes on", "unfreeze", "bot"),
    # A record that is replayed in a bot's place
    Key("play", "P", "P", "play, hold", "hold the time, or go on (also space)", "play", "replay"),
    Key("next_bar", "full_stop", ".", "bar", "to the next bar's end, and hold", "bar(1)", "replay"),
    Key("last_bar", "comma", ",", "bar", "to the end of the bar before", "bar(-1)", "replay"),
    Key("faster", "right_square_bracket", "]", "faster", "up to x10000", "speed(1)", "replay"),
    Key("slower", "left_square_bracket", "[", "slower", "down to x1", "speed(-1)", "replay"),
    Key("seek", "T", "T", "go to", "a time, a percentage, a run", "seek", "replay"),
    Key("end_replay", "E", "E", "end replay", "show the bots again", "end_replay", "replay"),
    # Bots
    Key(
        "attach",
        "enter",
        "enter",
        "show",
        "watch it; resume one that has stopped",
        "attach",
        "bots",
    ),
    Key(
        "detach",
        "backspace",
        "backspace",
        "show none",
        "show no bot; it goes on",
        "detach",
        "bots",
    ),
    Key("new_bot", "n", "n", "new", "start a bot", "start", "bots"),
    Key("go_on", "r", "r", "resume", "go on with one that has ended", "go_on", "bots"),
    Key("end_chosen", "S", "S", "stop", "end it; take-profits and stops stay", "end", "bots"),
    Key("flatten_chosen", "X", "X", "close all", "end it, all closed", "flatten", "bots"),
    Key("replay", "v", "v", "replay", "play what it has recorded", "replay", "bots"),
    Key("next_part", "tab", "tab", "part", "table or lines", "app.focus_next", "bots"),
    # Config
    Key("edit_value", "enter", "enter", "change", "type a value; turn a switch", "edit", "config"),
    Key("find_value", "slash", "/", "filter", "what has a word", "filter", "config"),
    Key("reset_value", "backspace,d", "d", "default", "back to the default", "reset", "config"),
    Key("reset_values", "D", "D", "all defaults", "all as they come", "reset_all", "config"),
    Key("take_live", "b", "b", "bot's", "the values of the bot shown", "take_live", "config"),
    Key("profile", "o", "o", "profile", "load a profile", "profile", "config"),
    Key("save", "s", "s", "save", "write a profile; what changes is shown", "save", "config"),
    Key("leave_config", "escape", "esc", "show all", "no line, no filter", "back", "config"),
    # Screens with several panels
    Key("enlarge", "z", "z", "enlarge", "one panel alone; again: all", "enlarge", "panels"),
    # Live
    Key("start_bot", "n", "n", "start", "start a bot", "start", "live"),
    Key("resume_bot", "r", "r", "resume", "go on with one that has ended", "go_on", "live"),
    Key("next_pane", "tab", "tab", "panel", "next panel", "app.focus_next", "live"),
    Key("last_pane", "shift+tab", "shift+tab", "panel", "before", "app.focus_previous", "live"),
    # Grid
    Key("closer", "i", "i", "closer", "zoom in, at last one line a level", "zoom(1)", "grid"),
    Key("farther", "o", "o", "farther", "zoom out, to scale", "zoom(-1)", "grid"),
    Key("centre", "c", "c", "centre", "the market in the middle, and keep it", "centre", "grid"),
    # Panels of lines
    Key("line_up", "up,k", "↑", "up", "line up", "line(-1)", "lines"),
    Key("line_down", "down,j", "↓", "down", "line down", "line(1)", "lines"),
    Key("lines_up", "pageup,ctrl+u", "PgUp", "page", "page up", "page(-1)", "lines"),
    Key("lines_down", "pagedown,ctrl+d", "PgDn", "page", "page down", "page(1)", "lines"),
    Key("first_line", "home,g", "Home", "top", "first line", "end(-1)", "lines"),
    Key("last_line", "end,G", "End", "bottom", "last line", "end(1)", "lines"),
    # Charts
    Key("window", "w", "w", "window", "1, 7, 30 days, everything", "window", "charts"),
    Key("zoom_in", "i", "i", "zoom in", "half as much time", "zoom(-1)", "charts"),
    Key("zoom_out", "o", "o", "zoom out", "twice as much time", "zoom(1)", "charts"),
    Key("earlier", "less_than_sign", "<", "earlier", "half a window back", "pan(-1)", "charts"),
    Key("later", "greater_than_sign", ">", "later", "half a window on", "pan(1)", "charts"),
    Key("log_scale", "L", "L", "log", "logarithmic scale, or linear", "log_scale", "charts"),
    # Cursor of charts
    Key("point", "right,l", "← →", "values", "cursor with values", "point(1)", "cursor"),
    Key("point_back", "left,h", "←", "values", "cursor back", "point(-1)", "cursor"),
    Key("point_far", "shift+right", "shift+→", "far", "ten columns on", "point(10)", "cursor"),
    Key("point_far_back", "shift+left", "shift+←", "far", "ten back", "point(-10)", "cursor"),
    # Equity
    Key("overlay", "c", "c", "compare", "with a backtest of this session", "overlay", "equity"),
    Key("no_point", "escape", "esc", "no cursor", "cursor away; back to now", "back", "equity"),
    # Orders
    Key("table", "v", "v", "view", "orders, trades, audit of requests", "next_view", "orders"),
    Key("look_for", "slash", "/", "filter", "rows with a word; !word hides", "filter", "orders"),
    Key("by_column", "o", "o", "sort", "by the next column", "sort", "orders"),
    Key("upside_down", "r", "r", "reverse", "lowest or highest first", "reverse", "orders"),
    Key("row_details", "enter", "enter", "details", "everything about a row", "details", "orders"),
    Key("show_all", "escape", "esc", "show all", "no filter; unfreeze", "back", "orders"),
    # Logs
    Key("follow", "f", "f", "follow", "the newest lines; or hold still", "follow", "logs"),
    Key("search_log", "slash", "/", "search", "go to lines with a word", "search", "logs"),
    Key("next_match", "n", "n", "older match", "the match above", "match(-1)", "logs"),
    Key("last_match", "N", "N", "newer match", "the match below", "match(1)", "logs"),
    Key("only", "ampersand", "&", "filter", "only what has a word; !word hides", "filter", "logs"),
    Key("debug", "d", "d", "debug", "every request, too", "level(10)", "logs"),
    Key("info", "i", "i", "info", "trades, bars, grids and above", "level(20)", "logs"),
    Key("warnings", "w", "w", "warnings", "warnings and errors", "level(30)", "logs"),
    Key("errors", "e", "e", "errors", "errors alone", "level(40)", "logs"),
    Key("go_to_time", "ctrl+g", "ctrl+g", "time", "go to a time", "time", "logs"),
    Key("wrap", "W", "W", "wrap", "long lines go on in the next one, or not", "wrap", "logs"),
    Key("copy_lines", "c,y", "c", "copy", "copy the lines in sight", "copy_lines", "logs"),
    Key("leave_line", "escape", "esc", "show all", "no search, no filter", "back", "logs"),
    # Parameters
    Key("edit", "enter", "enter", "change", "type a new value", "edit", "parameters"),
    Key("find", "slash", "/", "filter", "show what contains a word", "find", "parameters"),
    Key("reset", "backspace,d", "d", "default", "back to the default", "reset", "parameters"),
    Key("take_profile", "o", "o", "profile", "load a profile", "profile", "parameters"),
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
    # Palette
    Key("choose", "enter", "enter", "do it", "do it", "choose", "palette"),
    Key("leave_palette", "escape", "esc", "close", "close", "leave", "palette"),
    Key("entry_up", "up", "↑", "up", "line up", "move(-1)", "palette"),
    Key("entry_down", "down", "↓", "down", "line down", "move(1)", "palette"),
    Key("entries_up", "pageup", "PgUp", "page", "page up", "page(-1)", "palette"),
    Key("entries_down", "pagedown", "PgDn", "page", "page down", "page(1)", "palette"),
    # Dialogs
    Key("close", "escape,q", "esc", "close", "close", "close", "dialog"),
    Key("take", "enter", "enter", "go", "take the fields", "take", "fields"),
    Key("leave_fields", "escape", "esc", "close", "close", "close", "fields"),
    Key("switch", "right_square_bracket", "]", "coin", "next coin", "coin(1)", "compare"),
    Key("switch_back", "left_square_bracket", "[", "coin", "coin before", "coin(-1)", "compare"),
    Key(
        "choose_runs",
        "r",
        "r",
        "other runs",
        "to the list of runs: space marks two",
        "choose",
        "compare",
    ),
    Key("turn", "v", "v", "curves", "numbers or curves, if narrow", "turn", "compare"),
    Key("copy", "c,y", "c", "copy", "copy as JSON", "copy", "details page"),
    Key("leave_typed", "escape", "esc", "cancel", "cancel", "leave", "typed"),
    Key("part_stay", "escape", "esc", "stay", "stay", "answer('stay')", "parting"),
    Key("part_leave", "l", "l", "leave", "leave it running", "answer('leave')", "parting"),
    Key("part_stop", "s", "s", "stop", "stop it", "answer('stop')", "parting"),
    Key("yes", "y", "y", "yes", "yes", "answer(True)", "question"),
    Key("no", "n,escape", "n", "no", "no", "answer(False)", "question"),
)

WITHOUT_KEY = (
    *(
        Key(f"theme_{name}", "", "", f"theme: {name}", words, f"theme('{name}')", "app")
        for name, words in (
            ("dark", "for a dark room"),
            ("light", "for a bright one"),
            ("ansi", "the terminal's own palette"),
        )
    ),
    *(
        Key(f"symbols_{name}", "", "", f"symbols: {name}", words, f"symbols('{name}')", "app")
        for name, words in (
            ("braille", "charts in fine dots"),
            ("block", "charts in blocks, for fonts without braille"),
            ("ascii", "nothing but ASCII, for the plainest console"),
        )
    ),
    Key("bell", "", "", "bell", "ring for alarms, or be silent", "bell_for_alarms", "app"),
)
"""What only the palette does; it holds until the end of the session."""
