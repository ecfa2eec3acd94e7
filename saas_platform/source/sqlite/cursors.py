"""State what reading and writing need of the driver's cursor beyond the common `Cursor`."""

from __future__ import annotations

from typing import Any, Literal, Protocol

import pyarrow as pa

from saas_platform.source.cursor import Cursor


class SqliteCursor(Cursor, Protocol):
    """A cursor of ADBC, which also loads and streams Arrow data."""

    @property
    def adbc_statement(self) -> Any: ...

    def adbc_ingest(
        self, table_name: str, data: pa.Table, mode: Literal["create"], *, temporary: bool
    ) -> int:
        """Load the rows into a new table; return how many there were."""

    def fetch_record_batch(self) -> pa.RecordBatchReader:
        """Return a reader of the query's result."""
