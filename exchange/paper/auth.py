"""Who may ask: the API key's header, the signature over the raw bytes, and the timestamp."""

import hashlib
import hmac
from dataclasses import dataclass, field

from exchange.paper.clock import Clock
from exchange.paper.errors import RefusalError, refusal
from exchange.paper.params import Params

_USUAL_WINDOW_MS = 5000
_LONGEST_WINDOW_MS = 60_000
_MARK = "signature="


@dataclass(frozen=True, slots=True)
class Keys:
    """An API key and its secret; the secret is never shown."""

    key: str
    secret: str = field(repr=False)

    def __post_init__(self) -> None:
        if not self.key or not self.secret:
            raise ValueError("an API key and its secret must not be empty")


def check_key(keys: Keys, given: str | None) -> None:
    """The header X-MBX-APIKEY.

    Raises:
        RefusalError: -2014 without a key, -2015 with an unknown one.
    """
    if not given:
        raise refusal(-2014)
    if not hmac.compare_digest(given.encode(), keys.key.encode()):
        raise refusal(-2015)


def check_signature(keys: Keys, query: str, body: str, params: Params, clock: Clock) -> None:
    """A signed request's timestamp and HMAC-SHA256.

    Args:
        query: what stands behind the question mark, undecoded: decoding and encoding again would
            not give the same bytes for every client.
        body: the form body, undecoded.
        params: both, decoded.

    Raises:
        RefusalError: -1102, -1131, -1021, -1022.
    """
    timestamp = params.integer("timestamp")
    window = params.integer("recvWindow", _USUAL_WINDOW_MS)
    if not 0 < window <= _LONGEST_WINDOW_MS:
        raise refusal(-1131)
    given = params.text("signature")
    complaint = clock.signature_error(timestamp, window)
    if complaint:
        raise RefusalError(-1021, 400, complaint)
    signed = _without_signature(query) + _without_signature(body)
    right = hmac.new(keys.secret.encode(), signed.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(right.encode(), given.lower().encode()):
        raise refusal(-1022)


def _without_signature(raw: str) -> str:
    """The text that was signed; the signature is the last parameter."""
    head, mark, _ = raw.rpartition(_MARK)
    return head.removesuffix("&") if mark else raw
