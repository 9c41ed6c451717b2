"""What a user has to set right, where files, locks and sockets are concerned."""

import errno
from pathlib import Path

_ADVICE = {
    errno.ENOSPC: "free some space there",
    errno.EDQUOT: "free some space there",
    errno.EFBIG: "the limit for a file's size is reached (ulimit -f)",
    errno.EACCES: "give yourself the permission or use another data folder",
    errno.EPERM: "give yourself the permission or use another data folder",
    errno.EROFS: "use a data folder that can be written",
    errno.EISDIR: "a folder has this name: move it away",
    errno.EEXIST: "a file has this name: move it away",
    errno.ENOTDIR: "a part of this path is a file: use another data folder",
    errno.EMFILE: "too many files are open (ulimit -n)",
    errno.EIO: "check the disk",
}


class StateError(Exception):
    """One line: what is wrong, where, and what to do."""


def os_failure(doing: str, path: Path, error: OSError) -> StateError:
    """`cannot {doing} {path}: {reason}`, with advice for the reasons that a user can change."""
    advice = _ADVICE.get(error.errno or 0)
    reason = error.strerror or str(error) or type(error).__name__
    return StateError(f"cannot {doing} {path}: {reason}" + (f"; {advice}" if advice else ""))
