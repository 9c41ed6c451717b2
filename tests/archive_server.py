"""A small server on 127.0.0.1 that has Binance's monthly archives of a made-up market."""

import hashlib
import io
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pandas as pd

from exchange.span import Span, moment_ms

HEADER = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,"
    "taker_buy_volume,taker_buy_quote_volume,ignore\n"
)

Truth = Callable[[str, Span], pd.DataFrame]
"""A timeframe and a span -> the market's candles."""


class ArchiveServer:
    """Serves the months that were `put`. `status`: what it answers to everything, if not None."""

    def __init__(self, truth: Truth) -> None:
        self.truth = truth
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.status: int | None = None
        self.url = ""

    def put(self, month: str, end: str, timeframe: str = "1m", without: Span | None = None) -> str:
        """Publish `month` ("2024-01"), up to where the month `end` begins; returns its path."""
        rows = self.truth(timeframe, Span(moment_ms(f"{month}-01"), moment_ms(f"{end}-01")))
        if without:
            hole = rows["timestamp"].between(without.start_ms, without.end_ms - 1)
            rows = rows[~hole]
        lines = [
            f"{stamp},{open_},{high},{low},{close},{volume},{stamp + 59_999},0,0,0,0,0"
            for stamp, open_, high, low, close, volume in rows.itertuples(index=False)
        ]
        name = f"BTCUSDT-{timeframe}-{month}"
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"{name}.csv", HEADER + "\n".join(lines))
        path = f"/data/futures/um/monthly/klines/BTCUSDT/{timeframe}/{name}.zip"
        self.files[path] = packed.getvalue()
        digest = hashlib.sha256(self.files[path]).hexdigest()
        self.files[f"{path}.CHECKSUM"] = f"{digest}  {name}.zip\n".encode()
        return path


class _Handler(BaseHTTPRequestHandler):
    archives: ArchiveServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.archives.asked.append(self.path)
        body = self.archives.files.get(self.path)
        status = self.archives.status or (404 if body is None else 200)
        self.send_response(status)
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base's name)
        """Keep quiet."""


@contextmanager
def serving_archives(truth: Truth) -> Iterator[ArchiveServer]:
    """Run a server until the block ends."""
    archives = ArchiveServer(truth)
    handler = type("Handler", (_Handler,), {"archives": archives})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    archives.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield archives
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)
