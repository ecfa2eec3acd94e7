"""Masked, hashed and renamed columns, and mirrors in another schema, are loaded, proven and repaired.

The tests check with hashlib and DuckDB only, and search every byte of the warehouse for the personal data.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
import sqlalchemy as sa

from saas_platform.schema.declared import as_yaml, read_tables
from saas_platform.source.sqlite import SqliteDatabase
from saas_platform.sync import formed_source as formed
from saas_platform.sync import leftovers, repair, sample, sentences, sync, verify
from saas_platform.sync.formed_source import FormedSource
from saas_platform.sync.report import SyncReport
from saas_platform.warehouse.duckdb.warehouse import DuckdbWarehouse
from saas_platform.warehouse.interface import Warehouse

SALT = "a salt of the tests"
YAML = """
tables:
  people:
    source: People of us
    schema: crm
    key: [mail]
    columns:
      mail: {source: E-Mail, type: text, declared: TEXT, nullable: false, pii: email, mirror: hash}
      born: {type: date, declared: DATE, pii: birth_date, mirror: hash}
      phone: {type: integer, declared: INTEGER, pii: phone, mirror: mask}
      note: {type: text, declared: TEXT, pii: free_text, mirror: drop}
      city: {source: Where, type: text, declared: TEXT}
  visits:
    key: [id]
    references:
    - {columns: [mail], table: people, to: [mail]}
    columns:
      id: {type: integer, declared: INTEGER, nullable: false}
      mail: {type: text, declared: TEXT, pii: email, mirror: hash}
