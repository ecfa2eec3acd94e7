"""The table at the end of a run: what the source holds, what raw holds, and what was proven."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from saas_platform.platform import Platform
from saas_platform.sync import open_findings, probe
from saas_platform.warehouse.interface import RAW
from saas_platform.warehouse.logs import PROOF_LOG, SYNC_LOG


@dataclass(frozen=True)
class TableSummary:
    """One table; None where there is nothing yet. `seconds` are those of its last sync and proof.

    The proof is the newest one in the log: `level` says what it compared, `proven_at` (UTC) when.
    """

    table: str
    rows_source: int | None
    rows_raw: int | None
    verdict: str | None
    level: str | None
    slices_checked: int | None
    slices_total: int | None
    proven_at: datetime | None
    seconds: float | None

    @property
    def proven_by(self) -> str:
        """What the newest proof compared, where it proves anything; else what it found."""
        if self.verdict == "proven" and self.level is not None:
            return self.level
        return "only counted" if self.verdict == "counted" else self.verdict or "-"


def _newest(log: str, moment: str) -> str:
    return (
        f"SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY table_name ORDER BY {moment} DESC)"
        f" AS newest FROM {RAW}.{log}) AS entries WHERE newest = 1"
    )


def summarise(platform: Platform) -> list[TableSummary]:
    """One line per table, from the source, the mirror and the warehouse's two logs."""
    probes = {
        each.table: each
        for each in probe(platform.source, platform.warehouse, platform.tables.values())
    }
    with platform.warehouse.session():
        proofs = _rows(platform, PROOF_LOG.name, "proven_at")
        syncs = _rows(platform, SYNC_LOG.name, "finished_at")
        findings = open_findings(platform.warehouse, platform.tables.values())
    found = []
    for name in platform.tables:
        proof, sync = proofs.get(name, {}), syncs.get(name, {})
        seconds = [entry["seconds"] for entry in (proof, sync) if entry]
        found.append(
            TableSummary(
                table=name,
                rows_source=probes[name].rows_source,
                rows_raw=probes[name].rows_mirror,
                # The newest proof may not have looked at what differed by one before it.
                verdict="differs" if name in findings else proof.get("verdict"),
                level=proof.get("level"),
                slices_checked=proof.get("slices_checked"),
                slices_total=proof.get("slices_total"),
                proven_at=proof.get("proven_at"),
                seconds=round(sum(seconds), 3) if seconds else None,
            )
        )
    return found


def _rows(platform: Platform, log: str, moment: str) -> dict[str, dict[str, Any]]:
    if not platform.warehouse.table_exists(RAW, log):
        return {}
    rows = platform.warehouse.query(_newest(log, moment)).to_pylist()
    return {row["table_name"]: row for row in rows}
