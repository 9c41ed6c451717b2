"""The one error of this room that a user sees as it is."""


class DataError(Exception):
    """What is wrong, where, and what to do about it, in one line.

    Raised for everything that a user, a file or the exchange can get wrong; whoever talks to the
    user prints `str(error)` and nothing else.
    """
