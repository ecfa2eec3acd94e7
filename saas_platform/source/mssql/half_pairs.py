"""Find halves of surrogate pairs, which mssql-python replaces silently and pyodbc can't decode.

Contains: the query for one column, and the message. Out of scope: which columns may hold them
(catalogue_types.py).

No counterpart in SQLite: its driver returns the bytes of a text as they are stored (reading.py).
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from saas_platform.schema.describing import key_words
from saas_platform.source.cursor import Cursor
from saas_platform.source.interface import SourceError
from saas_platform.source.mssql import queries
from saas_platform.source.mssql.reading import rows_as_arrow


def check_half_pairs(cursor: Cursor, column: sa.Column[Any], schema: str) -> None:
    """Raise SourceError, which names the row, if a text of the column holds half of a surrogate pair."""
    cursor.execute(queries.half_pair_query(column, schema))
    found = cursor.fetchone()
    if found is not None:
        key = _key_words(column.table, found)
        place = f" in the row with {key}" if key else ""
        raise SourceError(
            f"{column.table.name}.{column.name} of the source holds half of a surrogate pair{place},"
            " which is not a character and can't be written as UTF-8: correct it in the source, then"
            " run again."
        )


def _key_words(table: sa.Table, values: Any) -> str:
    """Return the key that the query found, as words for a message; empty if the table has no key."""
    columns = list(table.primary_key.columns)
    if not columns:
        return ""
    found = rows_as_arrow(columns, [tuple(values)]).to_pylist()
    return key_words(table, found[0])
