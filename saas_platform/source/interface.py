"""Define what every source database must offer. Sync, proof and assets use nothing else of a source.

All reading goes through a snapshot, which is one consistent view, so that rows, deletes and counts
belong together. All writing is one call, which applies a month's batch in one transaction.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from saas_platform.clock import Month
from saas_platform.errors import PlatformError
from saas_platform.schema.definition import definition_of
from saas_platform.schema.origins import Origins
from saas_platform.schema.slices import SliceDigest

#: The error of a source that is another database than the user means.
NO_TABLES = "The source has no tables: name another database in SAAS_SOURCE_URL."


class SourceError(PlatformError):
    """The source can't do what was asked. The message names the thing and the remedy."""


class MisfitError(SourceError):
    """A value does not fit its column's declared type."""


class WrittenMeanwhileError(SourceError):
    """Another program wrote to the source while it was read without a lock. A new snapshot may succeed."""


@dataclass(frozen=True)
class SourceColumn:
    """A column as the source's own catalogue reports it."""

    name: str
    type: str
    nullable: bool
    #: The type in which its values are read, as far as the catalogue determines it.
    portable: sa.types.TypeEngine[Any]
    #: Why its values can't be mirrored, as the words that follow its name in a sentence; None if they can.
    unreadable: str | None = None
    #: Whether discovery moves the column to `skip:`, because no right on the source would make it readable.
    is_left_out: bool = False


class SourceSnapshot(ABC):
    """One consistent view of the source. It lasts from entering its context to leaving it."""

    #: Identifies this database. A database that was recreated or restored has another identity.
    identity: str

    @abstractmethod
    def high_watermark(self, table: sa.Table) -> int:
        """Return the highest row version up to which the snapshot misses no change; 0 for a table without a version.

        Every row version of the table up to this one is committed, and none at or below it appears later.
        """

    def definition(self, table: sa.Table) -> str:
        """Return the fingerprint of what determines a mirror of the table, apart from its rows."""
        return definition_of(table)

    @abstractmethod
    def columns(self, table: sa.Table) -> list[SourceColumn]:
        """Return the table's columns as they are now; an empty list if the table is missing."""

    def proposed(self, table: sa.Table, columns: Sequence[SourceColumn]) -> list[SourceColumn]:  # noqa: ARG002
        """Return columns of the table that can be read, each with the type that discovery proposes for its values."""
        return [*columns]

    @abstractmethod
    def is_view(self, table: sa.Table) -> bool:
        """Return whether the table's name is that of a view, whose columns the source reports as a table's."""

    def names_ignore_case(self) -> bool:
        """Return whether the database finds a column whose name a query writes in another case."""
        return True

    #: Whether `tables` has every table of the source. A server hides the tables that a login has no right to.
    sees_every_table = False

    @abstractmethod
    def tables(self) -> list[tuple[str | None, str]]:
        """Return schema and name of each table that could be mirrored; None means the source's default schema."""

    def origins(self) -> Origins:
        """Return which columns of the source reference others, and which are computed, in all its tables."""
        return Origins()

    @abstractmethod
    def unsupported_reason(self, table: sa.Table) -> str | None:
        """Return why discovery leaves the table out, in sentences; None if it proposes the table."""

    @abstractmethod
    def keys(self, table: sa.Table) -> list[frozenset[str]]:
        """Return the sets of columns that the source keeps unique now.

        These are the columns of the primary key and of the unique constraints and indexes.
        """

    @abstractmethod
    def rows(
        self,
        table: sa.Table,
        *,
        above: int | None = None,
        slices: Collection[str] | None = None,
    ) -> pa.RecordBatchReader:
        """Return a reader of the rows with a version above `above`, in those `slices`.

        The reader streams. Only one reader may be open at a time.

        Args:
            above: a row version, only for a table that has them; None means rows of every version.
            slices: the slices to read; None means all slices.

        Returns:
            A reader with the schema `arrow_schema(table, with_row_version=True)`.

        Raises:
            SourceError: a value does not fit its column's type.
        """

    @abstractmethod
    def row_texts(
        self, table: sa.Table, slices: Collection[str] | None = None
    ) -> pa.RecordBatchReader:
        """Return the canonical text of each row in those slices (`canonical.ROW_TEXTS`); None means all slices.

        The proof uses these texts. The database itself writes each text from the value that it stores, with
        expressions that `rows` does not use, so that an error in `rows` does not repeat itself here. A value
        that does not fit its declared type becomes a misfit (`canonical.MISFIT_END`) and raises no error.
        """

    def divisible_texts(
        self, table: sa.Table, slices: Collection[str] | None = None
    ) -> pa.RecordBatchReader:
        """Return the same texts, in which every mark within a value is doubled, so that they can be split.

        A source makes a check here that its `row_texts` skip, because only the splitting of a text needs it.
        """
        return self.row_texts(table, slices)

    @abstractmethod
    def cells(self, table: sa.Table, slices: Collection[str] | None = None) -> pa.RecordBatchReader:
        """Return the same texts with a column for each cell (`canonical.cells_schema`).

        They show which cells of a row differ.
        """

    @abstractmethod
    def tombstones(self, table: sa.Table, *, above: int) -> pa.Table | None:
        """Return the deletes with a version above `above`; None if the source does not record deletes.

        The table has the key columns, and the column `slice` if the record has it. If the record has no
        versions, older deletes are included.
        """

    @abstractmethod
    def slice_counts(self, table: sa.Table) -> dict[str, int]:
        """Return the number of rows in each slice that has any."""

    def digests(
        self,
        table: sa.Table,  # noqa: ARG002
        slices: Collection[str] | None = None,  # noqa: ARG002
    ) -> dict[str, SliceDigest] | None:
        """Return the canonical digest (`schema.canonical`) of each slice that has rows.

        The database computes the digests itself, from the same texts as `row_texts` returns.

        Args:
            table: the table to digest.
            slices: the slices to digest; None means all slices.

        Returns:
            The digest by slice; None if the database has no fast way for this table. The caller then
            streams and hashes its `row_texts`.
        """
        return None

    def notes(self, table: sa.Table) -> tuple[str, ...]:  # noqa: ARG002
        """Return what a report must say about how the table was read, in sentences that name the table."""
        return ()

    def unversioned(self, table: sa.Table) -> int:  # noqa: ARG002
        """Return the number of rows whose version is NULL.

        Such a row may have changed at any time, so `rows` always reads it.
        """
        return 0

    @abstractmethod
    def highest_version(self, table: sa.Table) -> int:
        """Return the highest row version in the table; 0 if it is empty.

        Recorded deletes count too.
        """


