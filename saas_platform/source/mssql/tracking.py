"""Deletes recorded by SQL Server's Change Tracking, for a database that has it enabled.

Out of scope: deletes of the company's tables, which triggers record (ddl.py).

No counterpart in SQLite: it keeps no record of deletes, unless triggers write one (ddl.py).
"""

from __future__ import annotations

import pyarrow as pa
import sqlalchemy as sa

from saas_platform.schema import version_of
from saas_platform.schema.source_names import source_column
from saas_platform.source.cursor import Cursor
from saas_platform.source.mssql.catalogue import primary_key
from saas_platform.source.mssql.connection import scalar
from saas_platform.source.mssql.queries import above_version
from saas_platform.source.mssql.reading import rows_as_arrow
from saas_platform.source.mssql.sql import column_sql, literal, value


def tracked_deletes(
    cursor: Cursor, table: sa.Table, full_name: str, *, above: int
) -> pa.Table | None:
    """Return the keys deleted since a row version; None if Change Tracking can't tell.

    Change Tracking numbers commits, not row versions. The query finds the newest row at or below the version:
    deletes committed up to that row's commit were applied earlier. The result may contain some of them again.
    Deletes that the retention has cleaned up are missing; the row counts of slices reveal those.
    """
    oldest = scalar(cursor, oldest_query(full_name))
    keys = list(table.primary_key.columns)
    names = [source_column(column) for column in keys]
    if oldest is None or version_of(table) is None:
        return None
    # Change Tracking has only the columns of the primary key. Each is named, so their order does not matter.
    present = primary_key(cursor, full_name)
    if {*map(str.casefold, names)} != {*map(str.casefold, present)}:
        return None
    sql = deletes_query(table, full_name, oldest=int(oldest), above=above)
    return rows_as_arrow(keys, cursor.execute(sql).fetchall())


def may_see_changes(full_name: str) -> str:
    """Return SQL for whether this login may see the changes of the table that an expression names.

    The value is 1, 0 or NULL.
    """
    return f"HAS_PERMS_BY_NAME({full_name}, 'OBJECT', 'VIEW CHANGE TRACKING')"


def oldest_query(full_name: str) -> str:
    """Return a query for the version since which changes are kept; NULL if none are kept or visible."""
    name = literal(full_name)
    return (
        f"SELECT CASE WHEN {may_see_changes(name)} = 1"
        f" THEN CHANGE_TRACKING_MIN_VALID_VERSION(OBJECT_ID({name})) END"
    )


def deletes_query(table: sa.Table, full_name: str, *, oldest: int, above: int) -> str:
    """Return the query for the keys deleted since row version `above`; `oldest` is the first version kept."""
    keys = list(table.primary_key.columns)
    changes = f"CHANGETABLE(CHANGES {full_name}, {oldest})"
    same = " AND ".join(f"{column_sql(key, 't.')} = {column_sql(key, 'c.')}" for key in keys)
    # Keys are read like rows, so that they equal the keys in the mirror.
    gone = ", ".join(value(key, "d.") for key in keys)
    known = (
        f"SELECT MAX(c.SYS_CHANGE_VERSION) FROM {changes} AS c JOIN {full_name} AS t ON {same}"
        f" WHERE NOT ({above_version(table, above)})"
    )
    return (
        f"SELECT {gone} FROM {changes} AS d"
        f" WHERE d.SYS_CHANGE_OPERATION = 'D'"
        f" AND d.SYS_CHANGE_VERSION > COALESCE(({known}), {oldest})"
    )