"""
PEOPLE = [
    ("ann@acme.example", "1990-02-28", 491701234567, "likes tea", "Kiel"),
    ("bob|.@acme.example", None, None, None, None),
    ("Änne@acme.example", "0001-01-01", -1, "", "|-"),
]


def hashed(text: str | None) -> str | None:
    return None if text is None else hashlib.sha256((SALT + text).encode()).hexdigest()


class Crm:
    def __init__(self, folder: Path) -> None:
        self.path = folder / "crm.db"
        self.write('CREATE TABLE "People of us" ("E-Mail" TEXT NOT NULL UNIQUE, born DATE, phone INTEGER,'
                   ' note TEXT, "Where" TEXT); CREATE TABLE visits (id INTEGER PRIMARY KEY, mail TEXT);'
                   " INSERT INTO visits VALUES (1, 'ann@acme.example'), (2, NULL)")  # fmt: skip
        with closing(sqlite3.connect(self.path)) as connection:
            connection.executemany('INSERT INTO "People of us" VALUES (?, ?, ?, ?, ?)', PEOPLE)
            connection.commit()
        file = folder / "tables.yaml"
        file.write_text(YAML)
        self.tables = read_tables(file)
        self.source = FormedSource(SqliteDatabase(self.path), SALT)
        self.warehouse = DuckdbWarehouse(folder / "warehouse.duckdb")

    def write(self, sql: str) -> None:
        with closing(sqlite3.connect(self.path)) as connection:
            connection.executescript(sql)
            connection.commit()

    def sync(self) -> dict[str, SyncReport]:
        return {r.table: r for r in sync(self.source, self.warehouse, self.tables.values())}

    def mirror(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.warehouse.path)) as connection:
            return connection.execute(sql).fetchall()

    def people(self) -> list[tuple[Any, ...]]:
        return sorted(self.mirror("SELECT mail, born, phone, city FROM crm.people"), key=repr)

    def right(self) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.path)) as connection:
            rows = connection.execute('SELECT * FROM "People of us"').fetchall()
        return sorted(
            [
                (hashed(mail), hashed(born), None if phone is None else "***", city)
                for mail, born, phone, _, city in rows
            ],
            key=repr,
        )


@pytest.fixture
def crm(tmp_path: Path) -> Crm:
    made = Crm(tmp_path)
    reports = made.sync()
    assert [r.error for r in reports.values()] == [None, None]
    assert all(r.succeeded for r in reports.values())
    return made


def test_the_mirror_has_the_forms_and_is_proven_in_them(crm: Crm) -> None:
    assert crm.people() == crm.right()
    assert [column for (column, *_) in crm.mirror("DESCRIBE crm.people")] == [
        "mail", "born", "phone", "city", "_sync_id",
    ]  # fmt: skip
    for level in ("digest", "rows"):
        reports = verify(crm.source, crm.warehouse, crm.tables.values(), level)
        assert [report.verdict for report in reports] == ["proven", "proven"]
    # Hashed columns can be joined.
    assert crm.mirror("SELECT p.city FROM raw.visits v JOIN crm.people p USING (mail)") == [
        ("Kiel",)
    ]
    assert all(r.equal for r in sample(crm.source, crm.warehouse, crm.tables.values()))


def test_no_byte_of_the_warehouse_is_personal(crm: Crm) -> None:
    crm.write('UPDATE "People of us" SET phone = 4915112345678 WHERE phone IS NULL')
    crm.mirror("UPDATE crm.people SET city = 'x'")
    assert all(
        report.succeeded for report in repair(crm.source, crm.warehouse, crm.tables.values())
    )
    for file in crm.warehouse.path.parent.glob("warehouse.duckdb*"):
        held = file.read_bytes()
        for secret in (
            b"acme.example",
            b"1990-02-28",
            b"491701234567",
            b"4915112345678",
            b"likes tea",
            SALT.encode(),
        ):
            assert secret not in held


def test_changes_follow_and_damage_is_found_and_repaired(crm: Crm) -> None:
    crm.write(
        "UPDATE \"People of us\" SET born = '2000-01-01' WHERE phone = -1;"
        'DELETE FROM "People of us" WHERE phone IS NULL;'
        "INSERT INTO \"People of us\" VALUES ('cy@acme.example', '1980-12-31', 7, NULL, 'Ulm')"
    )
    assert crm.sync()["people"].succeeded
    assert crm.people() == crm.right()
    crm.mirror(f"UPDATE crm.people SET born = '{hashed('1980-12-30')}' WHERE city = 'Ulm'")
    crm.mirror("UPDATE crm.people SET phone = NULL WHERE city = 'Kiel'")
    (proof,) = verify(crm.source, crm.warehouse, [crm.tables["people"]])
    assert proof.differences is not None
    assert proof.differences.columns == {"born": 1, "phone": 1}
    assert "example" not in " ".join(sentences(proof))
    (report,) = repair(crm.source, crm.warehouse, [crm.tables["people"]])
    assert report.succeeded
    assert crm.people() == crm.right()


@pytest.mark.parametrize("lie", ["another salt", "no hash", "a mask that is none"])
def test_an_error_of_the_load_is_found(crm: Crm, monkeypatch: pytest.MonkeyPatch, lie: str) -> None:
    true = formed.applied

    def lying(rows: Any, table: sa.Table, salt: str) -> Any:
        if lie == "another salt":
            return true(rows, table, salt + "!")
        text = "***" if lie == "no hash" else "*** "

        def batches() -> Iterator[pa.RecordBatch]:
            for batch in true(rows, table, salt):
                place = 0 if lie == "no hash" else 2
                wrong = pa.array([text] * batch.num_rows)
                yield batch.set_column(place, batch.schema.field(place), wrong)

        return pa.RecordBatchReader.from_batches(true(rows, table, salt).schema, batches())

    monkeypatch.setattr(formed, "applied", lying)
    crm.mirror("DROP TABLE crm.people")
    people = [crm.tables["people"]]
    (report,) = sync(crm.source, crm.warehouse, people)
    assert not report.succeeded
    (proof,) = verify(crm.source, crm.warehouse, people, "rows")
    assert proof.verdict == "differs"
    (repaired,) = repair(crm.source, crm.warehouse, people)
    assert not repaired.succeeded


def test_a_value_of_another_type_stops_the_table_and_is_masked(crm: Crm) -> None:
    crm.write("UPDATE \"People of us\" SET phone = 'secret number' WHERE phone = -1")
    before = crm.people()
    report = crm.sync()["people"]
    assert report.error is not None
    assert report.error.startswith(
        "people.phone of the source holds a value in the row with mail ***"
    )
    assert crm.people() == before
    (proof,) = verify(crm.source, crm.warehouse, [crm.tables["people"]])
    assert proof.verdict == "differs"
    assert "secret" not in " ".join(sentences(proof))


def test_forms_can_not_be_bypassed(crm: Crm) -> None:
    with pytest.raises(TypeError, match="read it through a FormedSource"):
        sync(SqliteDatabase(crm.path), crm.warehouse, crm.tables.values())


def test_a_mirror_in_a_schema_of_its_own_is_dropped_alone(crm: Crm) -> None:
    crm.mirror("CREATE TABLE crm.theirs AS SELECT 1 AS a")
    assert leftovers(crm.warehouse, crm.tables.values()) == []
    (left,) = leftovers(crm.warehouse, [crm.tables["visits"]])
    assert str(left) == "crm.people"
    crm.warehouse.drop_mirror(left)
    assert [str(each) for each in crm.warehouse.mirrors()] == ["raw.visits"]
    assert crm.mirror("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'crm'") == [
        ("theirs",)
    ]
    assert crm.warehouse.last_sync(crm.tables["people"]) is None
    assert crm.warehouse.last_proof(crm.tables["people"]) is None
    assert crm.sync()["people"].reason == "never synced"


def test_the_file_is_written_as_it_was_read(crm: Crm, tmp_path: Path) -> None:
    text = as_yaml(crm.tables.values())
    (tmp_path / "again.yaml").write_text(text)
    assert as_yaml(read_tables(tmp_path / "again.yaml").values()) == text
    assert "mirror: hash" in text
    assert "type: date" in text


def test_every_warehouse_has_the_forms(any_warehouse: Warehouse, tmp_path: Path) -> None:
    crm = Crm(tmp_path)
    for change in ("phone = phone + 1", "born = '2001-02-03'"):
        reports = sync(crm.source, any_warehouse, crm.tables.values())
        assert [report.error for report in reports] == [None, None]
        assert all(report.succeeded for report in reports)
        crm.write(f'UPDATE "People of us" SET {change}')
    (proof, _) = verify(crm.source, any_warehouse, crm.tables.values())
    assert proof.differences is not None
    assert proof.differences.columns == {"born": 3}
    assert all(r.succeeded for r in repair(crm.source, any_warehouse, crm.tables.values()))
    people = crm.tables["people"]
    found = any_warehouse.query(
        f"SELECT * FROM {any_warehouse.mirror_rows(people)} AS p"
    ).to_pylist()
    assert {row["born"] for row in found} == {hashed("2001-02-03")}
    assert {row["phone"] for row in found} == {"***", None}
    assert [str(mirror) for mirror in any_warehouse.mirrors()] == ["crm.people", "raw.visits"]
    for mirror in any_warehouse.mirrors():
        any_warehouse.drop_mirror(mirror)
    assert any_warehouse.mirrors() == []


def test_two_keys_that_are_one_time_stop_their_table_in_every_form(tmp_path: Path) -> None:
    path, file = tmp_path / "own.db", tmp_path / "tables.yaml"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "CREATE TABLE p (born DATETIME PRIMARY KEY NOT NULL, v TEXT);"
            "INSERT INTO p VALUES ('2024-01-01', 'x'), ('2024-01-01 00:00:00', 'y')"
        )
    text = as_yaml(SqliteDatabase(path).discover().tables)
    for form in ("keep", "hash"):
        line = next(line for line in text.splitlines() if line.startswith("      born:"))
        file.write_text(
            text.replace(
                line,
                f"      born: {{type: time, declared: DATETIME, pii: birth_date, mirror: {form}}}",
            )
        )
        source = FormedSource(SqliteDatabase(path), "a salt of more than 16 characters")
        warehouse = DuckdbWarehouse(tmp_path / f"{form}.duckdb")
        (report,) = sync(source, warehouse, read_tables(file).values())
        assert "its key is not unique" in (report.error or ""), form
