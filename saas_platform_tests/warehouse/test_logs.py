"""The warehouse's two logs: what is asked of them, and a warehouse whose logs are of an older version."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from saas_platform.schema import TABLES
from saas_platform.warehouse.duckdb import DuckdbWarehouse
from saas_platform.warehouse.journal import ProofEntry, Verdict

USERS, PLANS = TABLES["users"], TABLES["plans"]
_FIRST = datetime(2026, 1, 1, 12)


@pytest.fixture
def warehouse(tmp_path: Path) -> DuckdbWarehouse:
    return DuckdbWarehouse(tmp_path / "warehouse.duckdb")


def proof(
    name: str,
    verdict: Verdict,
    *,
    hours: float = 0,
    rows: int = 8,
    sync_id: str | None = None,
    scope: str = "all",
    level: str = "digest",
    table: str = "users",
) -> ProofEntry:
    return ProofEntry(
        proof_id=name,
        sync_id=sync_id,
        table_name=table,
        level=level,  # type: ignore[arg-type]
        scope=scope,  # type: ignore[arg-type]
        slices_checked=3,
        slices_total=4,
        slices_differing=int(verdict == "differs"),
        rows_source=8,
        rows_mirror=rows,
        digest=None,
        verdict=verdict,
        seconds=0.5,
        proven_at=_FIRST + timedelta(hours=hours),
    )


def unsettled(warehouse: DuckdbWarehouse) -> list[str]:
    return [entry.proof_id for entry in warehouse.unsettled_proofs(USERS)]


def test_proofs_are_unsettled_from_the_first_that_differs_to_the_one_that_confirms(
    warehouse: DuckdbWarehouse,
) -> None:
    assert unsettled(warehouse) == []
    entries = [
        proof("a", "proven", hours=1),
        proof("b", "proven", hours=2, sync_id="s", scope="touched"),
        proof("c", "differs", hours=3),
        proof("d", "proven", hours=4, level="counts"),
        proof("e", "proven", hours=5, sync_id="t", scope="touched"),
        proof("f", "proven", hours=6, sync_id="r"),
    ]
    # In any order: time tells it.
    for entry in entries[::-1]:
        warehouse.record_proof(entry)
    warehouse.record_proof(proof("other", "differs", hours=7, table="plans"))
    assert unsettled(warehouse) == ["c", "d", "e", "f"]
    assert warehouse.unsettled_proofs(USERS) == entries[2:]

    warehouse.record_proof(proof("g", "proven", hours=8))
    assert unsettled(warehouse) == []
    warehouse.record_proof(proof("h", "differs", hours=9, level="counts"))
    warehouse.record_proof(proof("i", "differs", hours=10))
    assert unsettled(warehouse) == ["h", "i"]
