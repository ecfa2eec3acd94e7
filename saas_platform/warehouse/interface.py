"""The interface of every warehouse, which is all that sync, proof, marts and models know of one.

Contains: the interface, and the values that pass through it. Out of scope: the SQL of an engine, and the
decisions when to load, prove or repair, which the sync makes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeVar

import pyarrow as pa
import sqlalchemy as sa

from saas_platform.errors import PlatformError
from saas_platform.schema.slices import SliceDigest
from saas_platform.warehouse.logs import DayRows, ProofEntry, SyncEntry
from saas_platform.warehouse.stream import RowStream

T = TypeVar("T")

RAW, MARTS, MODELS = "raw", "marts", "models"
SCHEMAS = (RAW, MARTS, MODELS)


def target_schema(table: sa.Table) -> str:
    """Return the schema of a table's mirror: raw, unless tables.yaml names another one."""
    schema: str = table.info.get("target_schema", RAW)
    return schema


#: The one column that the platform adds to a mirror: the sync that wrote the row. The digest leaves it out.
SYNC_ID = "_sync_id"

#: missing: the row is only in the source; extra: only in the mirror; different: in both, with other values.
DifferenceKind = Literal["missing", "extra", "different"]

#: native: the engine's fastest digest, comparable within one engine and version. canonical: the same number
#: on every engine (`schema.canonical`). For an engine that has no faster hash, both are the canonical one.
DigestForm = Literal["native", "canonical"]


class WarehouseError(PlatformError):
    """The warehouse can't do what was asked. The message names the thing and the remedy."""


class WarehouseUnusableError(WarehouseError):
    """The warehouse can't be used for any table now: it is locked, damaged, full or out of reach."""


class WarehouseMemoryError(WarehouseError):
    """The warehouse needs more memory than it may use."""


@dataclass(frozen=True)
class Mirror:
    """A mirror, and the time of its last sync (UTC)."""

    schema: str
    name: str
    synced_at: datetime

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True)
class RowDifference:
    """One key that differs, with all cells of its row on both sides (`schema.canonical`), unmasked."""

    kind: DifferenceKind
    slice: str
    key: Mapping[str, str]
    source: Mapping[str, str] | None
    mirror: Mapping[str, str] | None


@dataclass(frozen=True)
class Comparison:
    """What differs in some slices: exact totals, and the first few rows in order of their keys."""

    missing: int
    extra: int
    different: int
    #: The number of these rows in each slice. A row that both sides have counts in the source's slice.
    slices: Mapping[str, int]
    #: For each column that differs: the number of rows in which it does.
    columns: Mapping[str, int]
    samples: tuple[RowDifference, ...]


@dataclass(frozen=True)
class QueryCost:
    """The bytes that one query would bill, by the warehouse's own estimate."""

    table: str
    #: What the query is for, in a few words.
    purpose: str
    #: None if a table or column that the query reads does not exist yet.
    bytes: int | None


class Changes(ABC):
    """Changes of one table that wait to be applied: they are staged outside the mirror.

    One transaction applies all of them or none. Leaving the context discards what was not committed.
    """

    @abstractmethod
    def add_rows(self, stream: RowStream) -> None:
        """Stage rows that are new, or that replace the mirror's row of the same key."""

    @abstractmethod
    def add_deletes(self, keys: pa.Table) -> None:
        """Stage the deletion of these keys. It has no effect on a key whose row is staged too."""

    @abstractmethod
    def reconcile(self, slices: Collection[str], stream: RowStream) -> None:
        """Stage the changes that make the mirror's slices equal to the stream, which has all of their rows.

        Rows that are equal already are not staged.
        """

    @abstractmethod
    def counts_after(self) -> dict[str, int]:
        """Return the number of rows that each slice of the mirror will have once the changes are applied."""

    @abstractmethod
    def pending(self) -> int:
        """Return the number of staged keys, whether their rows are to be written or deleted."""

    @abstractmethod
    def commit(self, entry: SyncEntry) -> SyncEntry:
        """Apply the changes and append the entry to the log, in one transaction.

        Returns:
            The entry as written, with `rows_written`, `rows_deleted` and `slices` filled in.
        """


