"""Prove that a mirror equals its source.

The proof reads the snapshot by other code than the load. The source's database writes each value as a text, or
hashes that text itself. The warehouse writes the mirror's values as texts of the same form. The code that
converts values for the load takes no part in this.

Contains: the levels and the verdict. Out of scope: loading and repairing.
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
from saas_platform.source.interface import Source, SourceSnapshot
from saas_platform.sync.declaration import check_declaration
from saas_platform.sync.diff import find_differences
from saas_platform.sync.drift import check_table, mirror_faults
from saas_platform.sync.pair import TablePair
from saas_platform.sync.proof_log import failed, now, record, unproven
from saas_platform.sync.reading import slices_to_ask
from saas_platform.sync.report import Differences, OnProgress, ProofReport
from saas_platform.sync.undisturbed import each_table
from saas_platform.warehouse.interface import Warehouse
from saas_platform.warehouse.logs import ProofLevel, SyncEntry, Verdict
from saas_platform.warehouse.stream import RowStream


def verify(
    source: Source,
    warehouse: Warehouse,
    tables: Iterable[sa.Table],
    level: ProofLevel = "digest",
    *,
    show_pii: bool = False,
    on_progress: OnProgress | None = None,
) -> list[ProofReport]:
    """Prove every slice of the tables, and log the proofs.

    All are proven as of one snapshot, unless another program disturbs that.

    The reports name the rows and columns that differ. If one of the two sides of a table can't be read, its
    report says why, and the other tables are still proven.

    Args:
        source: the source of the tables.
        warehouse: the warehouse that has their mirrors.
        tables: the tables, as tables.yaml or the company declares them.
        level: how closely to compare. `counts` compares the row count of each slice, `digest` compares every row
            by its hash, and `rows` compares every cell with the source's own text of it.
        show_pii: whether to report personal data unmasked.
        on_progress: a callback, called as rows are read.

    Returns:
        A report for each table, in the order of the tables.

    Raises:
        WarehouseUnusableError: no table can be proven.
    """

    def proven(snapshot: SourceSnapshot, table: sa.Table) -> ProofReport:
        pair = TablePair(snapshot, warehouse, table, on_progress, show_pii)
        with warehouse.session():
            report = warehouse.with_room(partial(_verify, pair, level))
            record(warehouse, report)
        return report

    return each_table(
        source, tables, proven, lambda table, error: failed(warehouse, table, level, error)
    )


def _verify(pair: TablePair, level: ProofLevel) -> ProofReport:
    check_table(pair.snapshot, pair.warehouse, pair.table)
    check_declaration(pair.snapshot, pair.warehouse, pair.table)
    report = prove(pair, level)
    return replace(report, warnings=pair.snapshot.notes(pair.table))


def prove(
    pair: TablePair,
    level: ProofLevel,
    *,
    slices: Collection[str] | None = None,
    source_counts: Mapping[str, int] | None = None,
    sync_id: str | None = None,
    explain: bool = True,
) -> ProofReport:
    """Prove some slices at the level, and all other slices by their row counts.

    Args:
        pair: the table and its mirror.
        level: how closely to compare the slices.
        slices: the slices to prove at the level; None means every slice.
        source_counts: the source's row count of each slice, if the caller already has them.
        sync_id: the sync or repair that the proof belongs to; None means a proof of its own.
        explain: whether to find the rows that differ, instead of naming only the slices that differ.

    Returns:
        The report, which is not logged yet.
    """
    started = time.monotonic()
    snapshot, warehouse, table = pair.snapshot, pair.warehouse, pair.table
    with warehouse.session():
        faults = mirror_faults(warehouse, table)
        if faults:
            return unproven(table, level, faults, sync_id)
        mirror_digests: dict[str, SliceDigest] = {}
        source_digests: dict[str, SliceDigest] = {}
        if level == "digest" and slices is None:
            mirror_digests, source_digests, counted = _digests(pair, None, {})
            mirror_counts = {slice_id: digest.rows for slice_id, digest in mirror_digests.items()}
            if source_counts is None and counted:
                # The digests contain the counts. A query for the counts alone would cost another scan.
                source_counts = {
                    slice_id: digest.rows for slice_id, digest in source_digests.items()
                }
            elif source_counts is None:
                # The texts can't show a row that the driver loses, because the load loses it, too. So ask the database.
                source_counts = snapshot.slice_counts(table)
        else:
            if source_counts is None:
                source_counts = snapshot.slice_counts(table)
            mirror_counts = warehouse.slice_counts(table)
        # A slice that a delete has emptied is checked too: both sides must have none of it.
        everything = {*source_counts, *mirror_counts, *source_digests, *(slices or ())}
        checked = everything if slices is None else set(slices)
        if level == "digest" and slices is not None and checked:
            mirror_digests, read, _ = _digests(pair, checked, source_counts)
            source_digests = {s: digest for s, digest in read.items() if s in checked}
        differing = {
            s
            for s in everything
            if source_counts.get(s, 0) != mirror_counts.get(s, 0)
            or mirror_digests.get(s) != source_digests.get(s)
        }
        suspects = differing | checked if level == "rows" else differing
        differences: Differences | None = None
        if suspects and (explain or level == "rows"):
            differences = find_differences(
                pair,
                suspects,
                source_counts=source_counts,
                mirror_counts=mirror_counts,
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
        digest=_digest_text(source_digests) if level == "digest" else None,
        differences=differences if differing else None,
        problems=(),
        seconds=time.monotonic() - started,
        proof_id=str(uuid.uuid4()),
        sync_id=sync_id,
        proven_at=now(),
    )


def _verdict(level: ProofLevel, differing: Collection[str]) -> Verdict:
    if differing:
        return "differs"
    return "counted" if level == "counts" else "proven"


def _digests(
    pair: TablePair, slices: Collection[str] | None, source_counts: Mapping[str, int]
) -> tuple[dict[str, SliceDigest], dict[str, SliceDigest], bool]:
    """Return the digests of the mirror and of the source, and whether the source's database counted the rows.

    `slices` limits both; None means every slice. The source may return more slices than these. If the source can
    compute digests, its rows stay where they are. If not, the texts of its rows are streamed to the warehouse,
    which hashes both sides with its fastest hash.
    """
    snapshot, warehouse, table = pair.snapshot, pair.warehouse, pair.table
    asked = slices_to_ask(table, slices, source_counts)
    source_digests = snapshot.digests(table, asked)
    if source_digests is not None:
        return warehouse.digest_mirror(table, slices, "canonical"), source_digests, True
    mirror_digests = warehouse.digest_mirror(table, slices)
    texts = RowStream(snapshot.row_texts(table, asked), pair.counted("prove"))
    return mirror_digests, warehouse.digest_texts(texts), False


def _completed(first: ProofReport, again: ProofReport) -> ProofReport:
    """Combine two proofs of one snapshot: `first` covered every slice, `again` the slices that were copied since.

    Every slice that differed was copied again, and no other slice was written to between the two proofs.
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
    """Prove every slice after a repair, and return one proof of all.

    Only the slices that were copied are compared by digest again, because `first` has proven the others. After a
    full reload all of them are.
    """
    reloaded = entry is not None and entry.mode == "full"
    copied = () if entry is None else entry.slices
    slices = None if reloaded else {*first.slices_differing, *copied}
    again = prove(pair, "digest", slices=slices, sync_id=sync_id)
    return _completed(first, again)


def _digest_text(digests: Mapping[str, SliceDigest]) -> str:
    """Return one short text that stands for the digests of all the slices."""
    lines = "\n".join(f"{s} {d.rows} {d.total}" for s, d in sorted(digests.items()))
    return hashlib.sha256(lines.encode()).hexdigest()[:32]
