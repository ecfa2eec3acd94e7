"""The warehouse's two logs, insert only: what was loaded, and what was proven.

Holds the entries, and the log tables derived from them. Does not hold: the writing, which the
engines do in the transaction of the data.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any, Literal

import sqlalchemy as sa

Mode = Literal["full", "incremental", "repair"]
Level = Literal["counts", "digest", "rows"]
Scope = Literal["touched", "all"]
#: counted: as many rows in each slice, whose values nobody has compared.
Verdict = Literal["proven", "counted", "differs"]

_metadata = sa.MetaData()

SYNC_LOG = sa.Table(
    "_sync_log",
    _metadata,
    sa.Column("sync_id", sa.String, nullable=False, comment="As in the rows it brought"),
    sa.Column("table_name", sa.String, nullable=False, comment="Table of the source"),
    sa.Column("mode", sa.String, nullable=False, comment="full, incremental or repair"),
    sa.Column("source_identity", sa.String, nullable=False, comment="Database it was read from"),
    sa.Column(
        "watermark", sa.BigInteger, nullable=False, comment="Row version up to which all is in"
    ),
    sa.Column("rows_read", sa.BigInteger, nullable=False, comment="Rows read from the source"),
    sa.Column("rows_written", sa.BigInteger, nullable=False, comment="Rows written to the mirror"),
    sa.Column(
        "rows_deleted", sa.BigInteger, nullable=False, comment="Rows gone without a successor"
    ),
    sa.Column("slices", sa.String, nullable=False, comment="Slices touched, as a JSON array"),
    sa.Column("bytes", sa.BigInteger, nullable=False, comment="Arrow bytes read from the source"),
    sa.Column("started_at", sa.DateTime, nullable=False, comment="UTC"),
    sa.Column("finished_at", sa.DateTime, nullable=False, comment="UTC; grows within a table"),
    sa.Column("seconds", sa.Double, nullable=False, comment="Wall time of reading and applying"),
    # Later columns come last and may be NULL: a warehouse that has the log already is given them.
    sa.Column(
        "slices_compared",
        sa.BigInteger,
        nullable=True,
        comment="Slices compared in full to find what to copy; those that hints named were not",
    ),
    sa.Column("slices_copied", sa.BigInteger, nullable=True, comment="Slices written to"),
    sa.Column("mirror_schema", sa.String, nullable=True, comment="Where the mirror is; NULL: raw"),
    sa.Column(
        "definition",
        sa.String,
        nullable=True,
        comment="Fingerprint of the table's declaration, by which the mirror was made",
    ),
)

PROOF_LOG = sa.Table(
    "_proof_log",
    _metadata,
    sa.Column("proof_id", sa.String, nullable=False, comment="Surrogate key"),
    sa.Column(
        "sync_id", sa.String, nullable=True, comment="Sync or repair it was made in; NULL: none"
    ),
    sa.Column("table_name", sa.String, nullable=False, comment="Table of the source"),
    sa.Column("level", sa.String, nullable=False, comment="counts, digest or rows"),
    sa.Column(
        "scope", sa.String, nullable=False, comment="touched (and the counts of all), or all"
    ),
    sa.Column("slices_checked", sa.BigInteger, nullable=False, comment="Slices compared in full"),
    sa.Column("slices_total", sa.BigInteger, nullable=False, comment="Slices of either side"),
    sa.Column("slices_differing", sa.BigInteger, nullable=False, comment="Slices that differ"),
    sa.Column("rows_source", sa.BigInteger, nullable=False, comment="Rows of the source"),
    sa.Column("rows_mirror", sa.BigInteger, nullable=False, comment="Rows of the mirror"),
    sa.Column("digest", sa.String, nullable=True, comment="Of the checked slices of the source"),
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
    #: None: logged by a version that did not note it.
    slices_compared: int | None = 0
    slices_copied: int | None = 0
    #: None: raw.
    mirror_schema: str | None = None
    #: See `schema.definition`. None: logged by a version that did not note it.
    definition: str | None = None

    def values(self) -> list[Any]:
        """In the order of the log's columns."""
        found = {**asdict(self), "slices": json.dumps(self.slices)}
        return [found[column.name] for column in SYNC_LOG.columns]

    @classmethod
    def of(cls, values: tuple[Any, ...]) -> SyncEntry:
        found = dict(zip(SYNC_LOG.columns.keys(), values, strict=True))
        return cls(**{**found, "slices": tuple(json.loads(found["slices"]))})


@dataclass(frozen=True)
class DayRows:
    """Rows of a mirror by the last proof of a day that found it equal."""

    day: date
    rows: int


@dataclass(frozen=True)
class ProofEntry:
    """A row of `_proof_log`."""

    proof_id: str
    sync_id: str | None
    table_name: str
    level: Level
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
        """Whether every slice was looked at by what its rows hold."""
        return self.scope == "all" and self.level != "counts"

    @property
    def confirms(self) -> bool:
        """Whether it found every slice equal, and nothing was copied for that."""
        return self.whole and self.verdict == "proven" and self.sync_id is None

    def values(self) -> list[Any]:
        """In the order of the log's columns."""
        found = asdict(self)
        return [found[column.name] for column in PROOF_LOG.columns]

    @classmethod
    def of(cls, values: tuple[Any, ...]) -> ProofEntry:
        return cls(**dict(zip(PROOF_LOG.columns.keys(), values, strict=True)))

    @property
    def blind(self) -> bool:
        """Whether it could not look at rows."""
        return self.verdict == "differs" and not self.slices_total
