"""What every source database must offer; sync, proof and assets know nothing more of it.

Reading goes through a snapshot: one consistent view, so that rows, deletes and counts
belong together. Writing is one call: a month's batch in one transaction.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from saas_platform.clock import Month
from saas_platform.errors import PlatformError
from saas_platform.schema.definition import definition_of
from saas_platform.schema.slices import SliceDigest


class SourceError(PlatformError):
    """The source can't do what was asked; the text names the thing and the remedy."""


@dataclass(frozen=True)
class SourceColumn:
    """A column as the source's own catalogue tells it."""

    name: str
    type: str
    nullable: bool
    #: The type in which its values travel, as far as the catalogue can tell.
    portable: sa.types.TypeEngine[Any]


class SourceSnapshot(ABC):
    """One consistent view of the source, from entering its context to leaving it."""

    #: Tells this database from any other, a recreated or restored one included.
    identity: str

    @abstractmethod
    def ceiling(self, table: sa.Table) -> int:
        """Every row version of the table up to this one is committed; none at or below it will appear
        later. 0 for a table without a version.
        """

    def definition(self, table: sa.Table) -> str:
        """Return the fingerprint of what a mirror of the table is made by, besides its rows."""
        return definition_of(table)

    @abstractmethod
    def columns(self, table: sa.Table) -> list[SourceColumn]:
        """The table's columns as they are now; empty where the table is missing."""

    @abstractmethod
    def tables(self) -> list[tuple[str | None, str]]:
        """Schema (None for the source's default one) and name of each table that could be mirrored."""

    @abstractmethod
    def keys(self, table: sa.Table) -> list[frozenset[str]]:
        """The sets of columns of which the source lets no two rows share the values: its primary key, its
        unique constraints and indexes, as they are now.
        """

    @abstractmethod
    def rows(
        self,
        table: sa.Table,
        *,
        above: int | None = None,
        slices: Collection[str] | None = None,
    ) -> pa.RecordBatchReader:
        """Rows with a version above `above`, in those `slices`: all where None.

        `above` is for a table that has a version. The reader has the schema `arrow_schema(table, with_row_version=True)` and streams; one
        reader at a time. Raises SourceError for a value that does not fit its column's type.
        """

    @abstractmethod
    def row_texts(
        self, table: sa.Table, slices: Collection[str] | None = None
    ) -> pa.RecordBatchReader:
        """The canonical text of each row in those slices, all where None (`canonical.ROW_TEXTS`).

        The proof reads by this. The database itself writes the text from the value that it stores, by
        expressions that `rows` has no part in: what `rows` gets wrong is right here. A value that its
        declared type does not hold is a misfit (`canonical.MISFIT_END`), and raises nothing.
        """

    @abstractmethod
    def cells(self, table: sa.Table, slices: Collection[str] | None = None) -> pa.RecordBatchReader:
        """The same, with a column for each cell (`canonical.cells_schema`), to find out which cells differ."""

    @abstractmethod
    def tombstones(self, table: sa.Table, *, above: int) -> pa.Table | None:
        """Deletes with a version above `above`, older ones among them where the record has no versions: key
        columns, and `slice` where the record has it; None: not recorded.
        """

    @abstractmethod
    def slice_counts(self, table: sa.Table) -> dict[str, int]:
        """Rows in each slice that has any."""

    def digests(
        self,
        table: sa.Table,  # noqa: ARG002
        slices: Collection[str] | None = None,  # noqa: ARG002
    ) -> dict[str, SliceDigest] | None:
        """Canonical digest (`schema.canonical`) of the rows in each slice that has any, computed where
        the data is; all slices where None.

        By the same texts as `row_texts`. None: the database has no fast way for this table, and its
        `row_texts` are streamed and hashed elsewhere.
        """
        return None

    def notes(self, table: sa.Table) -> tuple[str, ...]:  # noqa: ARG002
        """What a report must say of how the table was read, in sentences that name it."""
        return ()

    def unversioned(self, table: sa.Table) -> int:  # noqa: ARG002
        """Rows whose version is NULL: they may have changed at any time, so that `rows` always reads them."""
        return 0

    @abstractmethod
    def highest_version(self, table: sa.Table) -> int:
        """The highest row version in the table, deletes included where recorded; 0: empty."""


