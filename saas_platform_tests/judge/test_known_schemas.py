"""Mirror schemas modelled on Chinook, Northwind and Sakila through many edits: each state is proven."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from saas_platform_tests.judge.own import Own
from saas_platform_tests.judge.schemas import KNOWN, Known

EVERY = pytest.mark.parametrize(
    "known",
    [
        pytest.param(known, id=name, marks=() if name == "music" else pytest.mark.slow)
        for name, known in KNOWN.items()
    ],
)


@pytest.mark.parametrize("known", KNOWN.values(), ids=KNOWN)
def test_discovery_finds_the_tables_and_their_types(tmp_path: Path, known: Known) -> None:
    own = Own(tmp_path, known.sql)
    with closing(sqlite3.connect(own.path)) as connection:
        tables = {
            name
            for (name,) in connection.execute(
                "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite#_%' ESCAPE '#'"
            )
        }
    declared = own.declared()
    assert declared.keys() == tables
    assert own.discovery.notes == ()
    found = {
        place: declared[place.split(".")[0]].kinds[place.split(".")[1]] for place in known.types
    }
    assert found == known.types


@EVERY
@pytest.mark.parametrize(
    "at_once",
    [True, pytest.param(False, marks=pytest.mark.slow)],
    ids=["all at once", "one after the other"],
)
def test_edits_are_mirrored_and_proven(tmp_path: Path, known: Known, at_once: bool) -> None:
    own = Own(tmp_path, known.sql)
    faults = own.judged()
    for edit in [";".join(known.edits)] if at_once else known.edits:
        before = own.mirror()
        own.execute(edit)
        faults += own.faults_of_verify(own.verify("digest"))
        reports = own.sync()
        faults += own.faults_of_sync(reports, before)
        assert any(report.rows_written or report.rows_deleted for report in reports.values()), edit
        assert all(report.succeeded for report in reports.values()), (edit, reports)
    faults += own.faults_of_verify(own.verify("rows"))
    assert not faults, "\n".join(faults)


@EVERY
@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_misfit_stops_only_its_table(tmp_path: Path, known: Known, every: bool) -> None:
    own = Own(tmp_path, known.sql)
    assert all(report.succeeded for report in own.sync().values())
    for table, spoil, correct in known.misfits[: None if every else 1]:
        own.execute(spoil)
        before = own.mirror()
        reports = own.sync()
        assert {name for name, report in reports.items() if not report.succeeded} == {table}
        faults = own.faults_of_sync(reports, before)
        proofs = own.verify("rows")
        assert {name for name, proof in proofs.items() if not proof.proven} == {table}
        faults += own.faults_of_verify(proofs)
        assert not faults, "\n".join(faults)
        own.execute(correct)
    before = own.mirror()
    faults = own.faults_of_sync(own.sync(), before)
    assert not faults, "\n".join(faults)


@pytest.mark.slow
@EVERY
def test_a_mirror_changed_by_hand_is_repaired(tmp_path: Path, known: Known) -> None:
    own = Own(tmp_path, known.sql)
    own.sync()
    spoil = []
    for name, table in own.declared().items():
        column = next((c for c in reversed(table.kinds) if table.nullable[c]), None)
        if column is not None:
            spoil.append(f'UPDATE raw."{name}" SET "{column}" = NULL WHERE rowid = 0')
        spoil.append(f'DELETE FROM raw."{name}" WHERE rowid = 1')
    own.in_mirror(";".join(spoil))
    faults = own.faults_of_verify(own.verify("digest"))
    assert all(report.succeeded for report in own.repair().values())
    faults += own.judged()
    assert not faults, "\n".join(faults)
