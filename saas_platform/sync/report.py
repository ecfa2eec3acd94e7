"""The reports of sync, proof, repair and probe, frozen and ready for JSON with `dataclasses.asdict`.

Contains also: the sentences that a person reads. Out of scope: how any of the facts are found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from saas_platform.schema.describing import (
    Misfit,
    ShownValue,
    counted,
    escaped,
    plain,
    printable,
    quoted,
)
from saas_platform.warehouse.interface import DifferenceKind
from saas_platform.warehouse.logs import Mode, ProofLevel, Scope, Verdict

Step = Literal["read", "prove", "compare"]


@dataclass(frozen=True)
class Progress:
    """How many rows a step of one table has moved until now."""

    table: str
    step: Step
    rows: int


OnProgress = Callable[[Progress], None]


@dataclass(frozen=True)
class ColumnDifference:
    """A column with the values of both sides. Personal data is masked unless asked for."""

    column: str
    source: ShownValue
    mirror: ShownValue


@dataclass(frozen=True)
class Difference:
    """One row that differs, by its key; `columns` is filled if both sides have the row."""

    kind: DifferenceKind
    slice: str
    key: dict[str, ShownValue]
    columns: tuple[ColumnDifference, ...]


@dataclass(frozen=True)
class Differences:
    """The exact totals of differing rows, and the first few of them."""

    missing: int
    extra: int
    different: int
    #: How many of these rows each slice has.
    slices: dict[str, int]
    #: In how many rows each column differs.
    columns: dict[str, int]
    samples: tuple[Difference, ...]


@dataclass(frozen=True)
class ProofReport:
    """Whether the mirror of a table equals its source, and what was compared to find out."""

    table: str
    level: ProofLevel
    #: `touched`: the slices that a sync touched were compared at `level`, all others by row count.
    scope: Scope
    verdict: Verdict
    slices_checked: int
    slices_total: int
    slices_differing: tuple[str, ...]
    rows_source: int
    rows_mirror: int
    #: The digest of the checked slices of the source; None if the level is not `digest`.
    digest: str | None
    differences: Differences | None
    #: Faults other than rows that differ: a missing mirror, a mirror with other columns, or an error.
    problems: tuple[str, ...]
    seconds: float
    proof_id: str
    sync_id: str | None
    proven_at: datetime
    #: What the proof does not cover, as the source reports of the way it was read.
    warnings: tuple[str, ...] = ()

    @property
    def proven(self) -> bool:
        """Return whether the values of the slices in scope were compared and are equal."""
        return self.verdict == "proven"

    @property
    def holds(self) -> bool:
        """Return whether nothing differs at the level that was asked for."""
        return self.verdict != "differs"


@dataclass(frozen=True)
class SampledRow:
    """A row of the source next to the mirror's row with the same key; None if the mirror has no such row."""

    slice: str
    source: dict[str, ShownValue]
    mirror: dict[str, ShownValue] | None
    #: Compared by the values themselves, before any is masked.
    equal: bool


@dataclass(frozen=True)
class SampleReport:
    """A few rows of a table, drawn at random from the source."""

    table: str
    rows: tuple[SampledRow, ...]
    #: Why no row could be drawn or compared.
    problems: tuple[str, ...]

    @property
    def equal(self) -> bool:
        return not self.problems and all(row.equal for row in self.rows)


@dataclass(frozen=True)
class SyncReport:
    """What a sync did to one table; `mode` is None if there was nothing to do."""

    table: str
    sync_id: str | None = None
    mode: Mode | None = None
    #: Why all rows were loaded; None if they were not.
    reason: str | None = None
    watermark: int | None = None
    rows_read: int = 0
    rows_written: int = 0
    rows_deleted: int = 0
    slices: tuple[str, ...] = ()
    #: Slices that still differed after the changes were applied, and were copied again.
    repaired: tuple[str, ...] = ()
    #: How many slices were compared to find what to copy; the proof reports what it compared itself.
    slices_compared: int = 0
    bytes: int = 0
    seconds: float = 0.0
    proof: ProofReport | None = None
    warnings: tuple[str, ...] = ()
    error: str | None = None

    @property
    def succeeded(self) -> bool:
        return self.error is None and self.proof is not None and self.proof.holds


