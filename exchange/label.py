"""Where the rows of a cache file are from: a few words of JSON in its Parquet metadata.

`{"market": "perpetual", "simulated": false, "server": "", "origins": ["Binance"]}` under the key
`gridtui`. A file without them is taken for what a download writes: a Binance perpetual.
"""

import json
from pathlib import Path

import pandas as pd

from exchange.errors import DataError
from exchange.series import Series
from exchange.servers import BINANCE

_KEY = b"gridtui"


def write_labelled(
    rows: pd.DataFrame, path: Path, series: Series, origins: tuple[str, ...]
) -> None:
    """Write rows as Parquet with their label.

    Raises:
        OSError: the file cannot be written.
    """
    import pyarrow as pa  # costs 0.1 s, and a run without a cache does not need it
    import pyarrow.parquet as pq

    label = {
        "market": series.market,
        "simulated": series.simulated,
        "server": series.server,
        "origins": list(origins),
    }
    bare = rows.copy(deep=False)
    bare.attrs = {}
    table = pa.Table.from_pandas(bare, preserve_index=False)
    metadata = {**table.schema.metadata, _KEY: json.dumps(label).encode()}
    pq.write_table(table.replace_schema_metadata(metadata), path)


def origins_of(path: Path, series: Series) -> tuple[str, ...]:
    """Where the rows of a file are from.

    Raises:
        DataError: its label cannot be read, or is that of another market than its name says.
        OSError, ValueError: it is not a Parquet file.
    """
    import pyarrow.parquet as pq

    return read_label(pq.read_schema(path).metadata, path, series)


def read_label(metadata: dict[bytes, bytes] | None, path: Path, series: Series) -> tuple[str, ...]:
    """The origins in a Parquet schema's metadata; raises DataError as `origins_of` does."""
    raw = (metadata or {}).get(_KEY)
    if raw is None:
        return (BINANCE,)
    try:
        label = json.loads(raw)
        market, simulated = label["market"], label["simulated"]
        server = label.get("server", "")
        origins = tuple(str(name) for name in label["origins"])
    except (ValueError, KeyError, TypeError, AttributeError):
        raise DataError(f"{path}: the label in its metadata cannot be read") from None
    if (market, simulated, server) != (series.market, series.simulated, series.server):
        kind = f"{market} {'simulated' if simulated else 'real'}"
        kind += f" {server}" if server else ""
        raise DataError(f"{path}: holds {kind} rows by its own label, not what its name says")
    return origins
