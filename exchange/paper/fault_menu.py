"""One fault of each kind with the values that it usually has, by a name that people can choose.

The console lists them; the file's `[random] kinds` names them.
"""

from exchange.paper.errors import refusal
from exchange.paper.faults import Fault

_PLACE, _CANCEL, _READ = (f"{method} /fapi/v1/order" for method in ("POST", "DELETE", "GET"))
_STATUSES = {
    403: "the firewall refuses",
    408: "no answer from the backend, execution unknown",
    418: "banned for two minutes",
    429: "too many requests",
    500: "internal error, execution unknown",
    502: "bad gateway, execution unknown",
    503: "unknown error, execution unknown",
    504: "gateway time-out, execution unknown",
}
_CODES: dict[int, str | None] = {
    -1000: None,
    -1003: None,
    -1006: None,
    -1007: None,
    -1008: None,
    -1021: None,
    -2011: _CANCEL,
    -2013: _READ,
    -2019: _PLACE,
    -2021: "POST /fapi/v1/algoOrder",
    -2022: _PLACE,
    -4061: _PLACE,
    -4116: _PLACE,
    -4120: _PLACE,
    -4164: _PLACE,
    -5022: _PLACE,
}
"""Codes, and the one endpoint that answers with them; None: any does."""

MENU: dict[str, Fault] = {
    "latency": Fault(what="latency", seconds=2),
    "timeout": Fault(what="timeout"),
    "timeout executed": Fault(what="timeout", executed=True),
    "drop": Fault(what="drop"),
    "drop executed": Fault(what="drop", executed=True),
    **{f"http {status}": Fault(what="http", status=status) for status in _STATUSES},
    **{
        f"code {code}": Fault(what="code", code=code, endpoint=endpoint)
        for code, endpoint in _CODES.items()
    },
    "code -1007 executed": Fault(what="code", code=-1007, executed=True),
    "stale": Fault(what="stale"),
    "expire_post_only": Fault(what="expire_post_only"),
    "partial": Fault(what="partial"),
    "stream_late": Fault(what="stream_late", seconds=2),
    "stream_repeat": Fault(what="stream_repeat"),
    "stream_reorder": Fault(what="stream_reorder"),
    "stream_drop": Fault(what="stream_drop"),
    "stream_silent": Fault(what="stream_silent", seconds=30),
    "listen_key_expires": Fault(what="listen_key_expires"),
    "candle_missing": Fault(what="candle_missing"),
    "candle_repeated": Fault(what="candle_repeated"),
    "candle_revised": Fault(what="candle_revised"),
    "skew": Fault(what="skew", ms=-7000),
    "drift": Fault(what="drift", ppm=500),
}

MEANINGS: dict[str, str] = {
    "latency": "the answer takes 2 s longer",
    "timeout": "never answered, not executed",
    "timeout executed": "executed, never answered",
    "drop": "the line is cut, not executed",
    "drop executed": "executed, then the line is cut",
    **{f"http {status}": text for status, text in _STATUSES.items()},
    **{f"code {code}": refusal(code).text for code in _CODES},
    "code -1007 executed": "executed, but the answer says that this is unknown",
    "stale": "a read gets its previous answer once more",
    "expire_post_only": "EXPIRED in place of -5022",
    "partial": "half of what is left fills",
    "stream_late": "an event comes 2 s late",
    "stream_repeat": "an event comes twice",
    "stream_reorder": "an event comes after the next",
    "stream_drop": "an event is lost",
    "stream_silent": "all streams are silent for 30 s",
    "listen_key_expires": "the account's stream ends",
    "candle_missing": "the last closed candle is missing",
    "candle_repeated": "the last closed candle comes twice",
    "candle_revised": "the last closed candle is another",
    "skew": "the clock jumps back 7 s",
    "drift": "the clock runs 0.05 % fast",
}
"""What each does, in a few words; refusals in those of Binance."""