@dataclass(frozen=True)
class MonthBatch:
    """A month to apply: the rows of each table, the erased users, and the fingerprint of their inputs.

    `company` is a description that differs from that of any other company. `first_month` is the month in
    which the company begins.
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
    """The source's own record of a month that was applied to it."""

    month: Month
    as_of: datetime
    fingerprint: str


@dataclass(frozen=True)
class TableChange:
    """What applying a month changed in one table. `written` does not count rows that were the same already.

    `refused` rows have a natural key that belongs to another row. `outdated` rows came after a newer
    version and changed nothing. `late` rows came after their month and were accepted. The last two are
    counted only when a month is applied for the first time.
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
class Advice:
    """What a note is about, so that it is left out once tables.yaml follows it, or skips what it is about."""

    #: The table and the column, as the source names them; the column is empty if the note is about the table.
    columns: tuple[tuple[str, str], ...]
    #: Whether a declared column still needs the note.
    is_needed: Callable[[sa.Column[Any]], bool] = lambda _: True

    def tables(self) -> list[str]:
        """Return the tables that the note is about as a whole."""
        return [table for table, column in self.columns if not column]


@dataclass(frozen=True)
class Discovery:
    """The result of discovery: the tables, each with its proposal, and notes for a person.

    Each note is a sentence that names its table. It also says if the table was left out. `advice` has an entry for
    each note that a declaration can settle.
    """

    tables: tuple[sa.Table, ...]
    notes: tuple[str, ...] = ()
    advice: Mapping[str, Advice] = field(default_factory=dict)

    def __iter__(self) -> Iterator[sa.Table]:
        """Iterate over the tables."""
        return iter(self.tables)


class Source(ABC):
    """A source database."""

    #: The name of the engine, such as `sqlite`, for messages and metadata.
    engine: str

    @abstractmethod
    def ping(self) -> str:
        """Return a few words about the database that answers.

        They include what it lacks, and what is used instead. Raises SourceError if nothing answers.
        """

    @abstractmethod
    def discover(self, *, sample: bool = False) -> Discovery:
        """Find the tables in the catalogue. A table that can't be read is left out with a note.

        Args:
            sample: read only the first rows of a table where a server would have to read them all.

        Raises:
            SourceError: the database can't be read.
        """

    @abstractmethod
    def snapshot(self) -> AbstractContextManager[SourceSnapshot]:
        """Return a consistent view of everything committed until now."""


class WritableSource(Source):
    """A source that the platform owns. It holds the synthetic company."""

    @abstractmethod
    def exists(self) -> bool:
        """Return whether the schema has been created."""

    @abstractmethod
    def create_schema(self) -> None:
        """Create whatever is missing, and leave everything that exists as it is."""

    @abstractmethod
    def company(self) -> str | None:
        """Return the company in this source, as its batches named it; None if there is none yet."""

    @abstractmethod
    def applied_months(self) -> dict[Month, AppliedMonth]:
        """Return the record of each month that was applied."""

    @abstractmethod
    def apply(self, batch: MonthBatch) -> dict[str, TableChange]:
        """Apply a month in one transaction, all tables in foreign-key order.

        Rows older than those in the source (by `updated_at`) change nothing. Erased users stay erased.
        A row is refused permanently if its natural key belongs to a row of the source with another
        primary key. Rows that are refused, late or out of order are logged once in the intake log, in
        the same transaction.

        Raises:
            SourceError: the month's predecessor is missing, the source holds another company, a row
                breaks a check or a foreign key, or two rows of the batch have the same natural key.
                Nothing is written.
        """

    @abstractmethod
    def intake_log(self) -> pa.Table:
        """Return the log of what the intake found about rows (`source.intake.LOG_SCHEMA`)."""

    @abstractmethod
    def drop(self) -> None:
        """Drop what the platform created, and nothing else."""
