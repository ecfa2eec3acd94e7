"""Test columns that SQLite computes at each reading, and that fail for a row: they never cost the rest of the table."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from saas_platform.cli.discover import declare_tables
from saas_platform.platform import Platform
from saas_platform.source.sqlite import catalogue
from saas_platform.source.sqlite.errors import to_user_error
from saas_platform_tests.judge.own import Own
from saas_platform_tests.judge.test_unreadable import errors, follow, warnings

#: Expressions over a column v, each with values for which SQLite computes it, one for which it fails, and its answer.
FAILING = {
    "json": ("json_extract(v, '$.x')", ["'{\"x\": 1}'", "NULL"], "'{bad'", "malformed JSON"),
    "overflow": ("abs(v)", ["1", "-2"], "-9223372036854775808", "integer overflow"),
    "too_big": ("zeroblob(v)", ["1", "2"], "2000000000", "string or blob too big"),
    "escape": (
        "'a' LIKE 'b' ESCAPE v",
        ["'x'"],
        "'xy'",
        "ESCAPE expression must be a single character",
    ),
    "now": ("date(v)", ["'2024-01-01'"], "'now'", "non-deterministic use of date()"),
    "private": (
        "json_extract('{}', v)",
        ["'$.a'"],
        "'ada@example.org'",
        "JSON path",
    ),
    # The value is SQLite's own words on a damaged file.
    "like_damage": (
        "json_extract('{}', v)",
        ["'$.a'"],
        "'database disk image is malformed'",
        "JSON path",
    ),
}
FAILS = "computed by an expression that fails for at least one row"


def bad_table(name: str, case: str, more: str = "") -> str:
    """Return the SQL for a table to which a column was added that fails for one of its rows."""
    expression, good, bad, _ = FAILING[case]
    rows = ", ".join(f"({value})" for value in [*good, bad])
    return (
        f"CREATE TABLE {name} (id INTEGER PRIMARY KEY, v, w TEXT DEFAULT 'w');"
        f"INSERT INTO {name} (v) VALUES {rows};"
        f"ALTER TABLE {name} ADD COLUMN x AS ({expression});{more}"
    )


@pytest.mark.few
@pytest.mark.parametrize("case", FAILING)
def test_a_column_that_fails_for_a_row_is_skipped_and_the_rest_is_mirrored(
    tmp_path: Path, case: str
) -> None:
    own = Own(tmp_path, bad_table("t", case))
    (note,) = (each for each in own.discovery.notes if "left out" in each)
    assert note.startswith(f"t.x is left out, because it is {FAILS} (SQLite answers: ")
    assert FAILING[case][3] in note
    assert "corrupt" not in note
    assert "ada@example.org" not in note
    (table,) = own.tables()
    assert [*table.columns.keys()] == ["id", "v", "w"]
    assert own.judged() == []
    assert sum(own.mirror()["t"].values()) == len(FAILING[case][1]) + 1


def test_a_column_computed_from_a_failing_one_is_skipped_too(tmp_path: Path) -> None:
    more = "ALTER TABLE t ADD COLUMN y AS (x || ''); ALTER TABLE t ADD COLUMN z AS (w || '!');"
    own = Own(tmp_path, bad_table("t", "json", more))
    (table,) = own.tables()
    assert [*table.columns.keys()] == ["id", "v", "w", "z"]
    assert own.judged() == []


def test_a_row_after_the_first_batch(tmp_path: Path) -> None:
    """The driver words an error otherwise if the first rows of a result were read."""
    own = Own(
        tmp_path,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT, x AS (json_extract(v, '$.x')));"
        "CREATE TABLE u (id INTEGER PRIMARY KEY); INSERT INTO t (v) VALUES ('{}')",
    )
    assert own.judged() == []
    own.execute("ALTER TABLE t DROP COLUMN x")
    own.fill("INSERT INTO t (v) VALUES (?)", [("{}",)] * 40_000 + [("{bad",)])
    own.execute("ALTER TABLE t ADD COLUMN x AS (json_extract(v, '$.x'))")
    reports = own.sync()
    assert reports["t"].error is not None
    assert reports["t"].error.startswith(f"t.x is {FAILS} (SQLite answers: malformed JSON).")
    assert reports["u"].proof is not None
    assert reports["u"].proof.proven


#: How tables.yaml uses the column x, its declared type, and a value of it in JSON.
USES: dict[str, tuple[dict[str, Any], str, str]] = {
    "plain": ({}, "INTEGER", "5"),
    "version": ({"version": "x"}, "INTEGER", "5"),
    "slice": ({"slice": {"column": "x", "grain": "month"}}, "DATETIME", '"2024-01-02 00:00:00"'),
}


def stopped(own: Own, home: Path, use: str) -> set[str]:
    """Mirror b, let its column x fail for a row, and return what sync, verify and repair say then."""
    lines, declared, value = USES[use]
    own.execute(
        "CREATE TABLE b (id INTEGER PRIMARY KEY, old INT, v TEXT);"
        f"INSERT INTO b (v) VALUES ('{{\"x\": {value}}}'); CREATE TABLE other (id INTEGER PRIMARY KEY);"
        f"ALTER TABLE b ADD COLUMN x {declared} AS (json_extract(v, '$.x'))"
    )
    declare_tables(Platform.load())
    file = yaml.safe_load((home / "tables.yaml").read_text())
    del file["tables"]["b"]["columns"]["old"]
    file["tables"]["b"]["columns"]["x"]["nullable"] = "slice" not in lines
    file["tables"]["b"] |= {"skip": ["old"], **lines}
    (home / "tables.yaml").write_text(yaml.safe_dump(file, sort_keys=False))
    assert own.judged() == []
    own.execute(
        "ALTER TABLE b DROP COLUMN x; INSERT INTO b (v) VALUES ('{bad');"
        f"ALTER TABLE b ADD COLUMN x {declared} AS (json_extract(v, '$.x'))"
    )
    synced, proofs, repaired = own.sync(), own.verify(), own.repair()
    assert synced["other"].succeeded
    assert proofs["other"].holds
    assert repaired["other"].succeeded
    return {str(synced["b"].error), *proofs["b"].problems, str(repaired["b"].error)}


@pytest.fixture
def own(tmp_path: Path, home: Path) -> Own:
    """Return an empty database, with the file of the platform in `home`."""
    own = Own(tmp_path, "")
    own.file = home / "tables.yaml"
    return own


@pytest.mark.few
@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("by_hand", [True, False])
def test_a_declared_column_that_fails_stops_its_table_with_the_lines_to_write(
    own: Own, home: Path, use: str, by_hand: bool
) -> None:
    (said,) = stopped(own, home, use)
    assert said == (
        f"b.x is {FAILS} (SQLite answers: malformed JSON). To leave it out: remove it from the columns of b in"
        " tables.yaml, with everything there that names it, and write `skip: [old, x]` under b in tables.yaml"
        " (`saas-platform doctor --discover --yes` does both for you)."
    )
    if by_hand:
        file = yaml.safe_load((home / "tables.yaml").read_text())
        del file["tables"]["b"]["columns"]["x"]
        file["tables"]["b"] |= dict.fromkeys(USES[use][0])
        (home / "tables.yaml").write_text(yaml.safe_dump(file, sort_keys=False))
        follow(home, [said])
    else:
        changes = declare_tables(Platform.load(), write=True).changes
        assert changes[0] == "b.x can't be read: it is added to `skip:` of b"
        assert changes[1].startswith("b.x can no longer be read: it is removed")
    assert declare_tables(Platform.load()).changes == ()
    assert (errors(), warnings()) == ({}, ())
    assert own.judged() == []
    assert sum(own.mirror()["b"].values()) == 2


def test_a_new_column_that_fails_is_warned_of_until_it_is_skipped(
    tmp_path: Path, home: Path
) -> None:
    own = Own(tmp_path, "CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, '{')")
    declare_tables(Platform.load())
    own.execute("ALTER TABLE t ADD COLUMN x AS (json_extract(v, '$.x'))")
    (said,) = warnings()
    assert said.startswith(f"t.x is new in the source, is not mirrored, and is {FAILS}")
    assert "--discover" not in said
    follow(home, [said])
    assert warnings() == ()
    own.declare()
    assert own.judged() == []


def test_a_table_of_which_nothing_else_can_be_read(tmp_path: Path, home: Path) -> None:
    """The warning never proposes to add a table that discovery leaves out."""
    own = Own(tmp_path, "CREATE TABLE good (id INTEGER PRIMARY KEY)")
    declare_tables(Platform.load())
    own.execute("CREATE TABLE bad (w INT); INSERT INTO bad VALUES (-9223372036854775808)")
    own.execute("ALTER TABLE bad ADD COLUMN x AS (abs(w))")
    with closing(sqlite3.connect(own.path)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_master SET sql = CAST(replace(CAST(sql AS BLOB), 'w', x'f6') AS TEXT)"
            " WHERE name = 'bad'"
        )
        connection.commit()
    (said,) = warnings()
    assert said.startswith("bad of the source can't be mirrored, because it has no column")
    assert "--discover" not in said
    declared = declare_tables(Platform.load(), write=True)
    assert declared.changes == ()
    assert "bad is left out: it has no column that can be read" in " ".join(declared.notes)
    follow(home, [said])
    assert warnings() == ()


def test_expressions_of_indexes_and_checks_are_not_computed_at_reading(tmp_path: Path) -> None:
    own = Own(
        tmp_path,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT, CHECK (json_extract(v, '$.x') > 0));"
        "CREATE UNIQUE INDEX i ON t (json_extract(v, '$.x')) WHERE json_valid(v);"
        "PRAGMA ignore_check_constraints = ON; INSERT INTO t (v) VALUES ('{\"x\": 1}'), ('{bad')",
    )
    assert own.discovery.notes == ()
    assert own.judged() == []


def test_a_stored_column_is_mirrored(tmp_path: Path) -> None:
    own = Own(
        tmp_path,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT, x AS (json_extract(v, '$.x')) STORED);"
        "INSERT INTO t (v) VALUES ('{\"x\": 1}')",
    )
    assert [*next(iter(own.tables())).columns.keys()] == ["id", "v", "x"]
    assert own.judged() == []


def test_no_table_is_read_to_look_for_failing_columns_while_all_can_be_read(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Collection[str]] = []
    look = catalogue.failures

    def failures(cursor: object, source: str, names: Collection[str]) -> dict[str, str]:
        read.append(names)
        return look(cursor, source, names)  # type: ignore[arg-type]

    monkeypatch.setattr(catalogue, "failures", failures)
    own = Own(
        tmp_path,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v INT, x AS (abs(v)), y AS (v + 1));"
        "CREATE TABLE u (id INTEGER PRIMARY KEY, v INT AS (1) STORED); INSERT INTO t (v) VALUES (-1)",
    )
    assert read == [["x", "y"]]
    own.edit(lambda tables: tables["t"]["columns"].pop("y") and tables["t"].update(skip=["y"]))
    (home / "tables.yaml").write_text(own.file.read_text())
    read.clear()
    assert (errors(), warnings()) == ({}, ())
    assert own.judged() == []
    assert read == []


# A file that really is damaged.


def damage(own: Own, page: int) -> None:
    with closing(sqlite3.connect(own.path)) as file:
        (size,) = file.execute("PRAGMA page_size").fetchone()
    with own.path.open("r+b") as opened:
        opened.seek((page - 1) * size)
        opened.write(b"\xff" * 200)


def damaged(tmp_path: Path) -> Own:
    """Return a database of which the first page of one table is damaged, and in which a column fails for a row."""
    rows = ", ".join("('" + "x" * 500 + "')" for _ in range(100))
    own = Own(
        tmp_path,
        f"CREATE TABLE b (v TEXT); INSERT INTO b VALUES {rows}; CREATE TABLE c (id INTEGER PRIMARY KEY);"
        "ALTER TABLE b ADD COLUMN x AS (json_extract(CASE v WHEN 'y' THEN v ELSE '{}' END, '$.x'))",
    )
    assert own.judged() == []
    own.execute(
        "ALTER TABLE b DROP COLUMN x; INSERT INTO b VALUES ('y');"
        "ALTER TABLE b ADD COLUMN x AS (json_extract(CASE v WHEN 'y' THEN v ELSE '{}' END, '$.x'))"
    )
    with closing(sqlite3.connect(own.path)) as file:
        (root,) = file.execute("SELECT rootpage FROM sqlite_master WHERE name = 'b'").fetchone()
    damage(own, root)
    return own


def test_a_damaged_file_is_still_called_corrupt(tmp_path: Path) -> None:
    own = damaged(tmp_path)
    said = [own.sync()["b"].error, own.repair()["b"].error, *own.verify()["b"].problems]
    (note,) = own.declare().notes
    for error in map(str, [*said, note]):
        assert "is corrupt: restore it from a backup." in error
        assert FAILS not in error
    assert note.startswith("b is left out")


def test_a_damaged_table_is_warned_of_until_it_is_skipped(tmp_path: Path, home: Path) -> None:
    """The warning used to propose a discovery, which left the table out each time."""
    damaged(tmp_path)
    declare_tables(Platform.load())
    (said,) = warnings()
    assert said.startswith("b of the source can't be read. The source ")
    assert "--discover" not in said
    declared = declare_tables(Platform.load(), write=True)
    assert declared.changes == ()
    (note,) = declared.notes
    assert note.endswith("To skip it: write `skip: [b]` at the top of tables.yaml.")
    follow(home, [note])
    assert warnings() == ()
    assert declare_tables(Platform.load()).notes == ()


def test_a_table_that_is_damaged_after_its_first_rows(tmp_path: Path, home: Path) -> None:
    """The warning does not read it all, so the discovery that it proposes names the line that ends both."""
    rows = "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) SELECT hex(zeroblob(200)) FROM n"
    own = Own(
        tmp_path,
        "CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE TABLE old (id INTEGER PRIMARY KEY);"
        f"CREATE TABLE b (v TEXT); INSERT INTO b {rows}",
    )
    with closing(sqlite3.connect(own.path)) as file:
        (pages,) = file.execute("PRAGMA page_count").fetchone()
    damage(own, pages - 2)
    declare_tables(Platform.load())
    file = yaml.safe_load((home / "tables.yaml").read_text())
    del file["tables"]["old"]
    file["skip"] = ["old"]
    (home / "tables.yaml").write_text(yaml.safe_dump(file))
    (note,) = declare_tables(Platform.load(), write=True).notes
    assert "b is left out: The source " in note
    assert note.endswith("To skip it: write `skip: [old, b]` at the top of tables.yaml.")
    follow(home, [note])
    assert warnings() == ()
    assert declare_tables(Platform.load()).notes == ()


@pytest.mark.parametrize(
    ("answer", "is_corrupt"),
    [
        ("IO: Failed to step query: database disk image is malformed", True),
        ("database disk image is malformed", True),
        ("INVALID_ARGUMENT: [SQLite] Failed to prepare query: malformed database schema (v)", True),
        ("IO: Failed to step query: malformed JSON", False),
        ("malformed JSON", False),
    ],
)
def test_only_a_damaged_file_is_called_corrupt(answer: str, is_corrupt: bool) -> None:
    for ours in (True, False):
        said = str(to_user_error(Path("own.db"), ValueError(answer), ours=ours))
        assert ("is corrupt" in said) is is_corrupt
        assert is_corrupt or said == "The source own.db answered: malformed JSON."
