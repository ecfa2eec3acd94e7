"""What every warehouse must offer; sync, proof, marts and models know nothing more of it.

Holds the contract and the values that pass through it. Does not hold: SQL of any engine, or any
decision on when to load, prove or repair (that is the sync's).
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
from saas_platform.warehouse.feed import Feed
from saas_platform.warehouse.logs import DayRows, ProofEntry, SyncEntry

T = TypeVar("T")

RAW, MARTS, MODELS = "raw", "marts", "models"
SCHEMAS = (RAW, MARTS, MODELS)


def target_schema(table: sa.Table) -> str:
    """The schema of a table's mirror: raw, unless tables.yaml names another one."""
    schema: str = table.info.get("target_schema", RAW)
    return schema


#: The mirror's one column of its own: the sync that brought the row. It is outside the digest.
SYNC_ID = "_sync_id"

#: missing: not in the mirror; extra: only in the mirror; different: in both, with other values.
Kind = Literal["missing", "extra", "different"]

#: native: the engine's fastest, comparable within one engine and version; canonical: the same number
#: on every engine (`schema.canonical`). They are one where an engine has no faster hash.
DigestForm = Literal["native", "canonical"]


class WarehouseError(PlatformError):
    """The warehouse can't do what was asked; the text names the thing and the remedy."""


class WarehouseUnusableError(WarehouseError):
    """Nothing can be asked of the warehouse now, whichever table it is about: it is locked, damaged, full or
    out of reach.
    """


class WarehouseMemoryError(WarehouseError):
    """The memory that the warehouse may use does not suffice."""


@dataclass(frozen=True)
class Mirror:
    """A mirror, and when it was synced last (UTC)."""

    schema: str
    name: str
    synced_at: datetime

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True)
class RowDifference:
    """One key that differs, with the cells of the whole rows of both sides (`schema.canonical`), unmasked."""

    kind: Kind
    slice: str
    key: Mapping[str, str]
    source: Mapping[str, str] | None
    mirror: Mapping[str, str] | None


@dataclass(frozen=True)
class Comparison:
    """What differs in some slices: exact totals, and the first few rows by key."""

    missing: int
    extra: int
    different: int
    #: How many of these rows lie in each slice; the source's, where both have the row.
    slices: Mapping[str, int]
    #: For each column with other values: in how many rows.
    columns: Mapping[str, int]
    samples: tuple[RowDifference, ...]


@dataclass(frozen=True)
class QueryCost:
    """What one query would bill, by the warehouse's own estimate."""

    table: str
    #: What it is asked for, in a few words.
    purpose: str
    #: None: a table or column that it reads is not there yet.
    bytes: int | None


class Staging(ABC):
    """Changes of one table, collected beside the mirror; one transaction applies them, or nothing.

    Leaving its context forgets what was not committed.
    """

    @abstractmethod
    def add_rows(self, feed: Feed) -> None:
        """Rows that are new, or replace the mirror's of the same key."""

    @abstractmethod
    def add_deletes(self, keys: pa.Table) -> None:
        """Keys that are gone, unless their rows are staged too."""

    @abstractmethod
    def reconcile(self, slices: Collection[str], feed: Feed) -> None:
        """Stage what makes the mirror's slices equal to the feed, which has all of their rows.

        A row that is the same already is not staged.
        """

    @abstractmethod
    def counts_after(self) -> dict[str, int]:
        """Rows the mirror will have in each slice once this is applied."""

    @abstractmethod
    def pending(self) -> int:
        """Keys staged, to be written or deleted."""

    @abstractmethod
    def commit(self, entry: SyncEntry) -> SyncEntry:
        """Apply everything and append the entry to the log, in one transaction.

        Returns the entry as written: with `rows_written`, `rows_deleted` and `slices` filled in.
        """


