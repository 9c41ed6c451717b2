"""The way to the first paint imports nothing heavy. Costs 1 s."""

import subprocess
import sys
from pathlib import Path

import pytest

import gridtui

ROOT = Path(gridtui.__file__).parent
HEAVY = (
    "ccxt",
    "matplotlib",
    "numba",
    "numpy",
    "optuna",
    "pandas",
    "plotext",
    "pyarrow",
    "pydantic",
)


@pytest.mark.parametrize("module", ["tui", "tui.app", "engine.optimize.settings"])
def test_what_the_first_paint_needs_brings_in_no_heavy_library(module: str) -> None:
    code = f"import {module}, sys; print(*(name for name in {HEAVY!r} if name in sys.modules))"
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert found.stdout.split() == []


def test_no_help_page_waits_for_a_heavy_library() -> None:
    code = """
import argparse, gridtui, sys
def pages(parser):
    yield []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, command in action.choices.items():
                yield from ([name, *rest] for rest in pages(command))
for page in pages(gridtui._parser()):
    for flag in ["--help"] if page else ["--help", "--version"]:
        assert gridtui.main([*page, flag]) == 0
    loaded = [name for name in HEAVY if name in sys.modules]
    assert not loaded, (page, loaded)
"""
    done = subprocess.run(
        [sys.executable, "-c", f"HEAVY = {(*HEAVY, 'aiohttp', 'rich', 'textual')!r}\n{code}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("usage: gridtui data fetch") == 1


def test_the_heavy_libraries_are_found_once_a_run_needs_them() -> None:
    code = f"import engine.simulator, sys; print(*(n for n in {HEAVY!r} if n in sys.modules))"
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert {"numpy", "pandas", "numba", "pydantic"} <= set(found.stdout.split())
