"""The way to the first paint imports nothing heavy. Costs 1 s."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
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


@pytest.mark.parametrize("module", ["tui", "tui.app"])
def test_importing_the_screens_brings_in_no_heavy_library(module: str) -> None:
    code = f"import {module}, sys; print(*(name for name in {HEAVY!r} if name in sys.modules))"
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert found.stdout.split() == []


def test_the_heavy_libraries_are_found_once_a_run_needs_them() -> None:
    code = f"import engine.simulator, sys; print(*(n for n in {HEAVY!r} if n in sys.modules))"
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert {"numpy", "pandas", "numba", "pydantic"} <= set(found.stdout.split())
