"""Where recorded data are found, and the guard: nothing in these tests leaves the machine."""

import os
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from tests.network import network_guard

_SHARED = Path(__file__).resolve().parent.parent.parent / "shared"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """What `-n auto` means: two thirds of the time a test of screens or of a bot waits."""
    return (os.cpu_count() or 1) + 1


def _folder(variable: str, default: Path, what: str) -> Path:
    folder = Path(os.environ.get(variable, default))
    if not folder.is_dir():
        pytest.skip(f"no {what}")
    return folder


@pytest.fixture(scope="session")
def market_data() -> Path:
    """Folder with `BTCUSDT_15m.parquet` and its kind."""
    return _folder("GRIDTUI_TEST_DATA", _SHARED / "data", "market data")


@pytest.fixture(scope="session")
def golden() -> Path:
    """Folder with the results of another implementation of the strategy."""
    return _folder("GRIDTUI_TEST_GOLDEN", _SHARED / "golden", "reference results")


@pytest.fixture(autouse=True, scope="session")
def _no_user_settings(tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test reads or writes the developer's own data folder, or sees the developer's bots."""
    os.environ["GRIDTUI_DATA"] = str(tmp_path_factory.mktemp("gridtui-data"))
    os.environ["GRIDTUI_STATE_HOME"] = str(tmp_path_factory.mktemp("locks"))
    os.environ["XDG_CONFIG_HOME"] = str(tmp_path_factory.mktemp("config"))


@pytest.fixture(autouse=True, scope="session")
def _guarded_children(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Child processes have the guard, too, and write what they reach for into one file."""
    network_guard.watch()
    os.environ[network_guard.LOG] = str(tmp_path_factory.mktemp("network") / "reached")
    folders = [str(Path(network_guard.__file__).parent), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, folders))


@pytest.fixture(autouse=True)
def _only_this_machine(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail whoever reaches beyond this machine; tests marked `demo` may."""
    meant = request.node.get_closest_marker("demo") is not None
    with network_guard.leave() if meant else nullcontext():
        yield
    reached = [*network_guard.reached, *network_guard.in_log()]
    network_guard.reached.clear()
    Path(os.environ[network_guard.LOG]).unlink(missing_ok=True)
    assert not reached, f"a test reached for {reached}"
