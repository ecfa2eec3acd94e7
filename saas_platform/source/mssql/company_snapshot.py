"""Read SQL Server as the source that the platform owns, with its tombstones.

Out of scope: reading any other database (snapshot.py).
No counterpart in SQLite: its platform-owned snapshot is a few lines of snapshot.py.
"""

from __future__ import annotations

import pyarrow as pa
import sqlalchemy as sa

from saas_platform.source import bookkeeping
from saas_platform.source.mssql import queries
from saas_platform.source.mssql.connection import scalar
from saas_platform.source.mssql.session import Session
from saas_platform.source.mssql.snapshot import MssqlSnapshot
from saas_platform.source.mssql.sql import qualified


class CompanySnapshot(MssqlSnapshot):
    """A source that the platform owns, whose triggers record tombstones."""

    def __init__(self, session: Session, schema: str) -> None:
        super().__init__(session, schema)
        ours = scalar(
            self._cursor,
            f"SELECT [identity] FROM {qualified(schema, bookkeeping.source_identity.name)}",
        )
        self.identity = f"{ours}, {self.identity}"

    def tombstones(self, table: sa.Table, *, above: int) -> pa.Table | None:
        query = queries.tombstones_query(table, self._schema, above)
        return bookkeeping.tombstone_rows(table, self._fetch(table, query))

    def highest_version(self, table: sa.Table) -> int:
        tombstone = self._fetch(
            table,
            "SELECT TOP 1 CONVERT(BIGINT, row_version)"
            f" FROM {qualified(self._schema, bookkeeping.tombstones.name)}"
            f" WHERE table_name = '{table.name}' ORDER BY row_version DESC",
        )
        return max(super().highest_version(table), int(tombstone[0][0]) if tombstone else 0)
