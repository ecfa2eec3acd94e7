"""Deletes by SQL Server's Change Tracking, of a database that has it on.

Does not hold: deletes of the company's tables, which triggers record (ddl.py).
"""

from __future__ import annotations

import pyarrow as pa
import sqlalchemy as sa

from saas_platform.schema import version_of
from saas_platform.schema.source_names import source_column
from saas_platform.source.cursor import Cursor
from saas_platform.source.mssql.catalogue import primary_key
from saas_platform.source.mssql.connection import scalar
from saas_platform.source.mssql.reading import rows_as_arrow
from saas_platform.source.mssql.sql import above_version, literal, named, value


def tracked_deletes(
    cursor: Cursor, table: sa.Table, full_name: str, *, above: int
) -> pa.Table | None:
    """Keys that are gone since the row version, or a little longer; None: they can't be known.

    Change Tracking counts commits, and knows no row versions. Every commit up to that of the newest row
    not above the version had been made when the version was the highest: what was deleted by then is
    known. What retention has cleaned up is not here any more; the row counts of slices tell of it.
    """
    oldest = scalar(cursor, oldest_query(full_name))
    keys = list(table.primary_key.columns)
    names = [source_column(column) for column in keys]
    if oldest is None or version_of(table) is None:
        return None
    # It has the columns of the primary key, and no others; their order does not matter, as each is named.
    if {*names} != {*primary_key(cursor, full_name)}:
        return None
    sql = deletes_query(table, full_name, oldest=int(oldest), above=above)
    return rows_as_arrow(keys, cursor.execute(sql).fetchall())


def may_see_changes(full_name: str) -> str:
    """Whether this login may ask for the changes of the table that an expression names: 1, 0 or NULL."""
    return f"HAS_PERMS_BY_NAME({full_name}, 'OBJECT', 'VIEW CHANGE TRACKING')"


def oldest_query(full_name: str) -> str:
    """The version since which changes are kept; NULL: none are, or not for this login."""
    name = literal(full_name)
    return (
        f"SELECT CASE WHEN {may_see_changes(name)} = 1"
        f" THEN CHANGE_TRACKING_MIN_VALID_VERSION(OBJECT_ID({name})) END"
    )


def deletes_query(table: sa.Table, full_name: str, *, oldest: int, above: int) -> str:
    keys = list(table.primary_key.columns)
    changes = f"CHANGETABLE(CHANGES {full_name}, {oldest})"
    same = " AND ".join(f"{named(key, 't.')} = {named(key, 'c.')}" for key in keys)
    # As rows are read, so that a key is what the mirror holds.
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
