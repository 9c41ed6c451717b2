"""Listen keys: what a client shows to hear of its own orders; they last an hour unless renewed."""

import secrets
from collections.abc import Callable

LIFETIME_MS = 3_600_000


class ListenKeys:
    """At most one key at a time, as Binance has it for an account. Times are real, in ms."""

    def __init__(self) -> None:
        self.key = ""
        self.expires_ms = 0
        self.on_expiry: list[Callable[[str], None]] = []

    def create(self, now_ms: int) -> str:
        """The present key, renewed, or a new one."""
        if not self.is_valid(self.key, now_ms):
            self.key = secrets.token_urlsafe(48)
        self.expires_ms = now_ms + LIFETIME_MS
        return self.key

    def keep(self, now_ms: int) -> bool:
        """Renew the key; False if there is none."""
        if not self.is_valid(self.key, now_ms):
            return False
        self.expires_ms = now_ms + LIFETIME_MS
        return True

    def expire(self) -> None:
        """End the key now and tell its streams."""
        key, self.key = self.key, ""
        if key:
            for listener in self.on_expiry:
                listener(key)

    def is_valid(self, key: str, now_ms: int) -> bool:
        """Whether a key may be used; one that has run out ends here."""
        if key and key == self.key and now_ms >= self.expires_ms:
            self.expire()
        return bool(key) and key == self.key
