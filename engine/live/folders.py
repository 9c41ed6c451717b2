"""Where a bot's files lie; runs that trade nothing real have folders of their own."""

from pathlib import Path

MODES = ("live", "demo", "paper", "dry-run")
"""Those of `engine.live.config.Mode`, for whoever does without its imports."""


def state_folder(data_folder: Path, mode: str) -> Path:
    """Of the states of all bots of a mode (`engine.live.config.Mode`)."""
    return _of_mode(data_folder / "live_state", mode)


def log_folder(data_folder: Path, mode: str) -> Path:
    """Of their logs."""
    return _of_mode(data_folder / "live_logs", mode)


def log_file(data_folder: Path, mode: str, symbol_id: str) -> Path:
    """Of one bot's log; `symbol_id` as `BTCUSDT`."""
    return log_folder(data_folder, mode) / f"{symbol_id}.log"


def _of_mode(folder: Path, mode: str) -> Path:
    return folder if mode == "live" else folder / mode
