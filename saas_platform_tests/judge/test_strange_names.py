"""Test names that SQLite reads in a special way: the mirrored rows are still those of the source."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import yaml

from saas_platform.cli.discover import declare_tables, not_named
from saas_platform.platform import Platform
from saas_platform.schema.declared import yaml_line
from saas_platform.schema.source_names import source_column, source_table
from saas_platform.settings import SettingsError
from saas_platform.sync import drift_warnings
from saas_platform_tests.judge.own import Own


def make(tmp_path: Path, sql: str | list[str]) -> Own:
    return Own(tmp_path, sql)


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


#: Tables with a column that can't be read, each with the columns that are mirrored and those that form the key.
UNREADABLE = {
    "plain": (b"(id INTEGER PRIMARY KEY, gr\xf6sse TEXT, v TEXT)", ["id", "v"], ["id"]),
    "in_key": (b"(gr\xf6sse TEXT, v TEXT, PRIMARY KEY (gr\xf6sse, v))", ["v"], []),
    "alone": (b"(gr\xf6sse TEXT PRIMARY KEY)", None, []),
    "twice": (b"(a TEXT UNIQUE, gr\xf6sse TEXT, v TEXT, UNIQUE (gr\xf6sse, v))", ["a", "v"], ["a"]),
    "computed": (b"(id INTEGER PRIMARY KEY, a INT, g INT AS (their(a)))", ["id", "a"], ["id"]),
    "collated": (b"(k TEXT COLLATE THEIRS PRIMARY KEY, v INT) WITHOUT ROWID", None, []),
}


def of_another_program(path: Path, sql: bytes) -> None:
    """Run a script as a program would that has a function and a collation of its own."""
    with closing(sqlite3.connect(path)) as connection:
        connection.create_function("their", 1, lambda value: value, deterministic=True)
        connection.create_collation("THEIRS", lambda a, b: (a > b) - (a < b))
        stand_in = "\ue000"
        connection.executescript(sql.replace(b"\xf6", stand_in.encode()).decode())
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_master SET sql = CAST(replace(CAST(sql AS BLOB), ?, x'f6') AS TEXT)",
            (stand_in.encode(),),
        )
        connection.commit()


def unreadable_tables() -> bytes:
    return b"".join(
        b"CREATE TABLE %s %s;" % (name.encode(), columns)
        for name, (columns, _, _) in UNREADABLE.items()
    )


def test_a_column_that_can_not_be_read_is_skipped_and_the_rest_is_mirrored(tmp_path: Path) -> None:
    """SQLite would take a quoted name that it does not know for a text, and read it in every row."""
    path = tmp_path / "own.db"
    of_another_program(
        path,
        unreadable_tables()
        + b"INSERT INTO plain VALUES (1, 'L', 'a'); INSERT INTO in_key VALUES ('L', 'a'), ('M', 'a');"
        b"INSERT INTO computed VALUES (1, 5); INSERT INTO collated VALUES ('a', 1);",
    )
    with closing(sqlite3.connect(path)) as connection:
        connection.text_factory = bytes
        names = [row[1] for row in connection.execute("PRAGMA table_info(plain)")]
        assert b"gr\xf6sse" in names
    own = make(tmp_path, [])
    wanted = {name: each for name, each in UNREADABLE.items() if each[1] is not None}
    assert {table.name: [*table.columns.keys()] for table in own.tables()} == {
        name: columns for name, (_, columns, _) in wanted.items()
    }
    assert {table.name: [*table.primary_key.columns.keys()] for table in own.tables()} == {
        name: key for name, (_, _, key) in wanted.items()
    }
    notes = "\n".join(own.discovery.notes)
    assert "plain.gr\\xf6sse is left out, because it has a name that is not UTF-8." in notes
    assert (
        "computed.g is left out, because it is computed by a function that only the program which"
        in notes
    )
    assert (
        "alone is left out: it has no column that can be read: gr\\xf6sse has a name that" in notes
    )
    assert (
        "collated is left out: it has a collation that only the program which wrote the file has."
        in notes
    )
    reports = own.sync()
    assert {name: report.rows_written for name, report in reports.items()} == {
        "plain": 1, "in_key": 2, "twice": 0, "computed": 1
    }  # fmt: skip
    assert all(report.succeeded for report in reports.values()), reports
    assert all(report.proven for report in own.verify("rows").values())
    assert [*own.mirror(["in_key"])["in_key"].elements()] == [(("text", "a"),)] * 2


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the home of a platform whose source is `own.db` in the same folder."""
    monkeypatch.setenv("SAAS_SYNTHETIC", "false")
    monkeypatch.setenv("SAAS_SOURCE_URL", f"sqlite:///{tmp_path / 'own.db'}")
    monkeypatch.setenv("SAAS_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def warnings() -> tuple[str, ...]:
    platform = Platform.load()
    tables = platform.tables.values()
    return (*drift_warnings(platform.source, platform.warehouse, tables), *not_named(platform))


LATER = (
    b"ALTER TABLE good ADD COLUMN gr\xf6sse TEXT; ALTER TABLE good ADD COLUMN g INT AS (their(id));"
)


@pytest.mark.parametrize("by_hand", [True, False])
def test_what_is_advised_on_what_can_not_be_read_can_be_done(
    tmp_path: Path, home: Path, by_hand: bool
) -> None:
    of_another_program(tmp_path / "own.db", b"CREATE TABLE good (id INTEGER PRIMARY KEY);")
    declare_tables(Platform.load())
    assert warnings() == ()
    of_another_program(tmp_path / "own.db", unreadable_tables() + LATER)
    said = warnings()
    assert len(said) == 2 + len(UNREADABLE)
    if not by_hand:
        declare_tables(Platform.load(), write=True)
        said = warnings()
        left = {name for name, (_, columns, _) in UNREADABLE.items() if columns is None}
        assert {sentence.split()[0] for sentence in said} == left
    file = yaml.safe_load((home / "tables.yaml").read_text())
    for sentence in said:
        skip, place = re.findall(r"write `(skip: \[.*?\])` (under good|at the top)", sentence)[0]
        node = file["tables"]["good"] if place == "under good" else file
        node.setdefault("skip", []).extend(yaml.safe_load(skip)["skip"])
    (home / "tables.yaml").write_text(yaml.safe_dump(file))
    assert warnings() == ()


def test_a_column_that_can_no_longer_be_read_is_moved_to_skip(tmp_path: Path, home: Path) -> None:
    of_another_program(
        tmp_path / "own.db", b"CREATE TABLE good (id INTEGER PRIMARY KEY, g INT, v TEXT UNIQUE);"
    )
    declare_tables(Platform.load())
    of_another_program(
        tmp_path / "own.db",
        b"DROP TABLE good;"
        b"CREATE TABLE good (id INTEGER PRIMARY KEY, g INT AS (their(id)), v TEXT UNIQUE);",
    )
    declared = declare_tables(Platform.load(), write=True)
    assert declared.changes == (
        "good.g can't be read: it is added to `skip:` of good",
        "good.g can no longer be read: it is removed",
    )
    assert list(Platform.load().tables["good"].columns.keys()) == ["id", "v"]
    assert declare_tables(Platform.load()).changes == ()


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        (b"", r"The source has no tables: name another database in SAAS_SOURCE_URL\.$"),
        (
            b"CREATE TABLE only (gr\xf6sse TEXT);",
            r"None of the source's tables can be mirrored: name another database in SAAS_SOURCE_URL\."
            r" only is left out: it has no column that can be read: ",
        ),
    ],
)
def test_a_source_without_a_table_to_mirror(
    tmp_path: Path, home: Path, tables: bytes, message: str
) -> None:
    of_another_program(tmp_path / "own.db", b"CREATE TABLE x (a); DROP TABLE x;" + tables)
    with pytest.raises(SettingsError, match=message):
        declare_tables(Platform.load())


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


@pytest.mark.parametrize("name", ["a\x85b", "\u2028", "x" * 144, "no", "a: b"])
def test_the_line_for_a_new_column_is_one_line_that_is_read(tmp_path: Path, name: str) -> None:
    line = yaml_line(name, {"type": "text", "declared": "TEXT"})
    assert len(line.splitlines()) == 1
    assert yaml.safe_load(line) == {name: {"type": "text", "declared": "TEXT"}}


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
