"""The error of the engine's users: one line that says what is wrong, where, and what to do."""


class ParameterError(ValueError):
    """A setting that cannot be used: unknown name, value out of range, unreadable file."""
