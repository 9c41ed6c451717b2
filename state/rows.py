"""What a row may hold, and its form in CSV."""

from collections.abc import Iterable, Sequence

Scalar = str | int | float | bool | None


def csv_text(rows: Iterable[Sequence[Scalar]]) -> str:
    """Lines of CSV: floats to the bit, None as nothing, line feeds as ends of line."""
    return "".join(",".join(map(_field, row)) + "\n" for row in rows)


def _field(value: Scalar) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        return repr(value)
    # the standard library leaves a carriage return unquoted, which its reader takes for a line end
    special = any(character in value for character in ',"\r\n')
    return '"' + value.replace('"', '""') + '"' if special else value
