"""The account's API key: from the environment or a file `.env`, and never shown.

The environment goes before any file, the working folder's file before the data folder's. A key and
its secret are taken from one place. Files are read, not loaded: children inherit nothing of them.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from exchange.binance.client import Keys
from exchange.errors import DataError

ENV_FILE = ".env"
_REAL = ("BINANCE_API_KEY", "BINANCE_API_SECRET")
_DEMO = ("BINANCE_TESTNET_API_KEY", "BINANCE_TESTNET_API_SECRET")
_FOR_OTHERS = 0o077


@dataclass(frozen=True, slots=True)
class FoundKeys:
    """Keys, where they were found, and a sentence for each thing that is not as it should be."""

    keys: Keys
    source: str
    notes: tuple[str, ...] = ()

    @property
    def ending(self) -> str:
        """As much of the key's id as may be shown: its last four characters."""
        return shown(self.keys)


def find_keys(
    testnet: bool, folders: Sequence[Path], environment: Mapping[str, str] | None = None
) -> FoundKeys:
    """The keys of the real account, or of demo trading, which falls back to the real ones' names.

    Args:
        folders: where a file `.env` may lie, in this order.
        environment: None: the process's own.

    Raises:
        DataError: there are none; one of the two is missing, or holds a blank; a file that cannot
            be read.
    """
    own = os.environ if environment is None else environment
    files = list(dict.fromkeys((folder / ENV_FILE).absolute() for folder in folders))
    places: list[tuple[str, Mapping[str, str], tuple[str, ...]]] = [("the environment", own, ())]
    places += [(str(path), _read(path), _too_open(path)) for path in files if path.is_file()]
    for names in (_DEMO, _REAL) if testnet else (_REAL,):
        for source, values, notes in places:
            key, secret = (values.get(name) or "" for name in names)
            if not key and not secret:
                continue
            if not key or not secret:
                missing = names[1] if key else names[0]
                raise DataError(f"{missing} is missing: {source} sets the other half of it only")
            if testnet and names is _REAL:
                notes = (*notes, f"{_DEMO[0]} is not set, so {_REAL[0]} is used for demo trading")
            return FoundKeys(Keys(key, secret), source, notes)
    wanted = _DEMO if testnet else _REAL
    made = " (made on demo.binance.com)" if testnet else ""
    raise DataError(
        f"trading needs an API key{made}: set {wanted[0]} and {wanted[1]}, or write them into "
        f"{ENV_FILE}; --dry-run and --paper need none"
    )


def shown(keys: Keys) -> str:
    """`...wxyz` of a key's id; nothing of a short one."""
    return f"...{keys.api_key[-4:]}" if len(keys.api_key) >= 16 else "..."


def _read(path: Path) -> Mapping[str, str]:
    from dotenv import dotenv_values

    try:
        values = dotenv_values(path, interpolate=False)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise DataError(f"cannot read {path}: {reason}") from error
    return {name: value for name, value in values.items() if value}


def _too_open(path: Path) -> tuple[str, ...]:
    if path.stat().st_mode & _FOR_OTHERS:
        return (f"others on this machine can read {path}: chmod 600 {path}",)
    return ()
