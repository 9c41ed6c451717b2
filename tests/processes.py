"""gridtui as a process of its own, and a client of somebody else's for its paper exchange."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import ccxt

import gridtui

ROOT = Path(gridtui.__file__).parent


def gridtui_process(*arguments: str, **options: Any) -> "subprocess.Popen[str]":
    """`gridtui` with arguments, its output in pipes; `options` are those of `Popen`."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    command = [sys.executable, "-m", "gridtui", *arguments]
    return subprocess.Popen(command, cwd=ROOT, text=True, **{**pipes, **options})


def unmodified(url: str, **options: Any) -> Any:
    """A ccxt client of which only the addresses are others."""
    client = ccxt.binanceusdm({"apiKey": "paper", "secret": "paper", **options})
    for name, address in client.urls["api"].items():
        client.urls["api"][name] = f"{url}/{address.split('/', 3)[3]}"
    return client
