"""The warehouse's two logs, of syncs and of proofs, to which entries are only ever appended.

Contains: the entries, and the definitions of the log tables. Out of scope: writing them, which the engines do
in the same transaction as the data.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any, Literal

import sqlalchemy as sa

#: diff: the slices that differ by digest were compared row by row, and only the rows that differ were copied.
Mode = Literal["full", "incremental", "diff"]
ProofLevel = Literal["counts", "digest", "rows"]
Scope = Literal["touched", "all"]
#: counted: each slice has as many rows on both sides, and their values were not compared.
Verdict = Literal["proven", "counted", "differs"]

_metadata = sa.MetaData()

SYNC_LOG = sa.Table(
    "_sync_log",
    _metadata,
    sa.Column(
        "sync_id",
        sa.String,
        nullable=False,
        comment="Sync, as in `_sync_id` of the rows that it wrote",
    ),
    sa.Column("table_name", sa.String, nullable=False, comment="Table of the source"),
    sa.Column("mode", sa.String, nullable=False, comment="full, incremental or repair"),
    sa.Column("source_identity", sa.String, nullable=False, comment="Database it was read from"),
    sa.Column(
        "watermark",
        sa.BigInteger,
        nullable=False,
        comment="Row version up to which the mirror has all rows",
    ),
    sa.Column("rows_read", sa.BigInteger, nullable=False, comment="Rows read from the source"),
    sa.Column("rows_written", sa.BigInteger, nullable=False, comment="Rows written to the mirror"),
    sa.Column(
        "rows_deleted", sa.BigInteger, nullable=False, comment="Rows deleted and not replaced"
    ),
    sa.Column("slices", sa.String, nullable=False, comment="Slices touched, as a JSON array"),
    sa.Column("bytes", sa.BigInteger, nullable=False, comment="Arrow bytes read from the source"),
    sa.Column("started_at", sa.DateTime, nullable=False, comment="UTC"),
    sa.Column(
        "finished_at", sa.DateTime, nullable=False, comment="UTC; it only grows within a table"
    ),
    sa.Column("seconds", sa.Double, nullable=False, comment="Wall time of reading and applying"),
    # Columns of later versions come last and may be NULL: they are added to a log that exists already.
    sa.Column(
        "slices_compared",
        sa.BigInteger,
        nullable=True,
        comment="Slices compared in full to find rows to copy that no row version or tombstone named",
    ),
    sa.Column("slices_copied", sa.BigInteger, nullable=True, comment="Slices written to"),
    sa.Column(
        "mirror_schema", sa.String, nullable=True, comment="Schema of the mirror; NULL means raw"
    ),
    sa.Column(
        "definition",
        sa.String,
        nullable=True,
        comment="Fingerprint of the table's declaration by which the mirror was made",
    ),
)

PROOF_LOG = sa.Table(
    "_proof_log",
    _metadata,
    sa.Column("proof_id", sa.String, nullable=False, comment="Surrogate key"),
    sa.Column(
        "sync_id",
        sa.String,
        nullable=True,
        comment="Sync or repair that made the proof; NULL if none did",
    ),
    sa.Column("table_name", sa.String, nullable=False, comment="Table of the source"),
    sa.Column("level", sa.String, nullable=False, comment="counts, digest or rows"),
    sa.Column(
        "scope",
        sa.String,
        nullable=False,
        comment="touched (values of the touched slices, row counts of all) or all",
    ),
    sa.Column("slices_checked", sa.BigInteger, nullable=False, comment="Slices compared in full"),
    sa.Column("slices_total", sa.BigInteger, nullable=False, comment="Slices that either side has"),
    sa.Column("slices_differing", sa.BigInteger, nullable=False, comment="Slices that differ"),
    sa.Column("rows_source", sa.BigInteger, nullable=False, comment="Rows of the source"),
    sa.Column("rows_mirror", sa.BigInteger, nullable=False, comment="Rows of the mirror"),
    sa.Column("digest", sa.String, nullable=True, comment="Digest of the source's checked slices"),
    sa.Column("verdict", sa.String, nullable=False, comment="proven, counted or differs"),
    sa.Column("seconds", sa.Double, nullable=False, comment="Wall time of the proof"),
    sa.Column("proven_at", sa.DateTime, nullable=False, comment="UTC"),
)

LOGS = (SYNC_LOG, PROOF_LOG)


@dataclass(frozen=True)
class SyncEntry:
    """A row of `_sync_log`."""

    sync_id: str
    table_name: str
    mode: Mode
    source_identity: str
    watermark: int
    started_at: datetime
    finished_at: datetime
    rows_read: int = 0
    rows_written: int = 0
    rows_deleted: int = 0
    slices: tuple[str, ...] = ()
    bytes: int = 0
    seconds: float = 0.0
    #: None if the entry was logged by a version that did not record it.
    slices_compared: int | None = 0
    slices_copied: int | None = 0
    #: None means raw.
    mirror_schema: str | None = None
    #: See `schema.definition`. None if the entry was logged by a version that did not record it.
    definition: str | None = None

    def values(self) -> list[Any]:
        """Return the values in the order of the log's columns."""
        found = {**asdict(self), "slices": json.dumps(self.slices)}
        return [found[column.name] for column in SYNC_LOG.columns]

    @classmethod
    def of(cls, values: tuple[Any, ...]) -> SyncEntry:
        """Return the entry of a row of the log, whose values are in the order of its columns."""
        found = dict(zip(SYNC_LOG.columns.keys(), values, strict=True))
        return cls(**{**found, "slices": tuple(json.loads(found["slices"]))})


@dataclass(frozen=True)
class DayRows:
    """The row count of a mirror, by the last proof of a day that found no difference."""

    day: date
    rows: int


@dataclass(frozen=True)
class ProofEntry:
    """A row of `_proof_log`."""

    proof_id: str
    sync_id: str | None
    table_name: str
    level: ProofLevel
    scope: Scope
    slices_checked: int
    slices_total: int
    slices_differing: int
    rows_source: int
    rows_mirror: int
    digest: str | None
    verdict: Verdict
    seconds: float
    proven_at: datetime

    @property
    def whole(self) -> bool:
        """Whether the proof compared the values of the rows, and not only their count, in every slice."""
        return self.scope == "all" and self.level != "counts"

    @property
    def confirms(self) -> bool:
        """Whether the proof found the values of every slice equal, and no sync or repair made it."""
        return self.whole and self.verdict == "proven" and self.sync_id is None

    def values(self) -> list[Any]:
        """Return the values in the order of the log's columns."""
        found = asdict(self)
        return [found[column.name] for column in PROOF_LOG.columns]

    @classmethod
    def of(cls, values: tuple[Any, ...]) -> ProofEntry:
        """Return the entry of a row of the log, whose values are in the order of its columns."""
        return cls(**dict(zip(PROOF_LOG.columns.keys(), values, strict=True)))

    @property
    def blind(self) -> bool:
        """Whether the proof failed before it could compare any rows."""
        return self.verdict == "differs" and not self.slices_total
