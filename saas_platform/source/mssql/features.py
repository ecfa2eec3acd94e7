"""What a server can do, found by asking it, because some TDS servers lack features of SQL Server.

Contains: the queries, and the messages that name the substitute for what is missing. Out of scope: how the
features are used.

No counterpart in SQLite: its driver contains the engine, so that it is known what the engine can do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, TypeGuard

import pyarrow as pa

from saas_platform.source.cursor import Cursor
from saas_platform.source.interface import SourceError
from saas_platform.source.mssql import protection
from saas_platform.source.mssql.canonical import PROBES, Ability
from saas_platform.source.mssql.connection import scalar
from saas_platform.source.mssql.cursors import BulkCopyCursor
from saas_platform.source.mssql.errors import cursor_errors
from saas_platform.source.mssql.protection import Protection
from saas_platform.source.mssql.remedies import UNREACHED
from saas_platform.source.mssql.special import HAS_INTERNAL
from saas_platform.source.mssql.tracking import may_see_changes

#: Queries for the lowest row version of a transaction that is still open; the first that the server knows
#: counts. The second is for servers on top of PostgreSQL, where a row version is a transaction's number.
_FLOORS = (
    "SELECT CONVERT(BIGINT, MIN_ACTIVE_ROWVERSION())",
    "SELECT CAST(CAST(pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())"
    " AS VARCHAR(20)) AS BIGINT)",
)

#: The full name of a row of sys.change_tracking_tables.
_TRACKED = "QUOTENAME(OBJECT_SCHEMA_NAME(object_id)) + N'.' + QUOTENAME(OBJECT_NAME(object_id))"


#: A query of what every proof needs and SQL Server has since 2016: a count of microseconds, and all digits of
#: a float.
NEEDED = (
    "SELECT CONVERT(VARCHAR(40), DATEDIFF_BIG(MICROSECOND, CONVERT(DATETIME2(6), '0001-01-01T00:00:00'),"
    " CONVERT(DATETIME2(6), '0001-01-01T00:00:01'))) + CONVERT(VARCHAR(40), CONVERT(FLOAT(53), 0.5e0), 3)"
)
#: The version number of SQL Server 2016. An older server is refused unless it knows `NEEDED` anyway.
_FIRST = 13


@dataclass(frozen=True)
class Features:
    """The features of the database of a connection."""

    version: str
    snapshot_isolation: bool
    #: The query for the lowest open row version; None if the server has none.
    floor: str | None
    change_tracking: bool
    #: How many tables have tracked changes that this login may not see.
    hidden_changes: int
    #: An id that a restore changes; None if the server does not report it, as on Azure SQL Database.
    recovery_fork: str | None
    bulk_copy: bool
    #: What the server can do for the canonical text and its digests.
    abilities: frozenset[Ability]
    #: What the server hides from this login.
    protection: Protection
    #: Whether the database may have columns that no query may name.
    internal_columns: bool = False
    #: The id of the database on every server of its availability group; None if it is in no group.
    group_database: str | None = None

    def words(self) -> str:
        """Return the version, what is missing, and what is used instead."""
        missing = []
        if not self.snapshot_isolation:
            missing.append(
                "no snapshot isolation, so that tables read while others write may be as of different"
                " times (ALTER DATABASE ... SET ALLOW_SNAPSHOT_ISOLATION ON repairs it)"
            )
        if self.floor is None:
            missing.append(
                "no MIN_ACTIVE_ROWVERSION, so that a change whose transaction was open during a sync may"
                " be found only by the digests"
            )
        if not self.change_tracking:
            missing.append(
                "no Change Tracking, so that deletes are found by tombstones or row counts"
            )
        elif self.hidden_changes:
            missing.append(
                f"no right to see the tracked changes of {self.hidden_changes} tables, so that their deletes"
                " are found by row counts (GRANT VIEW CHANGE TRACKING, as deploy/mssql/reader.sql does,"
                " repairs it)"
            )
        if not self.bulk_copy:
            missing.append(
                "no bulk copy that connects and finds a table's columns, so that arrays are sent instead"
            )
        if not self.abilities & {"utf8_collation", "utf8_always"}:
            missing.append("no hash of UTF-8, so that rows are streamed to be proven")
        if not self.protection.sees_policies:
            missing.append(
                "no right to see the security policies of other schemas, so that rows which one hides would"
                " be missing silently (GRANT VIEW DEFINITION, as deploy/mssql/reader.sql does, repairs it)"
            )
        return "; ".join([self.version, *missing])


def detect_features(cursor: Cursor) -> Features:
    """Return the features of the server. Call it outside of a transaction, which an error could end.

    Raises:
        SourceError: the server is too old.
    """
    version = _version(cursor)
    number = re.fullmatch(r"version (\d+)\..*", version)
    # Babelfish reports the version of an old server, but has the functions of a newer one.
    if number and int(number[1]) < _FIRST and answer(cursor, NEEDED) is None:
        raise SourceError(
            f"The SQL Server of SAAS_SOURCE_URL is {version}, which lacks DATEDIFF_BIG and the exact text of a"
            " float: SQL Server 2016 (version 13) is the oldest that can be mirrored; restore the database on"
            " a newer one and name that."
        )
    return Features(
        version=version,
        snapshot_isolation=answer(
            cursor,
            "SELECT snapshot_isolation_state FROM sys.databases WHERE name = DB_NAME()",
        )
        == 1,
        floor=next((sql for sql in _FLOORS if answer(cursor, sql) is not None), None),
        # Two ids are tried, because the views of Azure SQL Database have another id than DB_ID() returns.
        change_tracking=bool(
            answer(
                cursor,
                "SELECT COUNT(*) FROM sys.change_tracking_databases WHERE database_id = DB_ID()"
                " OR database_id IN (SELECT database_id FROM sys.databases WHERE name = DB_NAME())",
            )
        ),
        hidden_changes=answer(
            cursor,
            f"SELECT COUNT(*) FROM sys.change_tracking_tables WHERE {may_see_changes(_TRACKED)} = 0",
        )
        or 0,
        recovery_fork=answer(
            cursor,
            "SELECT CONVERT(VARCHAR(40), recovery_fork_guid) FROM sys.database_recovery_status"
            " WHERE database_id = DB_ID()",
        ),
        bulk_copy=takes_bulk_copy(cursor),
        abilities=frozenset(
            probe.ability for probe in PROBES if answer(cursor, probe.sql) == probe.answer
        ),
        protection=protection.find_protection(lambda sql: rows(cursor, sql)),
        internal_columns=bool(answer(cursor, HAS_INTERNAL)),
        group_database=answer(
            cursor,
            "SELECT CONVERT(VARCHAR(40), group_database_id) FROM sys.databases WHERE name = DB_NAME()",
        ),
    )


def takes_bulk_copy(cursor: Cursor) -> bool:
    """Return whether a SELECT into a variable processes all rows.

    Bulk copy asks for the columns of a table by such a SELECT.
    """
    listed = answer(
        cursor,
        "SET NOCOUNT ON; DECLARE @all VARCHAR(2) = '';"
        " SELECT @all = @all + e.v FROM (SELECT 'a' AS v UNION ALL SELECT 'b') e; SET NOCOUNT OFF; SELECT @all",
    )
    return listed in ("ab", "ba")


def reaches_bulk_copy(cursor: Cursor) -> TypeGuard[BulkCopyCursor]:
    """Return whether the cursor is one of mssql-python, and its bulk copy can connect.

    It is tried with a missing table: any error but that of the connection shows that it connects.
    """
    if not hasattr(cursor, "bulkcopy_arrow"):
        return False
    try:
        cursor.bulkcopy_arrow("#none", pa.table({"a": [1]}))
    except (RuntimeError, ValueError) as error:
        return UNREACHED not in str(error)
    return True


def answer(cursor: Cursor, sql: str) -> Any:
    """Return the one value of a query; None if the server does not know what the query uses."""
    try:
        return scalar(cursor, sql)
    except cursor_errors():
        return None


def rows(cursor: Cursor, sql: str) -> list[Any] | None:
    """Return the rows of a query; None if the server does not know what the query uses."""
    try:
        found: list[Any] = cursor.execute(sql).fetchall()
    except cursor_errors():
        return None
    return found


def _version(cursor: Cursor) -> str:
    number = answer(cursor, "SELECT CONVERT(VARCHAR(40), SERVERPROPERTY('ProductVersion'))")
    return f"version {number}" if number else "of unknown version"
