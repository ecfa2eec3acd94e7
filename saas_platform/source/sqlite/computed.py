"""Find the columns that SQLite computes at each reading, and can't compute for some row.

SQLite adds a virtual generated column without computing it for the rows that the table has. One row for which its
expression fails (`json_extract` of a text that is not JSON, `abs` of the lowest integer) then ends every query that
reads the column. A stored generated column is computed when its row is written, so it can always be read.

Out of scope: columns that no query can even name (catalogue.py).
No counterpart in SQL Server: a column that fails for a row there stops its table with the server's own answer.
"""

from __future__ import annotations

from collections.abc import Collection

import pyarrow as pa

from saas_platform.source.sqlite.cursors import SqliteCursor
from saas_platform.source.sqlite.errors import answer_of, is_of_file
from saas_platform.source.sqlite.sql import column_name
from saas_platform.source.sqlite.streaming import Channel, StreamError, stream


def failures(cursor: SqliteCursor, source: str, names: Collection[str]) -> dict[str, str]:
    """Return those of the columns that fail for a row of `source`, each with the reason as the words after its name.

    `source` is the text after FROM. Raises StreamError if the file itself can't be read.
    """
    if _failure(cursor, source, names) is None:
        return {}
    found = {name: _failure(cursor, source, [name]) for name in names}
    return {name: reason for name, reason in found.items() if reason is not None}


def _failure(cursor: SqliteCursor, source: str, names: Collection[str]) -> str | None:
    """Return why SQLite can't compute all of the columns for every row; None if it can."""
    if not names:
        return None
    # A count of a column that can't be NULL would not compute it.
    counts = [f"count(*) FILTER (WHERE typeof({column_name(name)}) = '')" for name in names]
    try:
        list(stream(cursor, [Channel(count, pa.int64()) for count in counts], source))
    except StreamError as error:
        if is_of_file(error):
            raise
        return (
            "is computed by an expression that fails for at least one row (SQLite answers:"
            f" {_without_values(answer_of(error))})"
        )
    return None


def _without_values(answer: str) -> str:
    """Return the answer without the value that it quotes, which may be personal.

    >>> _without_values("bad JSON path: 'ada@example.org'")
    'bad JSON path: ***'
    """
    words, quote, _ = answer.partition("'")
    return f"{words}***" if quote else answer
