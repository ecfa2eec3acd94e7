"""Read from the rows of a table what discovery must know: how values are stored, which misfit, and samples.

Out of scope: what the catalogue says about a table, and what is concluded from all of it (discovery.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from saas_platform.source.personal import SAMPLE
from saas_platform.source.sqlite.canonical import cell
from saas_platform.source.sqlite.catalogue import is_utf16, scanned
from saas_platform.source.sqlite.cursors import SqliteCursor
from saas_platform.source.sqlite.reading import WIDEST, DoesNotFitError, is_altered, readings
from saas_platform.source.sqlite.sql import BINARY, column_name, column_sql, quoted
from saas_platform.source.sqlite.streaming import MOST_COLUMNS, Channel, stream, texts

#: The most characters of a sampled value. None of the forms of personal data is longer.
_LONGEST_SAMPLED = 400


@dataclass(frozen=True)
class Stored:
    """The number of values of a column in each of SQLite's storage classes."""

    null: int
    integer: int
    real: int
    text: int
    blob: int
    #: Whole numbers so large that a float may not hold them exactly.
    wide: int
    #: Whole numbers other than 0 and 1.
    unlike_flags: int

    @property
    def kinds(self) -> set[str]:
        counts = {name: getattr(self, name) for name in ("integer", "real", "text", "blob")}
        return {name for name, count in counts.items() if count}


def samples(
    cursor: SqliteCursor, table: str, column: str, kind: sa.types.TypeEngine[Any]
) -> list[str | None]:
    """Return some of a column's values if its type may hold personal data; otherwise none."""
    if not isinstance(kind, sa.String | sa.Integer):
        return []
    c = column_name(column)
    short = f"typeof({c}) IN ('text', 'integer') AND length({c}) <= {_LONGEST_SAMPLED}"
    # Joining makes a text without a collation. The column's own may be known only to the program that
    # wrote the file.
    source = f"(SELECT {c} || '' AS x FROM {quoted(table)} WHERE {short} LIMIT {SAMPLE})"
    return [value for (value,) in texts(cursor, ["x"], source)]


def storage_counts(
    cursor: SqliteCursor, table: str, names: Sequence[str]
) -> tuple[int, dict[str, Stored]]:
    """Return the number of rows, and how the values of each column are stored."""
    counts = {name: _counts(name) for name in names}
    at_once = (MOST_COLUMNS - 1) // len(Stored.__dataclass_fields__)
    rows, found = 0, {}
    for first in range(0, len(names), at_once):
        some = names[first : first + at_once]
        asked = ["count(*)", *(count for name in some for count in counts[name])]
        channels = [Channel(sql, pa.int64()) for sql in asked]
        for batch in stream(cursor, channels, scanned(cursor, table)):
            numbers = iter([column[0].as_py() for column in batch.columns])
            rows = next(numbers)
            for name in some:
                found[name] = Stored(*islice(numbers, len(counts[name])))
    return rows, found


def _counts(name: str) -> list[str]:
    c = column_name(name)
    integer = f"typeof({c}) = 'integer'"
    conditions = [
        *(f"typeof({c}) = '{kind}'" for kind in ("null", "integer", "real", "text", "blob")),
        # A sum has no collation. The column's own may be one that only the program that wrote the file knows.
        f"{integer} AND {c} + 0 NOT BETWEEN {-WIDEST} AND {WIDEST}",
        f"{integer} AND {c} + 0 NOT IN (0, 1)",
    ]
    return [f"count(*) FILTER (WHERE {condition})" for condition in conditions]


def altered_columns(cursor: SqliteCursor, table: str, names: Sequence[str]) -> set[str]:
    """Return the columns with a text that SQLite alters when it is read. Only a database in UTF-16 has any."""
    found: set[str] = set()
    if not is_utf16(cursor):
        return found
    for first in range(0, len(names), MOST_COLUMNS):
        some = names[first : first + MOST_COLUMNS]
        counts = [f"count(*) FILTER (WHERE {is_altered(column_name(name))})" for name in some]
        channels = [Channel(count, pa.int64()) for count in counts]
        for batch in stream(cursor, channels, scanned(cursor, table)):
            found |= {
                name for name, column in zip(some, batch.columns, strict=True) if column[0].as_py()
            }
    return found


def misfit_columns(cursor: SqliteCursor, table: sa.Table, check: Callable[[], None]) -> set[str]:
    """Return the columns with a value that the reader can't read with the column's type."""
    columns = readings(list(table.columns))
    channels = [channel for column in columns for channel in column.channels]
    wrong = set()
    for batch in stream(cursor, channels, scanned(cursor, table.name)):
        check()
        arrays = iter(batch.columns)
        for column in columns:
            own = list(islice(arrays, len(column.channels)))
            if column.column.name in wrong:
                continue
            try:
                column.make(own)
            except DoesNotFitError:
                wrong.add(column.column.name)
    return wrong


def holds_twice(cursor: SqliteCursor, columns: Sequence[sa.Column[Any]]) -> bool:
    """Return whether two rows have the same values in all of the columns, none of them NULL, once times are read."""
    names = [column_sql(column) for column in columns]
    same = ", ".join(
        cell(column) if isinstance(column.type, sa.DateTime) else f"{name} {BINARY}"
        for column, name in zip(columns, names, strict=True)
    )
    some = " AND ".join(f"{name} IS NOT NULL" for name in names)
    source = (
        f"(SELECT 1 FROM {scanned(cursor, columns[0].table.name)} WHERE {some}"
        f" GROUP BY {same} HAVING count(*) > 1 LIMIT 1)"
    )
    return any(True for _ in texts(cursor, ["''"], source))


def time_forms(cursor: SqliteCursor, table: str, column: str) -> set[str]:
    """Return the forms in which the column's times are written: the mark after the day, and the length."""
    c = column_name(column)
    source = (
        f"(SELECT DISTINCT substr({c}, 11, 1) || length({c}) AS x FROM {scanned(cursor, table)}"
        f" WHERE {c} IS NOT NULL)"
    )
    return {str(form) for (form,) in texts(cursor, ["x"], source)}
