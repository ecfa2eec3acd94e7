"""What the bulk load needs of the two drivers' cursors beyond the common `Cursor`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from saas_platform.source.cursor import Cursor


class ArrayCursor(Cursor, Protocol):
    """A cursor of pyodbc, which can send many rows in one round trip."""

    fast_executemany: bool

    def executemany(self, operation: str, rows: Sequence[Sequence[Any]]) -> Any: ...


class BulkCopyCursor(Cursor, Protocol):
    """A cursor of mssql-python, which can bulk-copy an Arrow table."""

    def bulkcopy_arrow(self, target: str, rows: Any, **options: Any) -> Any: ...
