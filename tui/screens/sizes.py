"""How large a terminal has to be."""

SMALLEST = (60, 20)
"""Cells across, and lines."""


def too_small_words() -> str:
    """What is said on one that is smaller."""
    needs = " x ".join(str(size) for size in SMALLEST)
    return f"This terminal is too small:\nat least {needs} is needed."
