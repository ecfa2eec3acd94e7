"""Proof that a mirror equals its source, by another reading of one snapshot than the load's.

The source's database writes each value as a text, or hashes that text where the data is; the warehouse writes
the mirror's values as texts of the same form. Nothing that the load converted takes part.

Holds the levels and the verdict. Does not hold: loading, or repairing.
"""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from functools import partial

import sqlalchemy as sa

from saas_platform.schema.slices import SliceDigest
from saas_platform.source.interface import Source
from saas_platform.sync.diff import find_differences
from saas_platform.sync.drift import check_table, mirror_faults
from saas_platform.sync.pair import TablePair
from saas_platform.sync.proof_log import TABLE_ERRORS, failed, now, record, unproven
from saas_platform.sync.reading import slices_to_ask
from saas_platform.sync.report import Differences, OnProgress, ProofReport
from saas_platform.warehouse.feed import Feed
from saas_platform.warehouse.interface import Warehouse
from saas_platform.warehouse.logs import Level, SyncEntry, Verdict


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

    A difference is reported by row and column. A table that can't be read on either side says why in its report,
    and the others go on.

    Args:
        source: where the tables are.
        warehouse: where their mirrors are.
        tables: as tables.yaml or the company declares them.
        level: `counts` compares the row count of each slice, `digest` every row by its hash, and `rows` every cell
            with the source's own text of it.
        show_pii: whether to report personal data unmasked.
        on_progress: is called as rows are read.

    Raises:
        WarehouseUnusableError: no table can be proven.
    """
    reports = []
    with source.snapshot() as snapshot:
        for table in tables:
            pair = TablePair(snapshot, warehouse, table, on_progress)
            with warehouse.session():
                try:
                    report = warehouse.with_room(partial(_verify, pair, level, show_pii))
                    record(warehouse, report)
                except TABLE_ERRORS as error:
                    report = failed(warehouse, table, level, error)
            reports.append(report)
    return reports


def _verify(pair: TablePair, level: Level, show_pii: bool) -> ProofReport:
    check_table(pair.snapshot, pair.warehouse, pair.table)
    report = prove(pair, level, show_pii=show_pii)
    return replace(report, warnings=pair.snapshot.notes(pair.table))


def prove(
    pair: TablePair,
    level: Level,
    *,
    slices: Collection[str] | None = None,
    source_counts: Mapping[str, int] | None = None,
    sync_id: str | None = None,
    explain: bool = True,
    show_pii: bool = False,
) -> ProofReport:
    """Prove some slices at the level, and all others by their row counts.

    Args:
        pair: the table, and its mirror.
        level: what is compared of the slices.
        slices: those to prove at the level; None for every slice.
        source_counts: what the snapshot counts in each slice, where the caller has asked it already.
        sync_id: the sync or repair that the proof belongs to; None where it belongs to none.
        explain: whether to look for the rows of the slices that differ, and not only to name the slices.
        show_pii: whether to report personal data unmasked.
    """
    started = time.monotonic()
    snapshot, warehouse, table = pair.snapshot, pair.warehouse, pair.table
    with warehouse.session():
        faults = mirror_faults(warehouse, table)
        if faults:
            return unproven(table, level, faults, sync_id)
        mine: dict[str, SliceDigest] = {}
        theirs: dict[str, SliceDigest] = {}
        if level == "digest" and slices is None:
            mine, theirs, counted = _digests(pair, None, {})
            mirror_counts = {slice_id: digest.rows for slice_id, digest in mine.items()}
            if source_counts is None and counted:
                # The digests hold the counts: asking for them apart costs another scan.
                source_counts = {slice_id: digest.rows for slice_id, digest in theirs.items()}
            elif source_counts is None:
                # A row that the driver lost, in the load as well, is missing in the texts.
                source_counts = snapshot.slice_counts(table)
        else:
            if source_counts is None:
                source_counts = snapshot.slice_counts(table)
            mirror_counts = warehouse.slice_counts(table)
        # A slice that a delete has emptied is checked too: both sides must have none of it.
        everything = {*source_counts, *mirror_counts, *theirs, *(slices or ())}
        checked = everything if slices is None else set(slices)
        if level == "digest" and slices is not None and checked:
            mine, read, _ = _digests(pair, checked, source_counts)
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
                pair,
                suspects,
                source_counts=source_counts,
                mirror_counts=mirror_counts,
                show_pii=show_pii,
            )
            differing |= differences.slices.keys()
    return ProofReport(
        table=table.name,
        level=level,
        scope="all" if slices is None else "touched",
        verdict=_verdict(level, differing),
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
        proven_at=now(),
    )


def _verdict(level: Level, differing: Collection[str]) -> Verdict:
    if differing:
        return "differs"
    return "counted" if level == "counts" else "proven"


def _digests(
    pair: TablePair, slices: Collection[str] | None, source_counts: Mapping[str, int]
) -> tuple[dict[str, SliceDigest], dict[str, SliceDigest], bool]:
    """Return the digests of the mirror and of the source, and whether the source's database counted the rows.

    They are of the slices (of the source there may be more); of all where None. They are computed where the data
    is if the source can do that. If not, the texts of its rows are streamed through the warehouse, whose fastest
    hash will do.
    """
    snapshot, warehouse, table = pair.snapshot, pair.warehouse, pair.table
    asked = slices_to_ask(table, slices, source_counts)
    theirs = snapshot.digests(table, asked)
    if theirs is not None:
        return warehouse.digest_mirror(table, slices, "canonical"), theirs, True
    mine = warehouse.digest_mirror(table, slices)
    texts = Feed(snapshot.row_texts(table, asked), pair.counted("prove"))
    return mine, warehouse.digest_texts(texts), False


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
    pair: TablePair, first: ProofReport, entry: SyncEntry | None, sync_id: str
) -> ProofReport:
    """Prove every slice after a repair: by digest those that were copied; the others were proven by `first`."""
    reloaded = entry is not None and entry.mode == "full"
    copied = () if entry is None else entry.slices
    slices = None if reloaded else {*first.slices_differing, *copied}
    again = prove(pair, "digest", slices=slices, sync_id=sync_id)
    return _completed(first, again)


def _digest_text(digests: Mapping[str, SliceDigest]) -> str:
    """One short text for the digests of a scope."""
    lines = "\n".join(f"{s} {d.rows} {d.total}" for s, d in sorted(digests.items()))
    return hashlib.sha256(lines.encode()).hexdigest()[:32]
