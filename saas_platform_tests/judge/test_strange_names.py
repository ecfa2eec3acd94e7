"""Test names that SQLite reads in a special way: the mirrored rows are still those of the source."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import yaml

from saas_platform.cli.discover import declare_tables
from saas_platform.platform import Platform
from saas_platform.schema.declared import yaml_line
from saas_platform.schema.describing import escaped
from saas_platform.schema.source_names import source_column, source_table
from saas_platform_tests.judge.own import Own


def make(tmp_path: Path, sql: str | list[str]) -> Own:
    return Own(tmp_path, sql)


@pytest.mark.few
@pytest.mark.parametrize(
    "name", ["true", "false", "TRUE", "null", "rowid", "a`b", "`", '"', "x''y"]
)
def test_a_column_with_the_name_of_a_keyword(tmp_path: Path, name: str) -> None:
    """Test that a bare TRUE in a query is the column, if a column has that name."""
    quoted = '"' + name.replace('"', '""') + '"'
    own = make(
        tmp_path,
        f"CREATE TABLE q (id INTEGER PRIMARY KEY, {quoted} INTEGER, v TEXT);"
        "INSERT INTO q VALUES (1, 1, 'a'), (2, 0, 'b'), (3, NULL, 'c');"
        f"CREATE TABLE k (k TEXT PRIMARY KEY, {quoted} INTEGER);"
        "INSERT INTO k VALUES ('a', 1), ('b', 0);",
    )
    assert set(own.declared()) == {"q", "k"}
    assert own.judged() == []
    own.execute(f"UPDATE q SET {quoted} = 0 WHERE id = 1; DELETE FROM k WHERE k = 'b';")
    assert own.judged() == []


def test_an_update_with_a_version_is_seen_whatever_a_column_is_called(tmp_path: Path) -> None:
    own = make(
        tmp_path,
        'CREATE TABLE q (id INTEGER PRIMARY KEY, "true" INTEGER, ver INTEGER NOT NULL);'
        "INSERT INTO q VALUES (1, 1, 1), (2, 1, 2);",
    )
    own.edit(lambda tables: tables["q"].update(version="ver"))
    assert own.judged() == []
    own.execute('UPDATE q SET "true" = 0, ver = 3 WHERE id = 1')
    assert own.judged() == []
    assert own.mirror()["q"] == own.expected()["q"].rows


COLLATED = """
CREATE TABLE bo (id INTEGER PRIMARY KEY, x BOOLEAN COLLATE MYC);
CREATE TABLE inn (id INTEGER PRIMARY KEY, x INTEGER NOT NULL COLLATE MYC);
CREATE TABLE sm (id INTEGER PRIMARY KEY, x DECIMAL(38,4) COLLATE MYC);
CREATE TABLE nu (id INTEGER PRIMARY KEY, x NUMERIC(10,2) COLLATE MYC);
CREATE TABLE re (id INTEGER PRIMARY KEY, x REAL COLLATE MYC);
CREATE TABLE te (id INTEGER PRIMARY KEY, x TEXT COLLATE MYC);
CREATE TABLE da (id INTEGER PRIMARY KEY, x DATETIME COLLATE MYC);
CREATE TABLE bl (id INTEGER PRIMARY KEY, x BLOB COLLATE MYC);
"""
VALUES = {"bo": "1", "inn": "7", "sm": "15.86", "nu": "15.86", "re": "-0.5", "te": "'x'",
          "da": "'2024-01-01'", "bl": "x'00'"}  # fmt: skip


def test_a_collation_of_another_program_is_never_used(tmp_path: Path) -> None:
    path = tmp_path / "own.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.create_collation("MYC", lambda a, b: (a > b) - (a < b))
        connection.executescript(COLLATED)
        for table, value in VALUES.items():
            connection.execute(f"INSERT INTO {table} VALUES (1, {value}), (2, {value})")
        connection.commit()
    own = make(tmp_path, [])
    assert own.discovery.notes == ()
    assert set(own.declared()) == set(VALUES)
    assert own.judged() == []


@pytest.mark.parametrize(
    ("table", "value", "shown"),
    [("bo", "5", "5"), ("re", "'x'", "'x'"), ("da", "'never'", "'never'")],
)
def test_a_misfit_under_such_a_collation_is_named(
    tmp_path: Path, table: str, value: str, shown: str
) -> None:
    path = tmp_path / "own.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.create_collation("MYC", lambda a, b: (a > b) - (a < b))
        connection.executescript(COLLATED)
        connection.execute(f"INSERT INTO {table} VALUES (1, {VALUES[table]})")
        connection.commit()
    own = make(tmp_path, [])
    assert own.judged() == []
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"UPDATE {table} SET x = {value}")
        connection.commit()
    error = own.sync()[table].error or ""
    assert f"{table}.x of the source holds {shown} in the row with id 1, which is not" in error


@pytest.mark.parametrize(
    "name",
    [
        "a\x85b",
        "\u2028",
        "x" * 144,
        "no",
        "a: b",
        "a\nb",
        "a\r\n\tb'",
        "\x1b[31m",
        "\u202ea",
        'a"\\n\n',
    ],
)
def test_the_line_for_a_new_column_is_one_line_that_is_read(name: str) -> None:
    line = yaml_line(name, {"type": "text", "declared": "TEXT"})
    assert len(line.splitlines()) == 1
    assert yaml.safe_load(line) == {name: {"type": "text", "declared": "TEXT"}}
    # A person copies it from a terminal, where it is escaped.
    assert yaml.safe_load(escaped(line)) == yaml.safe_load(line)


@pytest.mark.parametrize("name", ["<<", "\x85", "\u2028", "no", "1", "null", "a: b", "# x", "'"])
def test_a_name_with_a_meaning_in_yaml_is_merged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path = tmp_path / "own.db"
    quoted = '"' + name.replace('"', '""') + '"'
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)")
    monkeypatch.setenv("SAAS_SYNTHETIC", "false")
    monkeypatch.setenv("SAAS_SOURCE_URL", f"sqlite:///{path}")
    monkeypatch.setenv("SAAS_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    declare_tables(Platform.load())
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"CREATE TABLE {quoted} (id INTEGER PRIMARY KEY)")
        connection.execute(f"ALTER TABLE t ADD COLUMN {quoted} TEXT")
    assert declare_tables(Platform.load(), write=True).written
    tables = Platform.load().tables
    shown = name if name.isprintable() else "unnamed"
    assert set(tables) == {"t", shown}
    assert list(tables["t"].columns.keys()) == ["id", shown]
    assert source_table(tables[shown]) == (None, name)
    assert source_column(tables["t"].columns[shown]) == name
    assert declare_tables(Platform.load()).changes == ()
