"""What a user has to set right, where what was asked for is concerned."""


class UsageError(Exception):
    """A command line that does not follow the grammar, or a command in the wrong place."""


class NoBotError(UsageError):
    """A command to a bot of which none that is meant runs."""
