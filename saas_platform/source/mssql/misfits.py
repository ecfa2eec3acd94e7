"""Find the row of a batch that holds a value which does not fit its column's declared type.

Out of scope: how values are converted (reading.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from saas_platform.source.interface import SourceError
from saas_platform.source.values import misfit_error, row_columns

#: The errors by which a conversion refuses a value.
MISFITS = (pa.ArrowException, UnicodeError, OverflowError, TypeError, ValueError)
#: Converts the values of a column to the column's Arrow type, or raises one of MISFITS.
Make = Callable[[sa.Column[Any], Any], pa.Array]


def first_misfit(
    columns: list[sa.Column[Any]],
    found: Sequence[Any],
    column: sa.Column[Any],
    values: Any,
    make: Make,
) -> SourceError:
    """Return the error for the first value that is refused by itself.

    Args:
        columns: the columns of the batch.
        found: the values of the batch, by column.
        column: the column whose values were refused.
        values: the values of that column.
        make: the conversion that refused them.
    """
    for place in range(len(values)):
        alone = values[place : place + 1]
        try:
            make(column, alone)
        except MISFITS:
            return misfit_error(column, row_of(column, columns, found, place), _literal(alone[0]))
    return misfit_error(column, {}, f"values of {values.type}" if _is_arrow(values) else "values")


def _is_arrow(values: Any) -> bool:
    return isinstance(values, pa.Array)


def row_of(
    column: sa.Column[Any], columns: list[sa.Column[Any]], found: Sequence[Any], place: int
) -> dict[str, Any]:
    """Return the values of a batch by which a message names the row at that place (`row_columns`)."""
    values = {each.name: found[number] for number, each in enumerate(columns)}
    names = [each.name for each in row_columns(column) if each.name in values]
    return {name: _plain(values[name][place]) for name in names}


def _plain(value: Any) -> Any:
    return value.as_py() if isinstance(value, pa.Scalar) else value


def _literal(value: Any) -> str:
    plain = _plain(value)
    if isinstance(plain, bytes | bytearray | memoryview):
        return f"0x{bytes(plain).hex().upper()}"
    return repr(plain) if isinstance(plain, str) else str(plain)
