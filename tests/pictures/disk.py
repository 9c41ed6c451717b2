"""What lies on the disk beside the bots: candles, a profile, and a study of the optimizer."""

import subprocess
import sys
from pathlib import Path

import numpy as np

from exchange.candles import fetch_data
from exchange.checks import CANDLE_COLUMNS
from exchange.importing import import_file
from exchange.symbol import Symbol

_SEED = 8


def keep_candles(data_dir: Path) -> None:
    """Series of the simulated market, two of them with gaps, as imports of files bring them."""
    _keep(data_dir, "BTC", "15m", "2024-01-01", "2025-01-01")
    _keep(data_dir, "ETH", "15m", "2024-01-01", "2025-01-01", holes=((9_000, 9_400),))
    _keep(data_dir, "SOL", "15m", "2024-03-01", "2025-01-01")
    _keep(data_dir, "SOL", "1h", "2024-01-01", "2025-01-01", holes=((700, 705), (5_000, 5_260)))


def keep_profile(data_dir: Path) -> None:
    """A profile for the Config screen."""
    folder = data_dir / "profiles"
    folder.mkdir(parents=True)
    (folder / "calm.toml").write_text("[strategy]\ngamma = 0.3\norder_pct = 0.03\n")


def keep_study(data_dir: Path) -> None:
    """A small study, searched and questioned."""
    command = [sys.executable, "-m", "gridtui", "--data-dir", str(data_dir), "optimize"]
    command += ["--coins", "BTC", "ETH", "SOL", "--source", "sim", "--start", "2024-01-01"]
    command += ["--end", "2024-07-01", "--trials", "60", "--workers", "0", "--seed", "0"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)


def _keep(
    data_dir: Path,
    coin: str,
    timeframe: str,
    start: str,
    end: str,
    holes: tuple[tuple[int, int], ...] = (),
) -> None:
    rows = fetch_data(coin, timeframe, start, end, source="sim", seed=_SEED)
    missing = np.concatenate([np.arange(0), *(np.arange(*hole) for hole in holes)])
    path = Path(f"{Symbol.parse(coin).id}-sim_{timeframe}.parquet")
    rows.drop(index=missing)[list(CANDLE_COLUMNS)].to_parquet(path)
    import_file(path, data_dir)
    path.unlink()
