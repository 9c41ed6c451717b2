"""How every compiled function of the project is compiled, and where its machine code is kept.

numba checks the cached code of a function against that function's own source file only: an edit
in a compiled function that it calls from another file goes unnoticed, and stale machine code runs.
So the cache lies in a folder named after a hash of *all* sources that compiled code is made of and
of the versions that make it: an edit there, or an upgrade, leads to a fresh folder. This module
sets the folder before numba is imported, which is why nothing else in the project imports numba.
"""

import contextlib
import hashlib
import os
import platform
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar, cast

_KERNEL_ROOMS = ("indicators", "engine")
_IMPORTED = re.compile(rf"^(?:from|import) ({'|'.join(_KERNEL_ROOMS)})\b([^\n(]*)", re.MULTILINE)
_KEPT_FOLDERS = 3
_KEPT_SECONDS = 14 * 86_400

F = TypeVar("F", bound=Callable[..., object])


def kernel_fingerprint(root: Path | None = None) -> str:
    """Hash (16 hex digits) of the kernel's sources under `root`, and of what makes the code."""
    root = root or Path(__file__).resolve().parent.parent
    digest = hashlib.sha256()
    for name, source in _kernel_sources(root):
        digest.update(name.encode() + b"\0")
        digest.update(source + b"\0")
    for part in (sys.version, platform.machine(), version("numba"), version("numpy")):
        digest.update(part.encode() + b"\0")
    return digest.hexdigest()[:16]


def _kernel_sources(root: Path) -> list[tuple[str, bytes]]:
    """(module, source) of whatever compiles, and of what those modules import from the two rooms:
    compiled code holds their constants."""
    sources = {
        ".".join(path.relative_to(root).with_suffix("").parts): path.read_bytes()
        for room in _KERNEL_ROOMS
        for path in (root / room).rglob("*.py")
    }
    waiting = [name for name, source in sources.items() if b"\n@compiled" in source]
    kernel: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in kernel:
            continue
        kernel.add(name)
        for room, rest in _IMPORTED.findall(sources[name].decode()):
            # "from engine import grid, risk" names modules as well
            parts = re.findall(r"\w+", rest)
            waiting += [known for part in parts if (known := f"{room}.{part}") in sources]
    return [(name, sources[name]) for name in sorted(kernel)]


def _cache_root() -> Path:
    configured = os.environ.get("GRIDTUI_KERNEL_CACHE")
    if configured:
        return Path(configured)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "gridtui" / "kernels"


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _choose_folder() -> Path:
    """The folder for this fingerprint; a private temporary one where there is no home for it."""
    name = kernel_fingerprint()
    try:
        folder = _cache_root() / name
    except RuntimeError:  # no home directory at all
        return Path(tempfile.mkdtemp(prefix="gridtui-kernels-"))
    return folder if _writable(folder) else Path(tempfile.mkdtemp(prefix="gridtui-kernels-"))


def _drop_old_folders(current: Path) -> None:
    """Keep the newest few fingerprints; every edit of a kernel leaves one behind.

    A young folder may be that of a run in another process and stays.
    """
    old_enough = time.time() - _KEPT_SECONDS
    try:
        others = [p for p in current.parent.iterdir() if p.is_dir() and p != current]
        others.sort(key=lambda p: p.stat().st_mtime, reverse=True)
        stale = [p for p in others[_KEPT_FOLDERS - 1 :] if p.stat().st_mtime < old_enough]
    except OSError:
        return
    for folder in stale:
        shutil.rmtree(folder, ignore_errors=True)


CACHE_FOLDER = _choose_folder()
os.environ["NUMBA_CACHE_DIR"] = str(CACHE_FOLDER)

import numba  # noqa: E402  (the folder must be known first)

_drop_old_folders(CACHE_FOLDER)


def compiled(function: F) -> F:
    """Compile without the GIL (the screens stay alive) and keep the machine code on disk.

    Division by zero gives inf or NaN as in NumPy: a check and a branch for each would cost more.
    """
    return cast(F, numba.njit(nogil=True, cache=True, error_model="numpy")(function))


def is_compiled() -> bool:
    """Whether a complete run has left its machine code in this version's folder."""
    return (CACHE_FOLDER / "complete").exists()


def mark_compiled() -> None:
    """Note that everything a run needs has been compiled into the folder."""
    with contextlib.suppress(OSError):  # a lost note costs a notice, not a finished run
        (CACHE_FOLDER / "complete").touch()
