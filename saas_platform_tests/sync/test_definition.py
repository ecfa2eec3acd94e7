"""A table whose declaration in tables.yaml has changed is loaded again, whatever its row versions are."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import duckdb
import pytest

from saas_platform.schema.declared import as_yaml, read_tables
from saas_platform.source.sqlite import SqliteDatabase
from saas_platform.sync import open_findings, probe, repair, sync, verify
from saas_platform.sync.formed_source import FormedSource
from saas_platform.sync.report import SyncReport
from saas_platform.warehouse.duckdb.warehouse import DuckdbWarehouse
from saas_platform.warehouse.logs import ProofLevel

SQL = """
CREATE TABLE p (
    id INTEGER PRIMARY KEY, ver INTEGER NOT NULL, other INTEGER NOT NULL, email TEXT, net INTEGER,
    gross INTEGER, made DATETIME NOT NULL
);
INSERT INTO p VALUES (1, 1, 10, 'alice@x.org', 5, 6, '2024-01-01'), (2, 2, 20, 'bob@x.org', 7, 8, '2024-02-01');
CREATE TABLE q (
    id INTEGER PRIMARY KEY, ver INTEGER NOT NULL, other INTEGER NOT NULL, email TEXT, net INTEGER,
    gross INTEGER, made DATETIME NOT NULL
);
INSERT INTO q SELECT id, ver, other, 'eve@x.org', net, gross, made FROM p;
"""


@dataclass
class Own:
    folder: Path
    salt: str = "a salt of more than 16 characters"

    def __post_init__(self) -> None:
        with closing(sqlite3.connect(self.folder / "own.db")) as connection:
            connection.executescript(SQL)
        found = SqliteDatabase(self.folder / "own.db").discover()
        text = as_yaml([table for table in found.tables if table.name == "p"])
        (self.folder / "tables.yaml").write_text(text)
        self.edit(("version: null", "version: ver"))
        self.warehouse = DuckdbWarehouse(self.folder / "warehouse.duckdb")

    def edit(self, *edits: tuple[str, str]) -> None:
        file = self.folder / "tables.yaml"
        head, tables = file.read_text().split("\ntables:", 1)
        for old, new in edits:
            assert tables.count(old) == 1, (old, tables)
            tables = tables.replace(old, new)
        file.write_text(f"{head}\ntables:{tables}")

    @property
    def source(self) -> FormedSource:
        return FormedSource(SqliteDatabase(self.folder / "own.db"), self.salt)

    @property
    def tables(self) -> list[object]:
        return list(read_tables(self.folder / "tables.yaml").values())

    def sync(self) -> SyncReport:
        (report,) = sync(self.source, self.warehouse, self.tables)  # type: ignore[arg-type]
        return report

    def mirror(self, columns: str) -> list[tuple[object, ...]]:
        with duckdb.connect(str(self.warehouse.path), read_only=True) as connection:
            return connection.execute(f"SELECT {columns} FROM raw.p ORDER BY id").fetchall()


@pytest.fixture
def own(tmp_path: Path) -> Own:
    made = Own(tmp_path)
    assert made.sync().succeeded
    return made


def email(own: Own, form: str) -> None:
    line = next(
        line for line in (own.folder / "tables.yaml").read_text().splitlines() if " email:" in line
    )
    own.edit((line, f"      email: {{type: text, declared: TEXT, pii: email, mirror: {form}}}"))


def swapped(own: Own) -> None:
    own.edit(
        ("      net: {type: integer, ", "      net: {type: integer, source: gross, "),
        ("      gross: {type: integer, ", "      gross: {type: integer, source: net, "),
    )  # fmt: skip


CHANGES: dict[str, tuple[Callable[[Own], None], str, list[tuple[object, ...]]]] = {
    "masked": (lambda own: email(own, "mask"), "email", [("***",), ("***",)]),
    "source columns swapped": (swapped, "net, gross", [(6, 5), (8, 7)]),
    "another table": (
        lambda own: own.edit(("  p:\n", "  p:\n    source: q\n")),
        "email",
        [("eve@x.org",), ("eve@x.org",)],
    ),
    "another version": (
        lambda own: own.edit(("version: ver", "version: other")),
        "id",
        [(1,), (2,)],
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_another_definition_loads_the_table_again(own: Own, change: str) -> None:
    edit, columns, wanted = CHANGES[change]
    edit(own)
    (seen,) = probe(own.source, own.warehouse, own.tables)  # type: ignore[arg-type]
    assert seen.reason == "its declaration in tables.yaml has changed since the last sync"
    report = own.sync()
    assert report.succeeded
    assert report.mode == "full"
    assert own.mirror(columns) == wanted
    (proof,) = verify(own.source, own.warehouse, own.tables, level="rows")  # type: ignore[arg-type]
    assert proof.proven
    assert own.sync().mode is None


def test_another_salt_loads_a_hashed_table_again_and_no_other(own: Own) -> None:
    own.salt = "another salt of more than 16 characters"
    assert own.sync().mode is None
    email(own, "hash")
    assert own.sync().mode == "full"
    first = own.mirror("email")
    own.salt = "a third salt of more than 16 characters"
    assert own.sync().mode == "full"
    second = own.mirror("email")
    assert len({*first, *second}) == 4
    assert own.sync().mode is None


def test_a_version_that_was_changed_is_followed(own: Own) -> None:
    own.edit(("version: ver", "version: other"))
    own.sync()
    with closing(sqlite3.connect(own.folder / "own.db")) as connection:
        connection.execute("UPDATE p SET net = 99, other = 25 WHERE id = 1")
        connection.commit()
    assert own.sync().mode == "incremental"
    assert own.mirror("net") == [(99,), (7,)]


def test_a_comment_or_another_name_for_a_kind_of_data_changes_nothing(own: Own) -> None:
    own.edit(("  p:\n", "  # ours\n  p:\n"))
    assert own.sync().mode is None


def test_a_key_that_the_mirror_repeats_is_not_proven(tmp_path: Path) -> None:
    """Both sides have the same rows, but two of them share the key that is declared now."""
    with closing(sqlite3.connect(tmp_path / "own.db")) as connection:
        connection.executescript(
            "CREATE TABLE t (code TEXT, v INTEGER); INSERT INTO t VALUES ('b', 1), ('b', 2), ('c', 3)"
        )
    source = SqliteDatabase(tmp_path / "own.db")
    warehouse = DuckdbWarehouse(tmp_path / "warehouse.duckdb")
    file = tmp_path / "tables.yaml"
    file.write_text(as_yaml(source.discover().tables))
    assert all(report.succeeded for report in sync(source, warehouse, read_tables(file).values()))
    without_key = file.read_text()
    file.write_text(without_key.replace("key: []", "key: [code]\n    key_enforced: false"))
    tables = read_tables(file).values()
    (report,) = sync(source, warehouse, tables)
    said = "t has more than one row with the key code b"
    assert report.error is not None
    assert report.error.startswith(said)
    for level in get_args(ProofLevel):
        (proof,) = verify(source, warehouse, tables, level)
        assert not proof.holds
        assert proof.problems == (report.error,)
        assert set(open_findings(warehouse, tables)) == {"t"}
    (repaired,) = repair(source, warehouse, tables)
    assert repaired.error == report.error
    assert set(open_findings(warehouse, tables)) == {"t"}
    with closing(sqlite3.connect(tmp_path / "own.db")) as connection, connection:
        connection.execute("DELETE FROM t WHERE v = 2")
    (report,) = sync(source, warehouse, tables)
    assert report.succeeded
    assert open_findings(warehouse, tables) == {}
    assert all(proof.holds for proof in verify(source, warehouse, tables))


def test_a_mirror_of_another_declaration_is_not_proven(own: Own) -> None:
    own.edit(("slice: null", "slice: {column: made, grain: month}"))
    (proof,) = verify(own.source, own.warehouse, own.tables)  # type: ignore[arg-type]
    assert proof.problems == (
        "p was mirrored under another declaration than tables.yaml has now: run `saas-platform sync p`, which loads it"
        " again.",
    )
    assert set(open_findings(own.warehouse, own.tables)) == {"p"}  # type: ignore[arg-type]
    assert own.sync().succeeded
    (proof,) = verify(own.source, own.warehouse, own.tables)  # type: ignore[arg-type]
    assert proof.holds
    assert open_findings(own.warehouse, own.tables) == {}  # type: ignore[arg-type]


def test_a_repair_loads_a_mirror_of_another_declaration(own: Own) -> None:
    own.edit(("slice: null", "slice: {column: made, grain: month}"))
    (report,) = repair(own.source, own.warehouse, own.tables)  # type: ignore[arg-type]
    assert (report.mode, report.succeeded) == ("full", True)
    (proof,) = verify(own.source, own.warehouse, own.tables)  # type: ignore[arg-type]
    assert (proof.holds, proof.slices_checked) == (True, 2)


def test_another_salt_may_be_what_has_changed(own: Own) -> None:
    """A proof says so only for a table that has a hashed column."""
    own.edit(("email: {", "email: {mirror: hash, "))
    assert own.sync().succeeded
    own.salt = "another salt of more than 16 characters"
    (proof,) = verify(own.source, own.warehouse, own.tables)  # type: ignore[arg-type]
    assert (
        "p was mirrored under another declaration than tables.yaml has now, or with another SAAS_HASH_SALT than is set"
        " now: run `saas-platform sync p`" in " ".join(proof.problems)
    )
    (seen,) = probe(own.source, own.warehouse, own.tables)  # type: ignore[arg-type]
    assert seen.reason == (
        "its declaration in tables.yaml, or SAAS_HASH_SALT, has changed since the last sync"
    )
