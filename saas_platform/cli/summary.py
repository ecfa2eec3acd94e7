"""The summary at the end of a run: the rows of each table in source and raw, its newest proof, and where to go on."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from saas_platform.platform import Platform
from saas_platform.sync import open_findings, probe
from saas_platform.warehouse.interface import RAW
from saas_platform.warehouse.logs import PROOF_LOG, SYNC_LOG


@dataclass(frozen=True)
class TableSummary:
    """The summary of one table; a field is None as long as there is nothing to report.

    The proof is the newest one in the log: `level` names what it compared, and `proven_at` (UTC) is when it
    was made. `seconds` is the duration of the last sync plus that of the last proof.
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
    def is_synced(self) -> bool:
        """Return whether there is anything to report: a mirror, or a sync or proof that failed."""
        return self.rows_raw is not None or self.verdict is not None or self.seconds is not None

    @property
    def proven_by(self) -> str:
        """Return what the newest proof compared, if it proves anything; otherwise return its verdict."""
        if self.verdict == "proven" and self.level is not None:
            return self.level
        return "only counted" if self.verdict == "counted" else self.verdict or "-"


def _newest(log: str, timestamp: str) -> str:
    return (
        f"SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY table_name ORDER BY {timestamp} DESC)"
        f" AS newest FROM {RAW}.{log}) AS entries WHERE newest = 1"
    )


def summarise(platform: Platform) -> list[TableSummary]:
    """Return the summary of each table, from the source, the mirror and the warehouse's two logs."""
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
                # The newest proof may not have checked the slices in which an earlier one found differences.
                verdict="differs" if name in findings else proof.get("verdict"),
                level=proof.get("level"),
                slices_checked=proof.get("slices_checked"),
                slices_total=proof.get("slices_total"),
                proven_at=proof.get("proven_at"),
                seconds=round(sum(seconds), 3) if seconds else None,
            )
        )
    return found


def ui_command(platform: Platform) -> str:
    """Return the command that starts Dagster's UI on this home, from the folder in which the run was started."""
    if Path("workspace.yaml").exists() and Path("Makefile").exists():
        return "make ui"
    # A person who has installed the wheel has no Makefile.
    home = shlex.quote(str(platform.home.dagster))
    return f"DAGSTER_HOME={home} dagster dev -m saas_platform.definitions"


def _rows(platform: Platform, log: str, timestamp: str) -> dict[str, dict[str, Any]]:
    if not platform.warehouse.table_exists(RAW, log):
        return {}
    rows = platform.warehouse.query(_newest(log, timestamp)).to_pylist()
    return {row["table_name"]: row for row in rows}
