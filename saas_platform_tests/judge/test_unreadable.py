"""Test what SQLite can't read: it is left out, warned of with a line that ends the warning, and never costs the rest."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import pytest
import yaml

from saas_platform.cli.discover import declare_tables, not_named
from saas_platform.platform import Platform
from saas_platform.settings import SettingsError
from saas_platform.sync import check_tables, drift_warnings
from saas_platform_tests.judge.own import Own


def make(tmp_path: Path, sql: str | list[str]) -> Own:
    return Own(tmp_path, sql)


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
        for part in ("name", "tbl_name", "sql"):
            connection.execute(
                f"UPDATE sqlite_master SET {part} ="
                f" CAST(replace(CAST({part} AS BLOB), ?, x'f6') AS TEXT)",
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


def errors() -> dict[str, str]:
    platform = Platform.load()
    return check_tables(platform.source, platform.warehouse, platform.tables.values())


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
    said = " ".join(warnings())
    assert all(f"{table} of the source" in said for table in UNREADABLE)
    assert "good.gr\\xf6sse" in said
    assert "good.g " in said
    if not by_hand:
        declare_tables(Platform.load(), write=True)
        left = {name for name, (_, columns, _) in UNREADABLE.items() if columns is None}
        assert {s.split()[0] for s in warnings() if not s.startswith("To leave")} == left
    follow(home, warnings())
    assert warnings() == ()


def follow(home: Path, said: Iterable[str]) -> None:
    """Write the lines that the sentences name, one after the other, as a person would.

    A line replaces the one with the same name: nobody keeps two `skip:` lines.
    """
    path = home / "tables.yaml"
    file = yaml.safe_load(path.read_text())
    for sentence in said:
        for line, place in re.findall(r"`(skip: \[.*?\])` (under \w+|at the top)", sentence):
            node = file if place == "at the top" else file["tables"][place.split()[1]]
            node.update(yaml.safe_load(line))
    path.write_text(yaml.safe_dump(file))


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


def test_several_new_columns_and_tables_are_left_out_by_one_line_each(
    tmp_path: Path, home: Path
) -> None:
    path = tmp_path / "own.db"
    of_another_program(
        path, b"CREATE TABLE good (id INTEGER PRIMARY KEY, old TEXT); CREATE TABLE was (i INT);"
    )
    declare_tables(Platform.load())
    file = yaml.safe_load((home / "tables.yaml").read_text())
    del file["tables"]["good"]["columns"]["old"], file["tables"]["was"]
    file["tables"]["good"]["skip"], file["skip"] = ["old"], ["was"]
    (home / "tables.yaml").write_text(yaml.safe_dump(file))
    assert warnings() == ()
    of_another_program(
        path,
        b"ALTER TABLE good ADD COLUMN a TEXT; ALTER TABLE good ADD COLUMN 'b c' INT;"
        b"CREATE TABLE t1 (i INT); CREATE TABLE t2 (i INT);",
    )
    said = warnings()
    assert [s for s in said if s.startswith("To leave")] == [
        "To leave out all new columns of good: write `skip: [old, a, b c]` under good in tables.yaml.",
        "To leave out all tables that tables.yaml does not name: write `skip: [was, t1, t2]` at the top of"
        " tables.yaml.",
    ]
    assert len(said) == 6
    follow(home, said)
    assert warnings() == ()


@pytest.mark.parametrize("name", [b"gr\xf6sse", b"v"])
def test_a_column_that_becomes_unreadable_stops_its_table_with_the_lines_to_write(
    tmp_path: Path, home: Path, name: bytes
) -> None:
    """A column renamed to a name that is not UTF-8, and one that is computed by another program now."""
    path = tmp_path / "own.db"
    of_another_program(path, b"CREATE TABLE good (id INTEGER PRIMARY KEY, v TEXT, w TEXT);")
    declare_tables(Platform.load())
    of_another_program(
        path,
        b"DROP TABLE good; CREATE TABLE good (id INTEGER PRIMARY KEY, %s, w TEXT);"
        % (b"v TEXT AS (their(id))" if name == b"v" else name + b" TEXT"),
    )
    (error,) = errors().values()
    assert "`source:" not in error
    file = yaml.safe_load((home / "tables.yaml").read_text())
    del file["tables"]["good"]["columns"]["v"]
    (home / "tables.yaml").write_text(yaml.safe_dump(file))
    follow(home, [error])
    assert errors() == {}
    follow(home, warnings())
    assert warnings() == ()


@pytest.mark.parametrize(
    "other", [b"", b"CREATE TABLE good (id INTEGER PRIMARY KEY);"], ids=["alone", "next to another"]
)
def test_a_table_of_which_nothing_can_be_read_any_more(
    tmp_path: Path, home: Path, other: bytes
) -> None:
    path = tmp_path / "own.db"
    of_another_program(path, other + b"CREATE TABLE bad (v TEXT, w TEXT);")
    declare_tables(Platform.load())
    of_another_program(
        path, b"DROP TABLE bad; CREATE TABLE bad (v TEXT AS (their(1)), w\xf6 TEXT);"
    )
    (error,) = errors().values()
    assert error.startswith(
        "bad of the source can't be mirrored, because it has no column that can be read: v is computed by"
    )
    line = "remove bad from tables.yaml, with the references to it, and write `skip: [bad]` at the top of tables.yaml"
    assert line in error
    declared = declare_tables(Platform.load(), write=True)
    assert declared.changes == ()
    assert any(line in note for note in declared.notes)
    if other:
        file = yaml.safe_load((home / "tables.yaml").read_text())
        del file["tables"]["bad"]
        (home / "tables.yaml").write_text(yaml.safe_dump(file))
        follow(home, [error])
        assert (errors(), warnings()) == ({}, ())


def test_a_renamed_table_is_recognised_beside_a_column_that_can_not_be_read(
    tmp_path: Path, home: Path
) -> None:
    of_another_program(tmp_path / "own.db", b"CREATE TABLE good (id INTEGER PRIMARY KEY, v TEXT);")
    declare_tables(Platform.load())
    of_another_program(
        tmp_path / "own.db",
        b"ALTER TABLE good RENAME TO better; ALTER TABLE better ADD COLUMN gr\xf6sse TEXT;",
    )
    (error,) = errors().values()
    assert "write `source: better` under good in tables.yaml" in error


def test_a_table_whose_own_name_can_not_be_read_is_warned_of_until_it_is_skipped(
    tmp_path: Path, home: Path
) -> None:
    of_another_program(
        tmp_path / "own.db",
        b"CREATE TABLE good (id INTEGER PRIMARY KEY); CREATE TABLE gr\xf6sse (i INT);",
    )
    declare_tables(Platform.load())
    (said,) = warnings()
    assert said.startswith(
        "gr\\xf6sse of the source can't be mirrored, because it has a name by which"
    )
    follow(home, [said])
    assert warnings() == ()


def test_names_that_become_the_same_when_they_are_escaped(tmp_path: Path) -> None:
    """The facts of the one (its key, its type, its index) never become those of the other."""
    of_another_program(
        tmp_path / "own.db",
        b"CREATE TABLE t ([i\\xf6] INTEGER NOT NULL, i\xf6 TEXT PRIMARY KEY, v INT UNIQUE, UNIQUE (i\xf6, v));"
        b"CREATE TABLE [t\\xf6] (id INTEGER PRIMARY KEY); CREATE TABLE t\xf6 (other BLOB);",
    )
    own = make(tmp_path, [])
    t, other = sorted(own.tables(), key=lambda table: table.name)
    assert [(c.name, c.info["declared"]) for c in t.columns] == [
        ("i\\xf6", "INTEGER"), ("v", "INT")
    ]  # fmt: skip
    assert [c.name for c in t.primary_key] == ["v"]
    assert [c.name for c in other.columns] == ["id"]
    notes = "\n".join(own.discovery.notes)
    assert "t.i\\xf6_ is left out, because it has a name that is not UTF-8." in notes
    assert "t\\xf6_ is left out: it has a name by which SQLite does not find it." in notes
    assert own.judged() == []


@pytest.mark.parametrize(
    ("columns", "may_be_null"),
    [
        ("id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE", False),
        ("id INTEGER PRIMARY KEY DESC, code TEXT NOT NULL UNIQUE", True),
        ("id INT PRIMARY KEY, code TEXT NOT NULL UNIQUE", True),
        ("id INT, code TEXT NOT NULL UNIQUE, PRIMARY KEY (id, code)", True),
    ],
)
def test_only_a_key_that_sqlite_keeps_from_null_is_taken_as_required(
    tmp_path: Path, home: Path, columns: str, may_be_null: bool
) -> None:
    of_another_program(tmp_path / "own.db", f"CREATE TABLE t ({columns});".encode())
    declare_tables(Platform.load())
    file = yaml.safe_load((home / "tables.yaml").read_text())
    file["tables"]["t"]["key"] = ["code"]
    file["tables"]["t"]["columns"]["id"]["nullable"] = False
    (home / "tables.yaml").write_text(yaml.safe_dump(file))
    said = " ".join(warnings())
    assert ("t.id may be NULL in the source" in said) is may_be_null
