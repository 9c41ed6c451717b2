"""Colours: the dark theme, and tokens that mean the same thing on every screen.

Each colour repeats what a sign, a word or a place already says; with NO_COLOR nothing is lost.
"""

from textual.theme import Theme

TOKENS = {
    "pnl-positive": "#56d38c",
    "pnl-negative": "#ff7b72",
    "stale": "#6b7480",
    "simulated": "#e8b339",
    "mode-backtest": "#6cb6ff",
    "mode-data": "#6cb6ff",
    "mode-paper": "#56d38c",
    "mode-testnet": "#e8b339",
    "mode-live": "#ff5f56",
    "mode-replay": "#c297ff",
    "curve": "#7cc0ff",
    "curve-other": "#ffb263",
    "curve-price": "#aab6c4",
    "level": "#4a5462",
    "there": "#2f5478",
    "quiet": "#8793a1",
    "trend-up": "#3fa66b",
    "trend-down": "#d05a52",
    "breakout-up": "#8ff0b6",
    "breakout-down": "#ffb1ab",
}
"""Own variables, for style sheets ($pnl-positive) and for drawn lines (`colour`)."""

DARK = Theme(
    name="gridtui-dark",
    primary="#6cb6ff",
    secondary="#4d8fd1",
    accent="#6cb6ff",
    warning="#e8b339",
    error="#ff7b72",
    success="#56d38c",
    foreground="#d6dde6",
    background="#0c1016",
    surface="#0c1016",
    panel="#161c25",
    dark=True,
    variables={
        **TOKENS,
        "border": "#6cb6ff",
        "border-blurred": "#2a333f",
        "block-cursor-background": "#20405f",
        "block-cursor-foreground": "#ffffff",
        "block-cursor-text-style": "none",
        "block-cursor-blurred-background": "#1b232e",
        "block-cursor-blurred-foreground": "#d6dde6",
        "block-cursor-blurred-text-style": "none",
        "input-selection-background": "#20405f",
        "scrollbar": "#2a333f",
        "scrollbar-hover": "#3b4756",
        "scrollbar-active": "#6cb6ff",
        "scrollbar-background": "#0c1016",
        "scrollbar-background-hover": "#0c1016",
        "scrollbar-background-active": "#0c1016",
        "scrollbar-corner-color": "#0c1016",
    },
)
