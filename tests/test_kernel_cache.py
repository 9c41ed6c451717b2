"""Machine code on disk: reused when nothing changed, never when anything did."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from indicators import compiled

ROOT = Path(__file__).resolve().parent.parent
CALLER = """
from engine.rates import rate
from indicators.compiled import CACHE_FOLDER, compiled

@compiled
def pay(x):
    return x * rate(x)

if __name__ == "__main__":
    print(pay(2.0), sum(pay.stats.cache_hits.values()), CACHE_FOLDER)
"""
CALLEE = """
from indicators.compiled import compiled

@compiled
def rate(x):
    return x + {constant}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A small project with a compiled function that calls one in another file."""
    for room in ("indicators", "engine"):
        (tmp_path / room).mkdir()
        (tmp_path / room / "__init__.py").touch()
    shutil.copy(ROOT / "indicators" / "compiled.py", tmp_path / "indicators")
    (tmp_path / "engine" / "pay.py").write_text(CALLER)
    (tmp_path / "engine" / "rates.py").write_text(CALLEE.format(constant=1.0))
    return tmp_path


def run(project: Path, **environment: str) -> tuple[float, int, Path]:
    cache = {"GRIDTUI_KERNEL_CACHE": str(project / "cache")} | environment
    done = subprocess.run(
        [sys.executable, "-m", "engine.pay"],
        cwd=project,
        env={**os.environ, **cache},
        capture_output=True,
        text=True,
        check=True,
    )
    value, hits, folder = done.stdout.split()
    return float(value), int(hits), Path(folder)


def test_an_edit_of_a_function_that_is_called_from_another_file_is_never_missed(
    project: Path,
) -> None:
    assert run(project)[:2] == (6.0, 0)
    assert run(project)[:2] == (6.0, 1), "unchanged code is read from the disk"
    (project / "engine" / "rates.py").write_text(CALLEE.format(constant=5.0))
    assert run(project)[:2] == (14.0, 0)


def test_every_version_that_makes_the_code_has_a_folder_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = compiled.kernel_fingerprint()
    assert now == compiled.kernel_fingerprint()
    monkeypatch.setattr(compiled, "version", lambda package: f"next {package}")
    upgraded = compiled.kernel_fingerprint()
    monkeypatch.undo()
    monkeypatch.setattr(sys, "version", "another Python")
    assert len({now, upgraded, compiled.kernel_fingerprint()}) == 3


def test_a_home_that_cannot_be_written_means_a_temporary_folder(project: Path) -> None:
    value, _, folder = run(project, GRIDTUI_KERNEL_CACHE="/dev/null/kernels")
    assert value == 6.0
    assert "gridtui-kernels-" in str(folder)


def test_folders_of_older_code_are_cleared_away_unless_they_are_young(project: Path) -> None:
    cache = project / "cache"
    for name in ("a", "b", "c", "d"):
        (cache / name).mkdir(parents=True)
    run(project)
    assert len(list(cache.iterdir())) == 5
    for name in ("a", "b", "c", "d"):
        os.utime(cache / name, (0, 0))
    run(project)
    assert len(list(cache.iterdir())) == 3


def test_only_the_module_that_chooses_the_folder_imports_numba() -> None:
    sources = [p for room in ("indicators", "engine") for p in (ROOT / room).rglob("*.py")]
    importing = [p.name for p in sources if "import numba" in p.read_text()]
    assert importing == ["compiled.py"]


def test_an_edit_of_what_no_compiled_function_uses_compiles_nothing_anew(project: Path) -> None:
    (project / "engine" / "report.py").write_text("WIDTH = 80\n")
    assert run(project)[:2] == (6.0, 0)
    (project / "engine" / "report.py").write_text("WIDTH = 90\n")
    assert run(project)[:2] == (6.0, 1)


def test_an_edit_of_a_constant_that_compiled_code_holds_is_never_missed(project: Path) -> None:
    (project / "engine" / "numbers.py").write_text("ONE = 1.0\n")
    rates = "from engine.numbers import ONE\n" + CALLEE.format(constant="ONE")
    (project / "engine" / "rates.py").write_text(rates)
    assert run(project)[:2] == (6.0, 0)
    (project / "engine" / "numbers.py").write_text("ONE = 3.0\n")
    assert run(project)[:2] == (10.0, 0)