@dataclass(frozen=True)
class MonthBatch:
    """A month to be applied: rows per table, erased users, and what they were generated from.

    `company` names the company in words that differ for any other; `first_month` is where it begins.
    """

    company: str
    first_month: Month
    month: Month
    as_of: datetime
    fingerprint: str
    rows: Mapping[str, pa.Table]
    erasures: pa.Table


@dataclass(frozen=True)
class AppliedMonth:
    """The source's own record of a month that it holds."""

    month: Month
    as_of: datetime
    fingerprint: str


@dataclass(frozen=True)
class TableChange:
    """What applying a month did to one table; rows that were the same already are not counted.

    `refused` rows have a natural key that another row has; `outdated` ones came after a newer version,
    and changed nothing; `late` ones came after their month, and were taken. The last two are told when a
    month is applied for the first time.
    """

    offered: int
    written: int
    deleted: int
    refused: int = 0
    outdated: int = 0
    late: int = 0

    def __add__(self, other: TableChange) -> TableChange:
        return TableChange(
            self.offered + other.offered,
            self.written + other.written,
            self.deleted + other.deleted,
            self.refused + other.refused,
            self.outdated + other.outdated,
            self.late + other.late,
        )


@dataclass(frozen=True)
class Discovery:
    """What discovery found: the tables, with what is proposed for each, and what a person should know.

    Each note is a sentence that names its table, and says so where the table was left out.
    """

    tables: tuple[sa.Table, ...]
    notes: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[sa.Table]:
        """The tables, one after the other."""
        return iter(self.tables)


class Source(ABC):
    """A source database."""

    #: Such as `sqlite`; for messages and metadata.
    engine: str

    @abstractmethod
    def ping(self) -> str:
        """What answers, in a few words: what it lacks too, and what is used instead.

        Raises SourceError where nothing does.
        """

    @abstractmethod
    def discover(self, *, sample: bool = False) -> Discovery:
        """Find the tables that the catalogue has; a table that can't be looked at is left out with a note.

        `sample`: look at the first rows of a table alone, where a server would have to read them all.

        Raises SourceError where the database can't be read.
        """

    @abstractmethod
    def snapshot(self) -> AbstractContextManager[SourceSnapshot]:
        """A consistent view of everything committed until now."""


class WritableSource(Source):
    """A source that the platform owns: the synthetic company lives in it."""

    @abstractmethod
    def exists(self) -> bool:
        """Whether the schema has been created."""

    @abstractmethod
    def create_schema(self) -> None:
        """Create whatever is missing; nothing that is there is touched."""

    @abstractmethod
    def company(self) -> str | None:
        """The company that lives here, as its batches named it; None: none yet."""

    @abstractmethod
    def applied_months(self) -> dict[Month, AppliedMonth]:
        """The months that were applied."""

    @abstractmethod
    def apply(self, batch: MonthBatch) -> dict[str, TableChange]:
        """Apply a month in one transaction, all tables in foreign-key order.

        Rows older than what is there (`updated_at`) change nothing, erased users stay erased. A row
        whose natural key a row of the source has under another key is refused, and stays so. What is
        refused, late or out of order goes to the intake log in the same transaction, once.

        Raises SourceError, and nothing is written, where the month's predecessor is missing,
        another company lives here, or a row breaks a check or a foreign key, or has the natural key of
        another row of the batch.
        """

    @abstractmethod
    def intake_log(self) -> pa.Table:
        """What was noted of rows when they came (`source.intake.LOG_SCHEMA`)."""

    @abstractmethod
    def drop(self) -> None:
        """Drop what the platform made, and nothing else."""
