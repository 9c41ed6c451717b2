"""Where the recorded market data and the reference results are found, if they are there."""

import os
from pathlib import Path

import pytest

_SHARED = Path(__file__).resolve().parent.parent.parent / "shared"


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
    """No test reads or writes the developer's own data folder."""
    os.environ["GRIDTUI_DATA"] = str(tmp_path_factory.mktemp("gridtui-data"))