class Warehouse(ABC):
    """A warehouse. The mirror of a table is `raw.<table>`, with the source's columns and `_sync_id`."""

    #: The engine's name, such as `duckdb`, for messages and metadata.
    engine: str
    #: The most slices that the mirror of one table may have; None means any number.
    most_slices: int | None = None

    @abstractmethod
    def session(self) -> AbstractContextManager[None]:
        """Keep one connection for all calls within this context, which may be nested.

        A call outside a session opens a connection of its own and closes it.
        """

    def with_room(self, work: Callable[[], T]) -> T:
        """Do the work and return its result; if it runs out of memory, do it once more with a higher limit.

        The work must be safe to repeat. The caller has opened a session.
        """
        return work()

    @abstractmethod
    def error_of(self, message: str) -> WarehouseError | None:
        """Return the error to show for what another program, such as dbt, says of the engine; None to show that."""

    @abstractmethod
    def ping(self) -> str:
        """Return a few words on the warehouse that answers. Raises WarehouseError if none does."""

    @abstractmethod
    def drop(self) -> None:
        """Drop the platform's schemas and nothing else."""

    @abstractmethod
    def mirrors(self) -> list[Mirror]:
        """Return every mirror that exists, declared or not, ordered by name. Creates nothing."""

    @abstractmethod
    def drop_mirror(self, mirror: Mirror) -> None:
        """Drop one mirror, if it exists, and its entries in both logs."""

    # General access, for the later layers.

    @abstractmethod
    def query(self, sql: str) -> pa.Table:
        """Return the result of one SELECT in the engine's own dialect."""

    @abstractmethod
    def query_costs(self, tables: Collection[sa.Table]) -> list[QueryCost] | None:
        """Return the bytes that each query of a sync and a full proof would bill; None if none is billed."""

    @abstractmethod
    def query_bytes(self, queries: Sequence[str]) -> list[int | None]:
        """Return the bytes that each SELECT would bill now, by the warehouse's own estimate.

        None means that the SELECT reads a table or column that does not exist.
        """

    @abstractmethod
    def quoted(self, name: str) -> str:
        """Return a name as the engine's SQL writes it, whatever characters it has."""

    @abstractmethod
    def literal(self, value: Any) -> str:
        """Return a value of a declaration (text, number, date or time) as the engine's SQL writes it."""

    @abstractmethod
    def mirror_rows(self, table: sa.Table) -> str:
        """Return SQL of all rows of a mirror, to be put after FROM and given an alias."""

    @abstractmethod
    def matches(self, column: str, pattern: str) -> str:
        """Return SQL that is true where a text column has a match of an RE2 expression."""

    @abstractmethod
    def folded(self, text: str, collation: str, *, broadly: bool) -> str:
        """Return SQL that folds a text: texts that a collation (`schema.collations`) equates become equal.

        No two engines fold alike. With `broadly` the SQL folds whatever any collation of that name may fold;
        without, only what all of them fold, such as small and capital letters of ASCII.
        """

    @abstractmethod
    def folded_literal(self, literal: str, collation: str, *, broadly: bool) -> str:
        """Return SQL that folds a literal of SQLite: literals of equal values become equal.

        The number 1 equals 1.0, and neither equals the text '1'. Texts are folded as `folded` does.
        """

    @abstractmethod
    def table_exists(self, schema: str, name: str) -> bool:
        """Return whether the table or view exists."""

    @abstractmethod
    def replace_table(self, schema: str, name: str, rows: pa.Table) -> None:
        """Make the table hold exactly these rows, atomically."""

    @abstractmethod
    def merge_rows(self, schema: str, name: str, key: str, rows: pa.Table) -> None:
        """Put rows into a small table, atomically, and create it if there is none.

        Two processes may do so at once: each replaces only the rows that have its keys.

        Args:
            schema: the schema of the table.
            name: the name of the table.
            key: the column whose values no two rows share. A row replaces the row that has its value.
            rows: the rows, with the columns of the table.
        """

    @abstractmethod
    def columns_of(self, schema: pa.Schema) -> dict[str, str]:
        """Return the columns that `replace_table` makes of such rows, in order, with their engine types."""

    @abstractmethod
    def name_of_type(self, declared: str) -> str:
        """Return the engine's own name of a type that the dbt project declares, such as BIGINT for int64."""

    @abstractmethod
    def digest_query(self, schema: str, names: Collection[str]) -> str:
        """Return the query that `digest_tables` runs."""

    @abstractmethod
    def digest_tables(self, schema: str, names: Collection[str]) -> dict[str, SliceDigest]:
        """Return row count and digest of whole tables, by one query; comparable within one engine only."""

    @abstractmethod
    def states(self, schema: str, names: Collection[str]) -> dict[str, str]:
        """Return the state of each of these tables and views that exists, as a text that its content changes.

        A table's state changes if anybody changes a row of it, and a view's if its query changes. States are
        comparable within one engine only, and finding them bills nothing.
        """

    # The mirror and its log.

    @abstractmethod
    def unsupported_reason(self, table: sa.Table) -> str | None:
        """Return why the table's names keep it from being mirrored here, with the remedy; None if they do not.

        For an unsupported table, only the methods that read the logs may be called.
        """

    @abstractmethod
    def declared_columns(self, table: sa.Table) -> dict[str, str]:
        """Return the columns that the mirror should have, in order, with their engine types."""

    @abstractmethod
    def mirror_columns(self, table: sa.Table) -> dict[str, str]:
        """Return the columns that the mirror has, in order, with their engine types; empty if there is no mirror."""

    @abstractmethod
    def last_sync(self, table: sa.Table) -> SyncEntry | None:
        """Return the table's newest entry in the log of syncs; None if it has none."""

    @abstractmethod
    def syncs_after(self, timestamp: datetime) -> list[SyncEntry]:
        """Return the entries of all tables whose sync finished after a timestamp (UTC), oldest first."""

    @abstractmethod
    def unproven_syncs(self, table: sa.Table) -> list[SyncEntry]:
        """Return the table's entries since the last sync that was proven, oldest first."""

    @abstractmethod
    def last_proof(self, table: sa.Table) -> ProofEntry | None:
        """Return the table's newest entry in the log of proofs; None if it has none."""

    @abstractmethod
    def slice_counts(self, table: sa.Table) -> dict[str, int]:
        """Return the number of the mirror's rows in each slice that has any."""

    @abstractmethod
    def load(self, table: sa.Table, stream: RowStream, entry: SyncEntry) -> SyncEntry:
        """Replace the mirror by the stream's rows and append to the log, in one transaction.

        Returns:
            The entry as written, like `Changes.commit`.
        """

    @abstractmethod
    def stage(self, table: sa.Table, sync_id: str) -> AbstractContextManager[Changes]:
        """Open a context that collects changes of one table before they are applied.

        An engine names the temporary tables that it needs for this after the sync's id.
        """

    # Proof.

    @abstractmethod
    def digest_mirror(
        self,
        table: sa.Table,
        slices: Collection[str] | None = None,
        form: DigestForm = "native",
    ) -> dict[str, SliceDigest]:
        """Return the digest of each of the slices that has rows in the mirror.

        `slices` None means every slice.
        """

    @abstractmethod
    def digest_texts(self, texts: RowStream, form: DigestForm = "native") -> dict[str, SliceDigest]:
        """Return the same digests of rows whose texts a source streams (`canonical.ROW_TEXTS`).

        It is not called for a source that computes canonical digests itself.
        """

    @abstractmethod
    def compare(
        self, table: sa.Table, slices: Collection[str], texts: RowStream, *, samples: int
    ) -> Comparison:
        """Compare the mirror's rows in the slices with the source's, cell by cell.

        Args:
            table: the table.
            slices: the ids of the slices to compare.
            texts: the texts of all rows that the source has in these slices (`canonical.ROW_TEXTS`).
            samples: the largest number of differing rows to return.
        """

    @abstractmethod
    def rows_like(self, table: sa.Table, cells: pa.Table) -> pa.Table:
        """Return the cells of the mirror's rows that have the keys of the given rows, in any order.

        In a table without a key these are the rows with the same cells. The given rows have the columns of
        `canonical.cells_schema`; the result has them too, without the slice.
        """

    @abstractmethod
    def record_proof(self, entry: ProofEntry) -> None:
        """Append an entry to the log of proofs."""

    @abstractmethod
    def unsettled_proofs(self, table: sa.Table) -> list[ProofEntry]:
        """Return the table's proofs since a difference was first found, oldest first.

        They begin with the first proof that differs after the newest one that `confirms`. The list is empty
        if none differs.
        """

    @abstractmethod
    def daily_rows(self, table: sa.Table, days: int) -> list[DayRows]:
        """Return the newest days on which a proof found no difference, oldest first, at most `days` of them.

        Each has the table's row count by the last such proof of the day.
        """
