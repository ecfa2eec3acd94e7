"""What every source database must offer; sync, proof and assets know nothing more of it.

Reading goes through a snapshot: one consistent view, so that rows, deletes and counts
belong together.
Writing is one call: a month's batch in one transaction.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass

import pyarrow as pa
import sqlalchemy as sa


class SourceError(Exception):
    """The source can't do what was asked; the text names the thing and the remedy."""


@dataclass(frozen=True)
class SourceColumn:
    """A column as the source's own catalogue tells it."""

    name: str
    type: str
    nullable: bool


class SourceSnapshot(ABC):
    """One consistent view of the source, from entering its context to leaving it."""

    #: Tells this database from any other, a recreated or restored one included.
    identity: str
    #: Every row version up to this one is committed; none at or below it will appear later.
    ceiling: int

    @abstractmethod
    def columns(self, table: sa.Table) -> list[SourceColumn]:
        """The table's columns as they are now; empty where the table is missing."""

    @abstractmethod
    def rows(
        self,
        table: sa.Table,
        *,
        above: int | None = None,
        slices: Collection[str] | None = None,
    ) -> pa.RecordBatchReader:
        """Rows with a version above `above`, in those `slices`: all where None.

        The reader has the schema `arrow_schema(table, with_row_version=True)` and streams; one
        reader at a time. Raises SourceError for a value that does not fit its column's type.
        """

    @abstractmethod
    def tombstones(self, table: sa.Table, *, above: int) -> pa.Table | None:
        """Deletes with a version above `above`: key columns and `slice`; None: not recorded."""

    @abstractmethod
    def slice_counts(self, table: sa.Table) -> dict[str, int]:
        """Rows in each slice that has any."""


class Source(ABC):
    """A source database."""

    @abstractmethod
    def snapshot(self) -> AbstractContextManager[SourceSnapshot]:
        """A consistent view of everything committed until now."""
