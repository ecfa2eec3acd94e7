"""Proof that a mirror equals its source: one snapshot, read anew or digested where it is, against it.

Holds the levels and the verdict. Does not hold: loading, mending, or reading what the load read.
"""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

import sqlalchemy as sa

from saas_platform.schema.slices import SliceDigest
from saas_platform.source.contract import Source, SourceError, SourceSnapshot
from saas_platform.sync.diff import find_differences
from saas_platform.sync.drift import SyncError, check_table, mirror_faults
from saas_platform.sync.reading import slices_feed, source_digests, telling
from saas_platform.sync.report import Differences, OnProgress, ProofReport
from saas_platform.warehouse.contract import Warehouse
from saas_platform.warehouse.journal import Level, ProofEntry, SyncEntry


def verify(
    source: Source,
    warehouse: Warehouse,
    tables: Iterable[sa.Table],
    level: Level = "digest",
    *,
    show_pii: bool = False,
    on_progress: OnProgress | None = None,
) -> list[ProofReport]:
    """Prove every slice of the tables as of one snapshot, and log it.

    `counts` compares the row count of each slice, `digest` (what decides) every row by its hash,
    `rows` every row by its values. Whatever differs is told by row and column.
    """
    reports = []
    with source.snapshot() as snapshot:
        for table in tables:
            with warehouse.session():
                try:
                    check_table(snapshot, warehouse, table)
                    report = prove(
                        snapshot,
                        warehouse,
                        table,
                        level,
                        show_pii=show_pii,
                        on_progress=on_progress,
                    )
                except (SourceError, SyncError) as error:
                    report = unproven(table, level, (str(error),))
                record(warehouse, report)
            reports.append(report)
    return reports


def prove(
    snapshot: SourceSnapshot,
    warehouse: Warehouse,
    table: sa.Table,
    level: Level,
    *,
    slices: Collection[str] | None = None,
    source_counts: Mapping[str, int] | None = None,
    sync_id: str | None = None,
    explain: bool = True,
    show_pii: bool = False,
    on_progress: OnProgress | None = None,
) -> ProofReport:
    """Prove the slices at the level and all others by row count; every slice where None.

    `source_counts`: what the snapshot counts in each slice, where the caller has asked it already.
    Without `explain`, differing slices are named, and their rows are not looked for.
    """
    started = time.monotonic()
    with warehouse.session():
        faults = mirror_faults(warehouse, table)
        if faults:
            return unproven(table, level, faults, sync_id)
        mine: dict[str, SliceDigest] = {}
        theirs: dict[str, SliceDigest] = {}
        if level == "digest" and slices is None:
            # The digests of everything hold the counts: asking for them apart costs another scan.
            mine, theirs = _digests(snapshot, warehouse, table, None, {}, on_progress)
            source_counts = {slice_id: digest.rows for slice_id, digest in theirs.items()}
            mirror_counts = {slice_id: digest.rows for slice_id, digest in mine.items()}
        else:
            if source_counts is None:
                source_counts = snapshot.slice_counts(table)
            mirror_counts = warehouse.slice_counts(table)
        # A slice that a delete has emptied is checked too: both sides must have none of it.
        everything = {*source_counts, *mirror_counts, *(slices or ())}
        checked = everything if slices is None else set(slices)
        if level == "digest" and slices is not None and checked:
            mine, read = _digests(snapshot, warehouse, table, checked, source_counts, on_progress)
            theirs = {s: digest for s, digest in read.items() if s in checked}
        differing = {
            s
            for s in everything
            if source_counts.get(s, 0) != mirror_counts.get(s, 0) or mine.get(s) != theirs.get(s)
        }
        suspects = differing | checked if level == "rows" else differing
        differences: Differences | None = None
        if suspects and (explain or level == "rows"):
            differences = find_differences(
                snapshot,
                warehouse,
                table,
                suspects,
                source_counts=source_counts,
                mirror_counts=mirror_counts,
                show_pii=show_pii,
                on_progress=on_progress,
            )
            differing |= differences.slices.keys()
    return ProofReport(
        table=table.name,
        level=level,
        scope="all" if slices is None else "touched",
        verdict="differs" if differing else "proven",
        slices_checked=len(checked),
        slices_total=len(everything),
        slices_differing=tuple(sorted(differing)),
        rows_source=sum(source_counts.values()),
        rows_mirror=sum(mirror_counts.values()),
        digest=_digest_text(theirs) if level == "digest" else None,
        differences=differences if differing else None,
        problems=(),
        seconds=time.monotonic() - started,
        proof_id=str(uuid.uuid4()),
        sync_id=sync_id,
        proven_at=_now(),
    )