class Warehouse(ABC):
    """A warehouse. Mirror tables are `raw.<table>`, with the source's columns and `_sync_id`."""

    #: Such as `duckdb`; for messages and metadata.
    engine: str
    #: Slices that the mirror of one table may have; None: any number.
    most_slices: int | None = None

    @abstractmethod
    def session(self) -> AbstractContextManager[None]:
        """Keep the connection for several calls; may be nested. Calls outside open and close one."""

    def with_room(self, work: Callable[[], T]) -> T:
        """What the work gives, done a second time with more memory where that did not suffice.

        The work may be repeated. It is called within a session.
        """
        return work()

    @abstractmethod
    def ping(self) -> str:
        """What answers, in a few words. Raises WarehouseError where nothing does."""

    @abstractmethod
    def drop(self) -> None:
        """Drop the schemas of the platform, and nothing else."""

    @abstractmethod
    def mirrors(self) -> list[Mirror]:
        """Each mirror that is there, declared or not, by name; makes nothing."""

    @abstractmethod
    def drop_mirror(self, mirror: Mirror) -> None:
        """Drop one mirror, where it is there, with its entries in both logs."""

    # General access, for the later layers.

    @abstractmethod
    def query(self, sql: str) -> pa.Table:
        """The result of one SELECT in the engine's own dialect."""

    @abstractmethod
    def query_costs(self, tables: Collection[sa.Table]) -> list[QueryCost] | None:
        """Bytes that each query of a sync and a full proof would bill now; None: nothing is billed."""

    @abstractmethod
    def query_bytes(self, queries: Sequence[str]) -> list[int | None]:
        """Bytes that each SELECT would bill now, by estimate; None: a table or column that it reads is not there."""

    @abstractmethod
    def quoted(self, name: str) -> str:
        """A name as the engine's SQL has it, whatever characters are in it."""

    @abstractmethod
    def literal(self, value: Any) -> str:
        """Return a value of a declaration (text, number, date or time) as the engine's SQL writes it."""

    @abstractmethod
    def mirror_rows(self, table: sa.Table) -> str:
        """SQL of all rows of a mirror, to be put after FROM and given an alias."""

    @abstractmethod
    def matches(self, column: str, pattern: str) -> str:
        """SQL of the engine that is true where a text column has a match of an RE2 expression."""

    @abstractmethod
    def folded(self, text: str, collation: str, *, broadly: bool) -> str:
        """SQL of a text in which what a collation (`schema.collations`) takes for the same is the same.

        No engine folds as another does. Narrowly: only what every collation of the word folds, as small and
        capital letters of ASCII. Broadly: whatever one of them may fold.
        """

    @abstractmethod
    def table_exists(self, schema: str, name: str) -> bool:
        """Whether there is such a table or view."""

    @abstractmethod
    def replace_table(self, schema: str, name: str, rows: pa.Table) -> None:
        """Make the table hold exactly these rows, atomically."""

    @abstractmethod
    def digest_query(self, schema: str, names: Collection[str]) -> str:
        """The query that `digest_tables` asks."""

    @abstractmethod
    def digest_tables(self, schema: str, names: Collection[str]) -> dict[str, SliceDigest]:
        """Row count and digest of whole tables, in one query; comparable within one engine."""

    # The mirror and its log.

    @abstractmethod
    def objection(self, table: sa.Table) -> str | None:
        """Why the table can't be mirrored here by its names, with the remedy; None: it can.

        Nothing else may be asked about a table that there is an objection to, its logs apart.
        """

    @abstractmethod
    def declared_columns(self, table: sa.Table) -> dict[str, str]:
        """The columns and engine types that the mirror should have, in order."""

    @abstractmethod
    def mirror_columns(self, table: sa.Table) -> dict[str, str]:
        """The columns and engine types that it has, in order; empty: there is no mirror."""

    @abstractmethod
    def last_sync(self, table: sa.Table) -> SyncEntry | None:
        """The newest entry of the table in the log."""

    @abstractmethod
    def syncs_after(self, moment: datetime) -> list[SyncEntry]:
        """The entries of all tables that were finished after a moment (UTC), oldest first."""

    @abstractmethod
    def unproven(self, table: sa.Table) -> list[SyncEntry]:
        """The entries since the last one that has a proof which held, oldest first."""

    @abstractmethod
    def last_proof(self, table: sa.Table) -> ProofEntry | None:
        """The newest entry of the table in the log of proofs."""

    @abstractmethod
    def slice_counts(self, table: sa.Table) -> dict[str, int]:
        """Rows of the mirror in each slice that has any."""

    @abstractmethod
    def load(self, table: sa.Table, feed: Feed, entry: SyncEntry) -> SyncEntry:
        """Make the mirror anew from the feed and append to the log, in one transaction.

        Returns the entry as written, as `Staging.commit` does.
        """

    @abstractmethod
    def stage(self, table: sa.Table, sync_id: str) -> AbstractContextManager[Staging]:
        """Collect changes of one table beside its mirror; the sync's id names what is left on the way."""

    # Proof.

    @abstractmethod
    def digest_mirror(
        self,
        table: sa.Table,
        slices: Collection[str] | None = None,
        form: DigestForm = "native",
    ) -> dict[str, SliceDigest]:
        """Digest of the mirror's rows in each slice that has any; all slices where None."""

    @abstractmethod
    def digest_texts(self, texts: Feed, form: DigestForm = "native") -> dict[str, SliceDigest]:
        """The same digest of rows whose texts a source streams (`canonical.ROW_TEXTS`).

        Not asked where the source gives canonical digests itself.
        """

    @abstractmethod
    def compare(
        self, table: sa.Table, slices: Collection[str], texts: Feed, *, samples: int
    ) -> Comparison:
        """Compare cell by cell the mirror's rows in the slices with the texts of all the source's rows there
        (`canonical.ROW_TEXTS`).
        """

    @abstractmethod
    def rows_like(self, table: sa.Table, cells: pa.Table) -> pa.Table:
        """The cells of the mirror's rows that have the keys of these rows; of a table without a key, the
        same rows.

        Both as `canonical.cells_schema` has them, the result without the slice; rows in no order.
        """

    @abstractmethod
    def record_proof(self, entry: ProofEntry) -> None:
        """Append to the log of proofs."""

    @abstractmethod
    def unsettled_proofs(self, table: sa.Table) -> list[ProofEntry]:
        """The table's proofs, oldest first, from the first that differed since the newest that
        `confirms`; empty where none did.
        """

    @abstractmethod
    def daily_rows(self, table: sa.Table, days: int) -> list[DayRows]:
        """The newest days on which the table was proven equal, oldest first, with its rows then."""
