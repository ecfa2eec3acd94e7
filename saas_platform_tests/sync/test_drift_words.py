"""The sentences on drift of a user's own database name tables.yaml and the line to write.

The source is a SQLite file of which only the catalogue is read. Each line that a sentence proposes is written into
tables.yaml, and must end the drift.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from saas_platform.schema.any_value import AnyValue
from saas_platform.schema.columns import key, text
from saas_platform.schema.declared import Declaration, read_declaration
from saas_platform.source.interface import SourceColumn, SourceError, SourceSnapshot
from saas_platform.source.sqlite.catalogue_types import portable
from saas_platform.sync.drift import SyncError, check_table, unnamed_tables
from saas_platform.warehouse.duckdb.warehouse import DuckdbWarehouse

FILE = """\
skip: [audit]
tables:
  orders:
    key: [id]
    version: null
    slice: null
    skip: [internal]
    columns:
      id: {type: integer, declared: INTEGER, nullable: false}
      amount: {type: 'decimal(8, 2)', declared: 'NUMERIC(8,2)', nullable: true}
      note: {type: text, declared: TEXT, nullable: true}
  people:
    key: [id]
    version: null
    slice: null
    columns:
      id: {type: integer, declared: INTEGER, nullable: false}
      mail: {source: E-Mail, type: text, declared: VARCHAR(80), nullable: true}
"""
SMALL = """\
  {name}:
    key: [id]
    version: null
    slice: null
    columns:
      id: {{type: integer, declared: INTEGER, nullable: false}}
"""
SOURCE = """
CREATE TABLE audit (id INTEGER);
CREATE TABLE orders (id INTEGER PRIMARY KEY, amount NUMERIC(8,2), note TEXT, internal TEXT);
CREATE TABLE people (id INTEGER PRIMARY KEY, "E-Mail" VARCHAR(80));
"""


class Catalogue(SourceSnapshot):
    """A snapshot that reads SQLite's catalogue with plain sqlite3, and has no rows."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def _name(self, table: sa.Table) -> str:
        name: str = table.info.get("source_name", table.name)
        return name

    def tables(self) -> list[tuple[str | None, str]]:
        found = self._connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1"
        )
        return [(None, name) for (name,) in found]

    def columns(self, table: sa.Table) -> list[SourceColumn]:
        found = self._connection.execute(
            'SELECT name, type, "notnull" FROM pragma_table_info(?)', [self._name(table)]
        )
        return [
            SourceColumn(name, kind, not required, portable(kind) or AnyValue())
            for name, kind, required in found
        ]

    def keys(self, table: sa.Table) -> list[frozenset[str]]:
        found = self._connection.execute(
            "SELECT name FROM pragma_table_info(?) WHERE pk > 0", [self._name(table)]
        )
        names = frozenset(name for (name,) in found)
        return [names] if names else []


Catalogue.__abstractmethods__ = frozenset()  # the rest is about rows


