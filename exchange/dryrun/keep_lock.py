"""One broker at a time on a dry run's account: `flock` on a file beside it.

The system gives the lock back when the process ends, however it ends. The file stays: whoever
removed it could remove another's.
"""

import fcntl
import os
from pathlib import Path

from exchange.errors import DataError


class KeepLock:
    """Held from `take` to `release`."""

    def __init__(self, account: Path) -> None:
        """`account`: the file that is kept."""
        self._account = account
        self._open: int | None = None

    def take(self) -> None:
        """Take the lock; does nothing if it is held by this one already.

        Raises:
            DataError: another broker has it, or its file cannot be made.
        """
        if self._open is not None:
            return
        account = self._account
        try:
            account.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(account.with_name(f"{account.name}.lock"), os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise DataError(
                f"{account}: the dry run's account cannot be kept ({error.strerror}): choose "
                "another folder"
            ) from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(file)
            if not isinstance(error, BlockingIOError):
                raise DataError(
                    f"{account}: cannot be locked ({error.strerror}): choose a folder on this "
                    "machine's own disk"
                ) from error
            raise DataError(
                f"{account}: another dry run uses this account: stop that one, or give this one "
                "another file"
            ) from None
        self._open = file

    def release(self) -> None:
        """Give it back; may be repeated."""
        file, self._open = self._open, None
        if file is not None:
            os.close(file)