def _digests(
    snapshot: SourceSnapshot,
    warehouse: Warehouse,
    table: sa.Table,
    slices: Collection[str] | None,
    source_counts: Mapping[str, int],
    on_progress: OnProgress | None,
) -> tuple[dict[str, SliceDigest], dict[str, SliceDigest]]:
    """The mirror's digests and the source's: of the slices, or of more of the source; all where None.

    Computed where the data is, where the source can; else its rows are streamed through the warehouse,
    and its fastest hash will do.
    """
    theirs = source_digests(snapshot, table, slices, source_counts)
    if theirs is not None:
        return warehouse.digest_mirror(table, slices, "canonical"), theirs
    mine = warehouse.digest_mirror(table, slices)
    rows = slices_feed(snapshot, table, slices, source_counts, telling(on_progress, table, "prove"))
    return mine, warehouse.digest_feed(table, rows)


def _completed(first: ProofReport, again: ProofReport) -> ProofReport:
    """A proof of every slice out of two of one snapshot: `first` of all, `again` of what was copied since.

    What was copied again are all that differed, and no other slice was written to between the two.
    """
    if again.scope == "all":
        return again
    return replace(
        again,
        scope="all",
        slices_checked=again.slices_total,
        digest=first.digest,
        seconds=first.seconds + again.seconds,
    )


def prove_again(
    snapshot: SourceSnapshot,
    warehouse: Warehouse,
    table: sa.Table,
    first: ProofReport,
    entry: SyncEntry | None,
    sync_id: str,
    on_progress: OnProgress | None = None,
) -> ProofReport:
    """Every slice, after what differed by `first` was copied again: these by digest, the rest was."""
    anew = entry is not None and entry.mode == "full"
    copied = () if entry is None else entry.slices
    again = prove(
        snapshot,
        warehouse,
        table,
        "digest",
        slices=None if anew else {*first.slices_differing, *copied},
        sync_id=sync_id,
        on_progress=on_progress,
    )
    return _completed(first, again)


def unproven(
    table: sa.Table, level: Level, problems: tuple[str, ...], sync_id: str | None = None
) -> ProofReport:
    """A proof that could not look at rows, and why."""
    return ProofReport(
        table=table.name,
        level=level,
        scope="all",
        verdict="differs",
        slices_checked=0,
        slices_total=0,
        slices_differing=(),
        rows_source=0,
        rows_mirror=0,
        digest=None,
        differences=None,
        problems=problems,
        seconds=0.0,
        proof_id=str(uuid.uuid4()),
        sync_id=sync_id,
        proven_at=_now(),
    )


def record(warehouse: Warehouse, report: ProofReport) -> None:
    """Append the proof to the warehouse's log."""
    warehouse.record_proof(
        ProofEntry(
            proof_id=report.proof_id,
            sync_id=report.sync_id,
            table_name=report.table,
            level=report.level,
            scope=report.scope,
            slices_checked=report.slices_checked,
            slices_total=report.slices_total,
            slices_differing=len(report.slices_differing),
            rows_source=report.rows_source,
            rows_mirror=report.rows_mirror,
            digest=report.digest,
            verdict=report.verdict,
            seconds=report.seconds,
            proven_at=report.proven_at,
        )
    )


def _digest_text(digests: Mapping[str, SliceDigest]) -> str:
    """One short text for the digests of a scope."""
    lines = "\n".join(f"{s} {d.rows} {d.total}" for s, d in sorted(digests.items()))
    return hashlib.sha256(lines.encode()).hexdigest()[:32]


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
