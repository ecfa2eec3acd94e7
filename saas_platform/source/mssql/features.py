"""What a server can do, by asking it: some that speak TDS lack what SQL Server has.

Holds the questions, and the words for what is used instead. Does not hold: using it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

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

#: The first row version of a transaction that is still open, in the first form that the server knows.
#: The second is for servers over PostgreSQL, where a row version is the number of its transaction.
_FLOORS = (
    "SELECT CONVERT(BIGINT, MIN_ACTIVE_ROWVERSION())",
    "SELECT CAST(CAST(pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())"
    " AS VARCHAR(20)) AS BIGINT)",
)

#: The full name of a row of sys.change_tracking_tables.
_TRACKED = "QUOTENAME(OBJECT_SCHEMA_NAME(object_id)) + N'.' + QUOTENAME(OBJECT_NAME(object_id))"


#: What SQL Server has from 2016 on, and every proof here needs: a count of microseconds, all digits of a float.
NEEDED = (
    "SELECT CONVERT(VARCHAR(40), DATEDIFF_BIG(MICROSECOND, CONVERT(DATETIME2(6), '0001-01-01T00:00:00'),"
    " CONVERT(DATETIME2(6), '0001-01-01T00:00:01'))) + CONVERT(VARCHAR(40), CONVERT(FLOAT(53), 0.5e0), 3)"
)
#: Its version number; older ones are refused, unless they know what is needed all the same.
_FIRST = 13


@dataclass(frozen=True)
class Features:
    """What the database of a connection offers."""

    version: str
    snapshot_isolation: bool
    #: The query for the first open row version; None: the server has none.
    floor: str | None
    change_tracking: bool
    #: Tables whose changes are tracked, and that this login may not ask for them.
    hidden_changes: int
    #: What a restore changes; None where the server, as Azure SQL Database, does not tell.
    recovery_fork: str | None
    bulk_copy: bool
    #: What its digests can do.
    abilities: frozenset[Ability]
    #: What it keeps from this login.
    protection: Protection
    #: Whether it has columns that no query may name.
    internal_columns: bool = False
    #: What names the database on every server of its availability group; None where it is in none.
    group_database: str | None = None

    def words(self) -> str:
        """What is missing, and what is used instead."""
        missing = []
        if not self.snapshot_isolation:
            missing.append(
                "no snapshot isolation, so that tables read while others write may be of different"
                " moments (ALTER DATABASE ... SET ALLOW_SNAPSHOT_ISOLATION ON mends it)"
            )
        if self.floor is None:
            missing.append(
                "no MIN_ACTIVE_ROWVERSION, so that a change whose transaction was open during a sync may"
                " be found by the digests alone"
            )
        if not self.change_tracking:
            missing.append(
                "no Change Tracking, so that deletes are found by tombstones or row counts"
            )
        elif self.hidden_changes:
            missing.append(
                f"no right to see the tracked changes of {self.hidden_changes} tables, so that their deletes"
                " are found by row counts (GRANT VIEW CHANGE TRACKING, as deploy/mssql/reader.sql does,"
                " mends it)"
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
                " be missed without a word (GRANT VIEW DEFINITION, as deploy/mssql/reader.sql does, repairs it)"
            )
        return "; ".join([self.version, *missing])


def look(cursor: Cursor) -> Features:
    """Ask the server; outside of a transaction, which an error might end.

    Raises SourceError for a server that is too old.
    """
    version = _version(cursor)
    number = re.fullmatch(r"version (\d+)\..*", version)
    # Babelfish gives the number of an old server, and has the functions of a newer one.
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
        # By both of its numbers: Azure SQL Database has another one in its views than DB_ID() says.
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
        protection=protection.look(lambda sql: rows(cursor, sql)),
        internal_columns=bool(answer(cursor, HAS_INTERNAL)),
        group_database=answer(
            cursor,
            "SELECT CONVERT(VARCHAR(40), group_database_id) FROM sys.databases WHERE name = DB_NAME()",
        ),
    )


def takes_bulk_copy(cursor: Cursor) -> bool:
    """Whether a SELECT into a variable goes through all rows: so the bulk copy asks for the columns."""
    listed = answer(
        cursor,
        "SET NOCOUNT ON; DECLARE @all VARCHAR(2) = '';"
        " SELECT @all = @all + e.v FROM (SELECT 'a' AS v UNION ALL SELECT 'b') e; SET NOCOUNT OFF; SELECT @all",
    )
    return listed in ("ab", "ba")


def reaches_bulk_copy(cursor: BulkCopyCursor) -> bool:
    """Whether mssql-python's bulk copy gets through: what it says of a table that is not there tells."""
    try:
        cursor.bulkcopy_arrow("#none", pa.table({"a": [1]}))
    except (RuntimeError, ValueError) as error:
        return UNREACHED not in str(error)
    return True


def answer(cursor: Cursor, sql: str) -> Any:
    """None where the server does not know what is asked."""
    try:
        return scalar(cursor, sql)
    except cursor_errors():
        return None


def rows(cursor: Cursor, sql: str) -> list[Any] | None:
    """None where the server does not know what is asked."""
    try:
        found: list[Any] = cursor.execute(sql).fetchall()
    except cursor_errors():
        return None
    return found


def _version(cursor: Cursor) -> str:
    number = answer(cursor, "SELECT CONVERT(VARCHAR(40), SERVERPROPERTY('ProductVersion'))")
    return f"version {number}" if number else "of unknown version"
