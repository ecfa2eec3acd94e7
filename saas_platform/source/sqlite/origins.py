"""Read from the catalogue of a SQLite file which columns reference others, and which are computed from others.

Out of scope: what follows for them (schema/protection.py). Every function raises StreamError if SQLite can't answer.
"""

from __future__ import annotations

from saas_platform.schema.origins import Origins, Spot, definitions
from saas_platform.source.sqlite.cursors import SqliteCursor
from saas_platform.source.sqlite.streaming import texts

#: Virtual tables may need code that only the program which wrote the file has.
_TABLES = "m.type = 'table' AND m.sql NOT LIKE 'CREATE VIRTUAL %'"


def origins(cursor: SqliteCursor) -> Origins:
    """Return what the catalogue says of all tables."""
    return Origins(_references(cursor), _computed(cursor))


def _references(cursor: SqliteCursor) -> list[tuple[Spot, Spot]]:
    # A reference without columns is one to the primary key.
    source = (
        "(SELECT m.name AS own, f.[from] AS c, f.[table] AS parent, coalesce(f.[to], k.name) AS referenced"
        " FROM sqlite_master m, pragma_foreign_key_list(m.name) f"
        " LEFT JOIN pragma_table_info(f.[table]) k ON f.[to] IS NULL AND k.pk = f.seq + 1"
        f" WHERE {_TABLES})"
    )
    rows = texts(cursor, ["own", "c", "parent", "referenced"], source)
    return [
        (((None, own), column), ((None, parent), referenced))
        for own, column, parent, referenced in (map(str, row) for row in rows)
    ]


def _computed(cursor: SqliteCursor) -> dict[Spot, str | None]:
    source = (
        "(SELECT m.name AS own, x.name AS c, m.sql AS statement"
        f" FROM sqlite_master m, pragma_table_xinfo(m.name) x WHERE {_TABLES} AND x.hidden IN (2, 3))"
    )
    rows = texts(cursor, ["own", "c", "statement"], source)
    return {
        ((None, own), column): definitions(statement).get(column.casefold())
        for own, column, statement in (map(str, row) for row in rows)
    }