@dataclass(frozen=True)
class RepairReport:
    """What a repair of one table wrote; `mode` is None if nothing differed."""

    table: str
    sync_id: str | None = None
    mode: Mode | None = None
    rows_written: int = 0
    rows_deleted: int = 0
    slices: tuple[str, ...] = ()
    seconds: float = 0.0
    proof: ProofReport | None = None
    error: str | None = None
    #: What its proof does not cover, as the source reports of the way it was read.
    warnings: tuple[str, ...] = ()

    @property
    def succeeded(self) -> bool:
        return self.error is None and self.proof is not None and self.proof.holds


@dataclass(frozen=True)
class TableProbe:
    """Cheap facts on one table; `reason` is None if the mirror is fresh."""

    table: str
    reason: str | None
    watermark: int | None = None
    #: The highest row version in the source's table; with the row counts, it distinguishes states of the table.
    version: int | None = None
    rows_source: int | None = None
    rows_mirror: int | None = None


def sentences(report: ProofReport) -> list[str]:
    """Return what a proof found, in sentences: on the table, then on its slices, rows and columns."""
    rows, slices = (
        counted(report.rows_mirror, "row"),
        f"{report.slices_checked:,} of {counted(report.slices_total, 'slice')}",
    )
    if report.verdict == "counted":
        return [
            f"{report.table}: {rows} counted, and each slice has as many as in the source. Values were not"
            " compared."
        ]
    if report.verdict == "proven" and report.scope == "touched":
        return [
            f"{report.table}: {slices} proven equal to the source by {report.level}, the others by row count"
            f" ({rows} in all)."
        ]
    if report.verdict == "proven":
        return [f"{report.table}: {rows} proven equal to the source by {report.level} ({slices})."]
    lines = list(report.problems)
    if report.slices_differing:
        differing, total = len(report.slices_differing), counted(report.slices_total, "slice")
        lines.append(
            f"{report.table}: {differing:,} of {total} {'differs' if differing == 1 else 'differ'}"
            f" ({_some(report.slices_differing)}); {counted(report.rows_source, 'row')} in the source,"
            f" {report.rows_mirror:,} in the mirror."
        )
    found = report.differences
    if found is None:
        return lines
    columns = _some([f"{name} {count:,}x" for name, count in found.columns.items()])
    lines.append(
        f"{report.table}: {found.missing:,} missing in the mirror, {found.extra:,} extra,"
        f" {found.different:,} different{f' ({columns})' if columns else ''}."
    )
    lines.extend(_row_sentence(report.table, sample) for sample in found.samples)
    return lines


def repair_sentence(report: RepairReport) -> str:
    """Return what a repair wrote, in a sentence."""
    if report.mode is None:
        return f"{report.table}: nothing was copied."
    return (
        f"{report.table}: {counted(report.rows_written, 'row')} copied again, {report.rows_deleted:,} removed,"
        f" in {counted(len(report.slices), 'slice')} ({_some(report.slices)})."
    )


def _row_sentence(table: str, row: Difference) -> str:
    key = ", ".join(f"{name} {printable(plain(value))}" for name, value in row.key.items())
    slice_ = printable(row.slice)
    if row.kind == "different":
        values = "; ".join(
            f"{c.column} is {_clause(c.source)} in the source, {_clause(c.mirror)} in the mirror"
            for c in row.columns
        )
        return f"{table} {key} in {slice_}: {values}."
    where = "missing in the mirror" if row.kind == "missing" else "only in the mirror"
    return f"{table} {key} in {slice_}: {where}."


def _clause(value: ShownValue) -> str:
    # The words on a misfit are a clause, which a comma ends.
    return escaped(quoted(value)) + ("," if isinstance(value, Misfit) else "")


def _some(texts: Iterable[str], most: int = 5) -> str:
    listed = list(texts)
    more = f" and {len(listed) - most:,} more" if len(listed) > most else ""
    return ", ".join(map(printable, listed[:most])) + more
