"""Which findings the proofs of a table leave open, and how many tries to repair them are counted."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from saas_platform.schema import TABLES
from saas_platform.source.sqlite import SqliteDatabase, SqliteSource
from saas_platform.sync import open_findings, repair, sync, verify
from saas_platform.sync.findings import MOST_TRIES, Finding, finding_in
from saas_platform.warehouse.duckdb.warehouse import DuckdbWarehouse
from saas_platform.warehouse.logs import ProofEntry
from saas_platform_tests.rows import by_hand
from saas_platform_tests.sync.external_writes import in_mirror, spoil_each_commit
from saas_platform_tests.sync.own_databases import make

USERS, EVENTS, FEATURES = TABLES["users"], TABLES["usage_events"], TABLES["features"]
EACH_KIND = [FEATURES, USERS, EVENTS]


def proofs(*entries: str) -> list[ProofEntry]:
    """Return proofs, each written as `verdict level scope sync`; the sync `-` stands for none."""
    made = []
    for n, words in enumerate(entries):
        verdict, level, scope, sync_id = words.split()
        made.append(
            ProofEntry(
                proof_id=str(n),
                sync_id=None if sync_id == "-" else sync_id,
                table_name="t",
                level=level,  # type: ignore[arg-type]
                scope=scope,  # type: ignore[arg-type]
                slices_checked=1,
                slices_total=1,
                slices_differing=int(verdict == "differs"),
                rows_source=1,
                rows_mirror=1,
                digest=None,
                verdict=verdict,  # type: ignore[arg-type]
                seconds=0.0,
                proven_at=datetime(2026, 1, 1) + timedelta(minutes=n),
            )
        )
    return made


@pytest.mark.parametrize(
    ("entries", "found"),
    [
        ([], None),
        (["proven digest all a"], None),
        (["differs digest all -"], ("0", 0)),
        # A proof of other slices, or only by count, does not hide what was found.
        (["differs digest all -", "proven digest touched a"], ("0", 0)),
        (["differs digest all -", "proven counts all -"], ("0", 0)),
        (["differs rows all -", "proven digest touched a", "proven counts all -"], ("0", 0)),
        (["differs digest touched a", "proven digest touched b"], ("0", 0)),
        # A later proof checks every slice.
        (["differs digest all -", "proven digest all -"], None),
        (["differs digest all -", "proven rows all -"], None),
        (["differs digest touched a", "proven digest all -"], None),
        # The sync's own second proof clears it.
        (["differs digest touched a", "proven digest touched a"], None),
        (["differs digest all -", "differs digest touched a", "proven digest touched a"], ("0", 0)),
        # A difference of counts is cleared by the counts of any proof.
        (["differs counts all -", "proven digest touched a"], None),
        (["differs counts all -", "proven counts all -"], None),
        (["differs counts all -", "differs digest all -", "proven counts all -"], ("0", 0)),
        # One repair that succeeded, and two that did not.
        (["differs digest all -", "differs digest all -", "proven digest all r"], None),
        (
            [
                "differs digest all -",
                "differs digest all r",
                "differs digest all -",
                "differs digest all s",
            ],
            ("0", 2),
        ),
        # Repaired, and damaged again before another proof found it equal: the same finding.
        (["differs digest all -", "proven digest all r", "differs digest all -"], ("0", 1)),
        # Repaired, found equal, and damaged again: another finding.
        (
            [
                "differs digest all -",
                "proven digest all r",
                "proven digest all -",
                "differs digest all -",
            ],
            ("3", 0),
        ),
        # A full load by a sync is a try too, but its own first proof is not.
        (["differs digest all a", "differs digest all a"], ("0", 0)),
        (["differs digest all -", "differs digest all a"], ("0", 1)),
    ],
)
def test_what_stays_open(entries: list[str], found: tuple[str, int] | None) -> None:
    finding = finding_in(proofs(*entries))
    assert (None if finding is None else (finding.proof_id, finding.tries)) == found


def test_a_finding_without_tries_does_not_mention_them() -> None:
    fresh = Finding("users", "p", datetime(2026, 1, 2, 3, 4), 0)
    assert fresh.message == "users has differed from its source since 2026-01-02 03:04 UTC."


def test_a_finding_says_when_repairs_are_given_up() -> None:
    tried = Finding("users", "p", datetime(2026, 1, 2, 3, 4), MOST_TRIES - 1)
    assert not tried.given_up
    assert tried.message == (
        "users has differed from its source since 2026-01-02 03:04 UTC; a repair was tried 2 of 3 times."
    )
    last = Finding("users", "p", datetime(2026, 1, 2, 3, 4), MOST_TRIES)
    assert last.given_up
    assert "tried 3 times, and is not tried again automatically" in last.message
    assert "`saas-platform repair users`" in last.message


def found(warehouse: DuckdbWarehouse) -> dict[str, int]:
    return {name: each.tries for name, each in open_findings(warehouse, EACH_KIND).items()}


def test_a_sync_of_other_slices_does_not_hide_it_and_a_repair_ends_it(
    source: SqliteSource, warehouse: DuckdbWarehouse
) -> None:
    sync(source, warehouse, EACH_KIND)
    assert found(warehouse) == {}
    in_mirror(warehouse.path, "UPDATE raw.usage_events SET account_id = 99 WHERE event_id = 1")
    verify(source, warehouse, EACH_KIND)
    with by_hand(source.path) as connection:
        connection.execute("UPDATE usage_events SET account_id = 2 WHERE event_id = 5")
    assert all(report.succeeded for report in sync(source, warehouse, EACH_KIND))
    assert found(warehouse) == {"usage_events": 0}

    (report,) = repair(source, warehouse, [EVENTS])

    assert report.proof is not None
    assert (report.proof.scope, report.proof.slices_checked, report.proof.slices_total) == (
        "all",
        8,
        8,
    )
    assert found(warehouse) == {}
    # The proof has the source's digest of every slice, like any full proof.
    assert report.proof.digest == verify(source, warehouse, [EVENTS])[0].digest


def test_what_a_sync_repairs_is_no_finding(
    source: SqliteSource, warehouse: DuckdbWarehouse
) -> None:
    sync(source, warehouse, [USERS])
    with by_hand(source.path) as connection:
        connection.execute("DROP TRIGGER stamp_update_users")
        connection.execute("UPDATE users SET full_name = 'unseen' WHERE user_id = 1")
        connection.execute("DELETE FROM users WHERE user_id = 8")
    (report,) = sync(source, warehouse, [USERS])
    assert report.repaired
    verdicts = in_mirror(warehouse.path, "SELECT verdict FROM raw._proof_log ORDER BY proven_at")
    assert [verdict for (verdict,) in verdicts] == ["proven", "differs", "proven"]
    assert found(warehouse) == {}


def test_damage_done_after_each_repair_is_one_finding(
    source: SqliteSource, warehouse: DuckdbWarehouse
) -> None:
    sync(source, warehouse, [USERS])
    for tries in range(3):
        in_mirror(warehouse.path, "UPDATE raw.users SET role = 'viewer' WHERE user_id = 1")
        verify(source, warehouse, [USERS])
        assert found(warehouse) == {"users": tries}
        repair(source, warehouse, [USERS])
        assert found(warehouse) == {}
    # Another proof finds the table equal, so what comes next is another finding.
    verify(source, warehouse, [USERS])
    in_mirror(warehouse.path, "UPDATE raw.users SET role = 'viewer' WHERE user_id = 1")
    verify(source, warehouse, [USERS])
    assert found(warehouse) == {"users": 0}


def test_a_repair_that_can_not_read_the_source_is_no_try(
    source: SqliteSource, warehouse: DuckdbWarehouse
) -> None:
    sync(source, warehouse, [USERS])
    with by_hand(source.path, checked=False) as connection:
        connection.execute("UPDATE users SET updated_at = 'tomorrow' WHERE user_id = 1")
    verify(source, warehouse, [USERS])
    for _ in range(4):
        (report,) = repair(source, warehouse, [USERS])
        assert report.error is not None
        assert found(warehouse) == {"users": 0}


def test_a_copy_that_is_damaged_each_time_counts_its_tries(
    source: SqliteSource, warehouse: DuckdbWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync(source, warehouse, [USERS])
    in_mirror(warehouse.path, "UPDATE raw.users SET role = 'viewer' WHERE user_id = 1")
    verify(source, warehouse, [USERS])
    spoil_each_commit(monkeypatch, "UPDATE raw.users SET role = 'viewer' WHERE user_id = 1")
    for tries in (1, 2, 3, 4):
        (report,) = repair(source, warehouse, [USERS])
        assert not report.succeeded
        assert found(warehouse) == {"users": tries}


def test_a_table_without_a_key_is_proven_whole_after_its_reload(
    tmp_path: Path, warehouse: DuckdbWarehouse
) -> None:
    path = make(
        tmp_path / "own.db",
        "CREATE TABLE t (at DATETIME NOT NULL, v TEXT);"
        "INSERT INTO t VALUES ('2024-01-01 00:00:00', 'a'), ('2024-02-01 00:00:00', 'b')",
    )
    own = SqliteDatabase(path)
    table: sa.Table = own.discover().tables[0]
    sync(own, warehouse, [table])
    in_mirror(warehouse.path, "DELETE FROM raw.t WHERE v = 'a'")
    (report,) = repair(own, warehouse, [table])
    assert report.succeeded
    assert report.proof is not None
    assert report.proof.scope == "all"
    in_mirror(warehouse.path, "DELETE FROM raw.t WHERE v = 'a'")
    verify(own, warehouse, [table])
    # Each sync of a table without a version compares everything, so it clears the finding.
    assert sync(own, warehouse, [table])[0].succeeded
    assert open_findings(warehouse, [table]) == {}
