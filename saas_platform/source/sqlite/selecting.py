"""Build the conditions that select rows of a SQLite table.

Out of scope: what is read from the rows.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa

from saas_platform.schema import slice_of, version_of
from saas_platform.schema.slices import Slice, ranges
from saas_platform.source.sqlite.counting import holds_only_texts
from saas_platform.source.sqlite.cursors import SqliteCursor
from saas_platform.source.sqlite.sql import BINARY, column_sql, literal, slice_text

#: A WHERE with more ranges than this costs more than a scan.
_MOST_RANGES = 50


def above_version(table: sa.Table, above: int) -> str:
    """Return the condition for rows with a version above that one, or without a version."""
    column = table.columns[version_of(table) or ""]
    newer = f"{column_sql(column)} {BINARY} > {int(above)}"
    return f"({newer} OR {column_sql(column)} IS NULL)" if column.nullable else newer


def in_slices(cursor: SqliteCursor, table: sa.Table, slices: Collection[str]) -> str:
    """Return the condition for the rows of those slices."""
    cut = slice_of(table)
    if cut is None or not slices:
        return "1" if slices else "0"
    spans = _spans(cut, slices)
    if spans and len(spans) <= _MOST_RANGES and holds_only_texts(cursor, table.columns[cut.column]):
        column = column_sql(table.columns[cut.column])
        # ISO texts compare like the timestamps they stand for, and a day's text sorts before its midnight.
        return " OR ".join(
            f"({column} {BINARY} >= '{first.date()}' AND {column} {BINARY} < '{after.date()}')"
            for first, after in spans
        )
    return f"{slice_text(table)} IN ({', '.join(map(literal, sorted(slices)))})"


def _spans(cut: Slice, slices: Collection[str]) -> list[tuple[datetime, datetime]] | None:
    """Return the slices as ranges of time; None if one is not a range because its rows hold no timestamps."""
    try:
        return ranges(cut, slices)
    except ValueError:
        return None