class Drifted:
    def __init__(self, folder: Path, change: str) -> None:
        self._folder = folder
        self.file = folder / "tables.yaml"
        self.file.write_text(FILE)
        self.change(SOURCE + change)
        self.warehouse = DuckdbWarehouse(folder / "warehouse.duckdb")

    def change(self, sql: str) -> None:
        with closing(sqlite3.connect(self._folder / "own.db")) as connection:
            connection.executescript(sql)

    @contextmanager
    def _snapshot(self) -> Iterator[Catalogue]:
        with closing(sqlite3.connect(self._folder / "own.db")) as connection:
            yield Catalogue(connection)  # type: ignore[abstract]

    @property
    def declaration(self) -> Declaration:
        return read_declaration(self.file)

    def errors(self) -> dict[str, str]:
        return {name: said for name, said in self._said().items() if isinstance(said, str)}

    def warnings(self) -> list[str]:
        return [line for said in self._said().values() if isinstance(said, tuple) for line in said]

    def unnamed(self) -> tuple[str, ...]:
        with self._snapshot() as snapshot:
            return unnamed_tables(snapshot, self.declaration)

    def _said(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        with self._snapshot() as snapshot:
            for name, table in self.declaration.tables.items():
                try:
                    found[name] = check_table(snapshot, self.warehouse, table)
                except SyncError as error:
                    found[name] = str(error)
        return found

    def edit(self, old: str, new: str) -> None:
        text = self.file.read_text()
        assert text.count(old) == 1, old
        self.file.write_text(text.replace(old, new))

    @property
    def quiet(self) -> bool:
        return not (self.errors() or self.warnings() or self.unnamed())


def _proposed(said: str) -> list[str]:
    """Return the lines that a sentence proposes."""
    return re.findall(r"`([^`]*)`", said)


def test_what_is_as_declared_is_quiet(tmp_path: Path) -> None:
    assert Drifted(tmp_path, "").quiet


@pytest.mark.parametrize(
    ("declared", "type_"),
    [
        ("NUMERIC(10,2)", "decimal(10, 2)"),
        ("VARCHAR(20)", "text"),
        ("BIGINT", "integer"),
        ("BOOLEAN", "flag"),
        ("DATETIME", "time"),
        ("", "any"),
        ("INT UNSIGNED", "integer"),
        ("MEDIUMINT", "integer"),
        ("NUMBER(8,2)", "decimal(8, 2)"),
        ("FLOAT8", "float"),
        ("DOUBLE PRECISION", "float"),
        ("MONEY", "any"),
        ("BLOB", "bytes"),
    ],
)
def test_a_new_column(tmp_path: Path, declared: str, type_: str) -> None:
    own = Drifted(tmp_path, f'ALTER TABLE orders ADD COLUMN "dis count" {declared};')
    (said,) = own.warnings()
    assert said.startswith("orders.dis count is new in the source, and is not mirrored: write")
    assert "under the columns of orders in tables.yaml" in said
    line, skip, _ = _proposed(said)
    own.edit("      note:", f"      {line}\n      note:")
    assert own.quiet
    assert f"type: {type_}" in line.replace("'", "")
    own.edit(f"      {line}\n", "")
    own.edit("skip: [internal]", skip)
    assert own.quiet


@pytest.mark.parametrize("name", ["_sync_id", "_Proof_x", "_copy", " ", "no"])
def test_the_line_for_a_new_column_has_a_name_that_the_mirror_can_have(
    tmp_path: Path, name: str
) -> None:
    own = Drifted(tmp_path, f'ALTER TABLE orders ADD COLUMN "{name}" TEXT;')
    (said,) = own.warnings()
    own.edit("      note:", f"      {_proposed(said)[0]}\n      note:")
    assert own.quiet


def test_a_renamed_column(tmp_path: Path) -> None:
    own = Drifted(tmp_path, "ALTER TABLE orders RENAME COLUMN amount TO 'no';")
    said = own.errors()["orders"]
    assert said.startswith(
        "orders.amount is gone from the source, but a new column no has its type"
    )
    assert "at orders.amount in tables.yaml, which keeps the mirror" in said
    (line,) = _proposed(said)
    assert line == "source: 'no'"
    own.edit("amount: {", f"amount: {{{line}, ")
    assert own.quiet


def test_a_column_that_had_another_name_already(tmp_path: Path) -> None:
    own = Drifted(tmp_path, 'ALTER TABLE people RENAME COLUMN "E-Mail" TO mail;')
    said = own.errors()["people"]
    assert said.startswith(
        "people.mail is gone from the source, where it was called E-Mail, but a new column mail"
    )
    own.edit("source: E-Mail, ", "")
    assert own.quiet


def test_two_columns_of_one_type_are_no_rename(tmp_path: Path) -> None:
    own = Drifted(
        tmp_path,
        "ALTER TABLE orders DROP COLUMN note; ALTER TABLE orders ADD COLUMN a TEXT; ALTER TABLE orders ADD COLUMN b TEXT;",
    )
    said = own.errors()["orders"]
    assert said == (
        "orders.note is gone from the source, but new columns a and b have its type: if it was renamed, write `source:`"
        " with its new name at orders.note in tables.yaml, which keeps the mirror. If not, remove the column from"
        " tables.yaml. Until then the table is not synced."
    )


def test_a_dropped_column(tmp_path: Path) -> None:
    own = Drifted(tmp_path, "ALTER TABLE orders DROP COLUMN note;")
    assert "orders.note is gone from the source: remove it" in own.errors()["orders"]
    own.edit("      note: {type: text, declared: TEXT, nullable: true}\n", "")
    assert own.quiet


def test_a_changed_type(tmp_path: Path) -> None:
    own = Drifted(
        tmp_path,
        'DROP TABLE people; CREATE TABLE people (id INTEGER PRIMARY KEY, "E-Mail" NUMERIC(5,2));',
    )
    said = own.errors()["people"]
    assert (
        "people.mail is NUMERIC(5,2) in the source, but VARCHAR(80) in tables.yaml: write" in said
    )
    line = _proposed(said)[0]
    own.edit("declared: VARCHAR(80)", line)
    assert own.quiet


def test_a_column_that_may_be_null_now(tmp_path: Path) -> None:
    own = Drifted(tmp_path, "")
    own.edit(
        "note: {type: text, declared: TEXT, nullable: true}",
        "note: {type: text, declared: TEXT, nullable: false}",
    )
    (said,) = own.warnings()
    assert (
        "orders.note may be NULL in the source, but tables.yaml has `nullable: false`: write `nullable: true`"
        in said
    )


def test_a_lost_key(tmp_path: Path) -> None:
    own = Drifted(
        tmp_path,
        'DROP TABLE people; CREATE TABLE people (id INTEGER NOT NULL, "E-Mail" VARCHAR(80));',
    )
    said = own.errors()["people"]
    assert "people has lost its key" in said
    assert "under people in tables.yaml" in said
    own.edit("  people:\n    key: [id]", "  people:\n    key: []")
    assert own.quiet


def test_a_dropped_table(tmp_path: Path) -> None:
    own = Drifted(tmp_path, "DROP TABLE people;")
    assert own.errors() == {
        "people": "The source no longer has the table people: remove people from tables.yaml, or write `source:`"
        " with its new name under people there. Until then the table is not synced."
    }
    assert not own.unnamed()


def test_a_renamed_table(tmp_path: Path) -> None:
    own = Drifted(tmp_path, "ALTER TABLE people RENAME TO 'per.sons';")
    said = own.errors()["people"]
    assert "no longer has the table people, but a new one, per.sons, has the same columns" in said
    assert own.unnamed() == ()
    own.edit("  people:\n", f"  people:\n    {_proposed(said)[0]}\n")
    assert own.quiet


def test_a_new_table(tmp_path: Path) -> None:
    own = Drifted(tmp_path, 'CREATE TABLE "new: one" (id INTEGER);')
    (said,) = own.unnamed()
    assert said.startswith(
        "new: one of the source is not mirrored, because tables.yaml does not name it: add it"
    )
    assert not own.errors()
    skip = _proposed(said)[1]
    own.edit("skip: [audit]", skip.replace("]", ", audit]"))
    assert own.quiet


def test_names_that_differ_by_case_are_those_of_the_file(tmp_path: Path) -> None:
    own = Drifted(tmp_path, "")
    own.edit("  people:\n", "  people:\n    source: PEOPLE\n")
    assert own.unnamed() == ()


def test_schemas_that_differ_by_case_are_those_of_the_file(tmp_path: Path) -> None:
    own = Drifted(tmp_path, "")
    with own._snapshot() as snapshot:
        schema = ("Sales", "people")
        snapshot.tables = lambda: [schema]  # type: ignore[method-assign]
        own.edit("  people:\n", "  people:\n    source: {schema: SALES, table: PEOPLE}\n")
        assert unnamed_tables(snapshot, own.declaration) == ()
        own.edit("schema: SALES", "schema: OTHER")
        assert len(unnamed_tables(snapshot, own.declaration)) == 1


def test_a_table_that_can_not_be_examined_does_not_hide_the_others(tmp_path: Path) -> None:
    own = Drifted(tmp_path, "CREATE TABLE fresh (id INTEGER);")

    def columns(table: sa.Table) -> list[SourceColumn]:
        raise SourceError(f"{table.name} can't be read, as it is locked.")

    with own._snapshot() as snapshot:
        snapshot.columns = columns  # type: ignore[method-assign]
        orders, people, fresh = unnamed_tables(snapshot, own.declaration)
    assert orders == "orders can't be read, as it is locked."
    assert people == "people can't be read, as it is locked."
    assert fresh.startswith("fresh of the source is not mirrored")


class CountingCatalogue(Catalogue):
    """It notes each table that was asked for its columns."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection)
        self.asked: list[str] = []

    def columns(self, table: sa.Table) -> list[SourceColumn]:
        self.asked.append(table.name)
        return super().columns(table)


def test_other_tables_are_asked_once_however_many_tables_have_changed(tmp_path: Path) -> None:
    asked = {}
    for count in (10, 20):
        names = [f"t{number}" for number in range(count)]
        (tmp_path / f"{count}").mkdir()
        own = Drifted(tmp_path / f"{count}", "")
        for name in names:
            own.change(f"CREATE TABLE {name} (id INTEGER PRIMARY KEY, x TEXT)")
        own.file.write_text(FILE + "".join(SMALL.format(name=name) for name in names))
        with closing(sqlite3.connect(tmp_path / f"{count}" / "own.db")) as connection:
            snapshot = CountingCatalogue(connection)  # type: ignore[abstract]
            declared = own.declaration.tables
            for name in names:
                (warning,) = check_table(snapshot, own.warehouse, declared[name])
                assert f"{name}.x is new in the source" in warning
        asked[count] = len(snapshot.asked)
    # Each further table is asked once.
    assert asked[20] - asked[10] == 10


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE orders ADD COLUMN x TEXT;",
        "ALTER TABLE orders DROP COLUMN note;",
        "ALTER TABLE orders RENAME COLUMN amount TO sum;",
        "DROP TABLE orders;",
        "ALTER TABLE orders RENAME TO sales;",
        "CREATE TABLE more (id INTEGER);",
        "DROP TABLE people; CREATE TABLE people (id INTEGER, \"E-Mail\" TEXT);",
        'DROP TABLE people; CREATE TABLE people (id INTEGER NOT NULL, "E-Mail" VARCHAR(80));',
    ],
)  # fmt: skip
def test_no_sentence_names_our_code_or_wants_a_restored_source(tmp_path: Path, change: str) -> None:
    own = Drifted(tmp_path, change)
    said = [*own.errors().values(), *own.warnings(), *own.unnamed()]
    assert said
    for sentence in said:
        assert "tables.py" not in sentence
        assert "restore" not in sentence
        assert "tables.yaml" in sentence


def test_the_companys_tables_have_their_own_sentences(tmp_path: Path) -> None:
    own = Drifted(tmp_path, "ALTER TABLE orders ADD COLUMN x TEXT;")
    table = sa.Table(
        "orders", sa.MetaData(), key("id", "Key"), text("note", 9, "Note", nullable=True)
    )
    with own._snapshot() as snapshot:
        warnings = check_table(snapshot, own.warehouse, table)
    assert any(
        "orders.x of the source is not mirrored, because it is not declared" in warning
        for warning in warnings
    )
