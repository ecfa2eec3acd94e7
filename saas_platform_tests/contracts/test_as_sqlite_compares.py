"""Tests that the contract of a SQLite database compares as SQLite does, by asking SQLite itself.

`PRAGMA foreign_key_check` names the orphans, and an INSERT shows which rows a unique rule keeps apart. Neither shares
code with the package.
"""

from __future__ import annotations

import itertools
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
import sqlglot

from saas_platform.contracts import Breach, contract_query, evaluate, offenders
from saas_platform.schema.declared import as_yaml, read_tables
from saas_platform.schema.source_names import source_column, source_table
from saas_platform.source.interface import Discovery
from saas_platform.source.sqlite import SqliteDatabase
from saas_platform.warehouse.bigquery.target import BigqueryTarget
from saas_platform.warehouse.bigquery.warehouse import BigqueryWarehouse
from saas_platform_tests.contracts.test_own_tables import mirrored
from saas_platform_tests.sync.own_databases import make

#: Parent p, child c: the values of both, and whether the contract checks the reference as SQLite does.
REFERENCES = {
    "column of small letters": (
        "CREATE TABLE p (v TEXT COLLATE NOCASE UNIQUE); CREATE TABLE c (n INTEGER PRIMARY KEY, v TEXT REFERENCES p (v))",
        ["'a'", "'ä'", "'z '"],
        ["'A'", "'Ä'", "'z'", "'Z '", "'b'"],
    ),
    "column of bytes": (
        "CREATE TABLE p (v TEXT UNIQUE); CREATE UNIQUE INDEX other ON p (v COLLATE NOCASE);"
        "CREATE TABLE c (n INTEGER PRIMARY KEY, v TEXT COLLATE NOCASE REFERENCES p (v))",
        ["'a'", "'B'"],
        ["'A'", "'a'", "'b'", "'B'"],
    ),
    "column of trimmed texts": (
        "CREATE TABLE p (v TEXT COLLATE RTRIM UNIQUE); CREATE TABLE c (n INTEGER PRIMARY KEY, v TEXT REFERENCES p (v))",
        ["'a  '", "'b'"],
        ["'a'", "'b '", "'B'", "' b'"],
    ),
    "key whose index ignores case": (
        "CREATE TABLE p (v TEXT, PRIMARY KEY (v COLLATE NOCASE)); CREATE TABLE c (n INTEGER PRIMARY KEY, v TEXT REFERENCES p)",
        ["'a'"],
        ["'A'", "'a'", "'b'"],
    ),
    "key whose index minds case": (
        "CREATE TABLE p (v TEXT COLLATE nocase, PRIMARY KEY (v COLLATE binary));"
        "CREATE TABLE c (n INTEGER PRIMARY KEY, v TEXT REFERENCES P)",
        ["'a'", "'A'", "'b'"],
        ["'A'", "'B'", "'b'"],
    ),
    "key with NULL": (
        "CREATE TABLE p (v TEXT PRIMARY KEY); CREATE TABLE c (n INTEGER PRIMARY KEY, v TEXT REFERENCES p)",
        ["NULL", "'a'"],
        ["'a'", "'b'", "NULL"],
    ),
    "numbers and texts": (
        "CREATE TABLE p (v UNIQUE); CREATE TABLE c (n INTEGER PRIMARY KEY, v REFERENCES p (v))",
        ["1", "2.0", "'3'", "9007199254740993", "1e300", "-0.0", "x'61'", "'x'", "1e15", "9e999"],
        [
            *("1.0", "2", "3", "'1'", "'3'", "9007199254740992.0", "9007199254740993", "1e300", "0"),
            *("x'61'", "'a'", "1.5", "'x'", "1000000000000000", "9223372036854775807", "9e999", "'1.0'"),
        ],
    ),
    "any of one affinity": (
        "CREATE TABLE p (v ANY UNIQUE); CREATE TABLE c (n INTEGER PRIMARY KEY, v NUMERIC REFERENCES p (v))",
        ["1", "'x'", "2.5"],
        ["'1'", "'1.0'", "'x'", "2.50", "'y'"],
    ),
    "any, without regard to case": (
        "CREATE TABLE p (v COLLATE NOCASE UNIQUE); CREATE TABLE c (n INTEGER PRIMARY KEY, v REFERENCES p (v))",
        ["1", "'x'", "x'6A'"],
        ["1.0", "'X'", "x'6A'", "x'4A'", "'j'"],
    ),
    "any, without blanks at the end": (
        "CREATE TABLE p (v COLLATE RTRIM UNIQUE); CREATE TABLE c (n INTEGER PRIMARY KEY, v REFERENCES p (v))",
        ["1", "'x '", "''''"],
        ["1.0", "'x'", "'x  '", "' x'", "''' '"],
    ),
}  # fmt: skip


def discovered(path: Path, sql: str) -> tuple[dict[str, sa.Table], Discovery]:
    """Declare the tables of a new database by way of tables.yaml."""
    found = SqliteDatabase(make(path / "own.db", sql)).discover()
    (path / "tables.yaml").write_text(as_yaml(found.tables))
    return read_tables(path / "tables.yaml"), found


def filled(tables: str, parents: list[str], children: list[str]) -> str:
    rows = [f"INSERT INTO p (v) VALUES ({value});" for value in parents]
    rows += [f"INSERT INTO c (v) VALUES ({value});" for value in children]
    return "; ".join([tables, *rows])


def orphans(path: Path) -> set[int]:
    with closing(sqlite3.connect(path)) as connection:
        return {row for _, row, *_ in connection.execute("PRAGMA foreign_key_check(c)")}


@pytest.mark.few
@pytest.mark.parametrize(("tables", "parents", "children"), REFERENCES.values(), ids=REFERENCES)
def test_orphans_are_those_of_sqlite(
    tmp_path: Path, tables: str, parents: list[str], children: list[str]
) -> None:
    declared, found = discovered(tmp_path, filled(tables, parents, children))
    assert not any("references" in note for note in found.notes), found.notes
    warehouse = mirrored(tmp_path, declared)
    expected = orphans(tmp_path / "own.db")
    assert 0 < len(expected) < len(children)
    reported = {
        key[0] for rule, key in offenders(warehouse, declared["c"]) if rule.kind == "foreign_key"
    }
    assert reported == expected
    kept = evaluate(warehouse, declared["p"]).breaches
    assert not [breach for breach in kept if breach.rule.kind == "unique"]


#: A unique rule of a table t with a column v, values that it keeps apart, and one that it takes for the first of them.
UNIQUE = {
    "index minds case": ("v TEXT COLLATE NOCASE", "(v COLLATE BINARY)", ["'a'", "'A'"], None),
    "index ignores case": ("v TEXT", "(v COLLATE NOCASE)", ["'a'", "'ä'", "'Ä'"], "'A'"),
    "index trims": ("v TEXT COLLATE NOCASE", "(v COLLATE rtrim)", ["'a'", "'A'", "' a'"], "'a  '"),
    "column ignores case": ("v TEXT COLLATE nocase", "(v)", ["'a'", "'b'"], "'A'"),
    "key minds case": (
        "v TEXT COLLATE NOCASE NOT NULL, PRIMARY KEY (v COLLATE BINARY)", None, ["'a'", "'A'"], None,
    ),
    "key ignores case": (
        "v TEXT NOT NULL, PRIMARY KEY (v COLLATE NOCASE)", None, ["'a'", "'b'"], "'A'",
    ),
    "constraint minds case": (
        "v TEXT COLLATE NOCASE, UNIQUE (v COLLATE BINARY)", None, ["'a'", "'A'"], None,
    ),
    "numbers": ("v", "(v)", ["1", "'1'", "'1.0'", "x'31'", "9007199254740993", "9007199254740992.0"], "1.0"),
    "empty key": ("v TEXT COLLATE NOCASE PRIMARY KEY NOT NULL", None, [], None),
    "time": ("v DATETIME COLLATE NOCASE", "(v)", ["'2024-01-01'", "'2024-01-02'"], None),
}  # fmt: skip


@pytest.mark.parametrize(("column", "index", "apart", "same"), UNIQUE.values(), ids=UNIQUE)
def test_a_unique_rule_compares_as_its_index(
    tmp_path: Path, column: str, index: str | None, apart: list[str], same: str | None
) -> None:
    sql = f"CREATE TABLE t ({column});"
    sql += "" if index is None else f"CREATE UNIQUE INDEX u ON t {index};"
    sql += "".join(f"INSERT INTO t VALUES ({value});" for value in apart)
    declared, _ = discovered(tmp_path, sql)
    warehouse = mirrored(tmp_path, declared)

    def broken() -> list[Breach]:
        found = evaluate(warehouse, declared["t"]).breaches
        return [breach for breach in found if breach.rule.kind == "unique"]

    assert broken() == []
    if same is None:
        return
    with (
        closing(sqlite3.connect(tmp_path / "own.db")) as source,
        pytest.raises(sqlite3.IntegrityError),
    ):
        source.execute(f"INSERT INTO t VALUES ({same})")
    # The mirror has the literal of a value of any type.
    mirror_value = f"'{same}'" if column == "v" else same
    with warehouse._connected() as connection:
        connection.run(f"INSERT INTO raw.t VALUES ({mirror_value}, 'by hand')")
    assert [breach.offenders for breach in broken()] == [2]


def test_the_sql_of_a_value_of_any_type_is_valid_on_bigquery(tmp_path: Path) -> None:
    sql = "CREATE TABLE t (v COLLATE NOCASE UNIQUE); INSERT INTO t VALUES (1), ('x')"
    declared, _ = discovered(tmp_path, sql)
    query = contract_query(BigqueryWarehouse(BigqueryTarget("acme")), declared["t"])
    parsed = sqlglot.parse_one(query, dialect="bigquery")
    assert not list(parsed.find_all(sqlglot.exp.Command))
    assert "SAFE_CAST(r.`v` AS FLOAT64)" in query


def test_only_another_collation_than_the_columns_is_written(tmp_path: Path) -> None:
    discovered(
        tmp_path,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT COLLATE NOCASE UNIQUE, w TEXT, n INTEGER);"
        "CREATE UNIQUE INDEX u ON t (v COLLATE BINARY, w, n COLLATE NOCASE)",
    )
    text = (tmp_path / "tables.yaml").read_text()
    assert "    - [v]\n    - columns: [v, w, n]\n      collation: {v: BINARY}\n" in text


#: What SQLite compares in a way that the contract can't, with the note of discovery.
UNCHECKED = {
    "another affinity": (
        "CREATE TABLE p (v ANY UNIQUE); CREATE TABLE c (v REFERENCES p (v));"
        "INSERT INTO p VALUES (1), ('x'); INSERT INTO c VALUES ('1'), (2)",
        "c references p by v, but SQLite compares texts that are numbers as numbers there, and keeps them apart in v,"
        " so that this reference is not checked.",
    ),
    "a text affinity": (
        "CREATE TABLE p (v TEXT UNIQUE); CREATE TABLE c (v REFERENCES p (v));"
        "INSERT INTO p VALUES ('1'), (x'00'); INSERT INTO c VALUES (1), ('1')",
        "c references p by v, but SQLite compares numbers as texts there, and keeps them apart in v, so that this"
        " reference is not checked.",
    ),
    "two types": (
        "CREATE TABLE p (v INTEGER PRIMARY KEY); CREATE TABLE c (v TEXT REFERENCES p);"
        "INSERT INTO p VALUES (1); INSERT INTO c VALUES ('1')",
        "c references p by v, but discovery proposes different types for the two sides, so that this reference is"
        " not checked.",
    ),
    "no parent": (
        "CREATE TABLE c (v TEXT REFERENCES nowhere (id))",
        "c references nowhere by v, but that table is not mirrored, so that this reference is not checked.",
    ),
    "no key": (
        "CREATE TABLE p (v TEXT); CREATE TABLE c (v TEXT REFERENCES p)",
        "c references p by v, but that table has no primary key that can be read, so that this reference is not"
        " checked.",
    ),
    "a wider key": (
        "CREATE TABLE p (v TEXT, w TEXT, PRIMARY KEY (v, w)); CREATE TABLE c (v TEXT REFERENCES p)",
        "c references p by v, but its primary key has 2 columns, so that this reference is not checked.",
    ),
    "no column": (
        "CREATE TABLE p (v TEXT); CREATE TABLE c (v TEXT REFERENCES p (w))",
        "c references p by v, but that table has no column w in the mirror, so that this reference is not checked.",
    ),
}


@pytest.mark.parametrize(("sql", "note"), UNCHECKED.values(), ids=UNCHECKED)
def test_a_reference_that_is_not_checked_is_reported(tmp_path: Path, sql: str, note: str) -> None:
    declared, found = discovered(tmp_path, sql)
    assert not declared["c"].foreign_keys
    assert [each for each in found.notes if "references" in each] == [note]


def test_names_that_only_sqlite_keeps_apart_are_not_mixed_up(tmp_path: Path) -> None:
    """SQLite folds only the letters A to Z of a name."""
    _, found = discovered(
        tmp_path,
        "CREATE TABLE Ü (É TEXT UNIQUE, é INTEGER UNIQUE); CREATE TABLE ü (v TEXT PRIMARY KEY);"
        "CREATE TABLE c (a TEXT REFERENCES Ü (É), b INTEGER REFERENCES Ü (é), v TEXT REFERENCES ü)",
    )
    (child,) = (table for table in found.tables if table.name == "c")
    assert not any("references" in note for note in found.notes), found.notes
    referred = {
        key.parent.name: (source_table(key.column.table)[1], source_column(key.column))
        for key in child.foreign_keys
    }
    assert referred == {"a": ("Ü", "É"), "b": ("Ü", "é"), "v": ("ü", "v")}


def test_in_a_strict_table_any_keeps_texts_apart(tmp_path: Path) -> None:
    tables = "CREATE TABLE p (v ANY UNIQUE) STRICT; CREATE TABLE c (n INTEGER PRIMARY KEY, v REFERENCES p (v))"
    declared, found = discovered(tmp_path, filled(tables, ["1", "'x'"], ["'1'", "1.0", "'x'"]))
    assert not any("references" in note for note in found.notes)
    reported = {key[0] for _, key in offenders(mirrored(tmp_path, declared), declared["c"])}
    assert reported == orphans(tmp_path / "own.db") == {1}


def test_a_collation_of_another_program_is_not_guessed(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "own.db")) as connection:
        connection.create_collation("THEIRS", lambda a, b: (a > b) - (a < b))
        connection.executescript(
            "CREATE TABLE p (v TEXT COLLATE THEIRS UNIQUE, w TEXT COLLATE NOCASE);"
            "CREATE UNIQUE INDEX u ON p (w COLLATE THEIRS);"
            "CREATE TABLE c (v TEXT REFERENCES p (v));"
        )
    found = SqliteDatabase(tmp_path / "own.db").discover()
    assert found.notes == (
        "c references p by v, but SQLite compares it by a collation that only the program which wrote the file has,"
        " so that this reference is not checked.",
    )
    (parent,) = (table for table in found.tables if table.name == "p")
    rules = {
        tuple(c.columns.keys()): c.info
        for c in parent.constraints
        if isinstance(c, sa.UniqueConstraint)
    }
    # The other one is the key.
    assert rules == {("w",): {"collation": {"w": "BINARY"}}}


def test_a_reference_that_sqlite_refuses_to_check_is_reported(tmp_path: Path) -> None:
    declared, found = discovered(
        tmp_path,
        "CREATE TABLE p (v TEXT); CREATE UNIQUE INDEX u ON p (v COLLATE NOCASE);"
        "CREATE TABLE c (n INTEGER PRIMARY KEY, v TEXT REFERENCES p (v));"
        "INSERT INTO p VALUES ('a'); INSERT INTO c VALUES (1, 'A'), (2, 'a')",
    )
    with pytest.raises(sqlite3.OperationalError, match="foreign key mismatch"):
        orphans(tmp_path / "own.db")
    assert found.notes == (
        "c references p by v, which SQLite itself can't check, because no unique index of p compares v as the table"
        " declares it: the contract checks it.",
    )
    reported = [key for _, key in offenders(mirrored(tmp_path, declared), declared["c"])]
    assert reported == [(1,)]


@pytest.mark.parametrize("kind", ["TEXT", "DECIMAL(10, 2)", "DATETIME", "INTEGER", "BLOB", ""])
def test_only_a_reference_that_sqlite_refuses_to_check_is_reported(
    tmp_path: Path, kind: str
) -> None:
    collations = ("", "COLLATE NOCASE", "COLLATE RTRIM", "COLLATE BINARY")
    pairs = dict(enumerate(itertools.product(collations, collations)))
    _, found = discovered(
        tmp_path,
        "".join(
            f"CREATE TABLE p{n} (n INTEGER PRIMARY KEY, v {kind} {own});"
            f"CREATE UNIQUE INDEX u{n} ON p{n} (v {of_index});"
            f"CREATE TABLE c{n} (n INTEGER PRIMARY KEY, v {kind} REFERENCES p{n} (v));"
            for n, (own, of_index) in pairs.items()
        ),
    )
    refused = set()
    with closing(sqlite3.connect(tmp_path / "own.db")) as connection:
        for n in pairs:
            try:
                connection.execute(f"PRAGMA foreign_key_check (c{n})")
            except sqlite3.OperationalError:
                refused.add(n)
    assert 0 < len(refused) < len(pairs)
    noted = {n for n in pairs for note in found.notes if note.startswith(f"c{n} references p{n} ")}
    assert noted == refused


@pytest.mark.parametrize(
    ("parents", "children", "noted"),
    [
        (["'2024-01-01 00:00:00'"], ["'2024-01-01'"], True),
        (["'2024-01-01 00:00:00'"], ["'2024-01-01T00:00:00'"], True),
        (["'2024-01-01 00:00:00'", "'2024-01-02'"], ["'2024-01-02'"], True),
        (["'2024-01-01 00:00:00'"], ["'2024-01-02 00:00:00'", "NULL"], False),
    ],
)
def test_a_reference_by_times_of_several_forms_is_reported(
    tmp_path: Path, parents: list[str], children: list[str], noted: bool
) -> None:
    tables = "CREATE TABLE p (v DATETIME UNIQUE); CREATE TABLE c (n INTEGER PRIMARY KEY, v DATETIME REFERENCES p (v))"
    _, found = discovered(tmp_path, filled(tables, parents, children))
    note = (
        "c references p by v, whose times are written in several ways: SQLite compares the texts, and the contract the"
        " times, so that it takes 2024-01-01 for 2024-01-01 00:00:00. To compare texts, write `type: text` for both"
        " sides in tables.yaml."
    )
    assert found.notes == ((note,) if noted else ())
    # The remedy of the note is right.
    file = tmp_path / "tables.yaml"
    file.write_text(file.read_text().replace("type: time", "type: text"))
    declared = read_tables(file)
    reported = {key[0] for _, key in offenders(mirrored(tmp_path, declared), declared["c"])}
    assert reported == orphans(tmp_path / "own.db")


def test_a_reference_that_is_declared_twice_is_reported_once(tmp_path: Path) -> None:
    declared, _ = discovered(
        tmp_path,
        "CREATE TABLE p (a INTEGER, b INTEGER, PRIMARY KEY (a, b)); CREATE TABLE q (a INTEGER PRIMARY KEY);"
        "CREATE TABLE c (a INTEGER REFERENCES q, b INTEGER, FOREIGN KEY (a, b) REFERENCES p,"
        " FOREIGN KEY (b, a) REFERENCES p (b, a), FOREIGN KEY (a) REFERENCES Q (A), FOREIGN KEY (a) REFERENCES c2);"
        "CREATE TABLE c2 (a INTEGER PRIMARY KEY); INSERT INTO c VALUES (1, 1)",
    )
    assert len(declared["c"].foreign_key_constraints) == 3
    names = [
        breach.rule.name
        for breach in evaluate(mirrored(tmp_path, declared), declared["c"]).breaches
    ]
    assert names == ["a_foreign_key", "a_foreign_key_2", "b_a_foreign_key"]
    # Nor is one that a person wrote twice.
    file = tmp_path / "tables.yaml"
    again = "    references:\n    - columns: [a]\n      table: q\n      to: [a]\n"
    file.write_text(file.read_text().replace("    references:\n", again))
    twice = read_tables(file)["c"]
    assert len(twice.foreign_key_constraints) == 4
    warehouse = mirrored(tmp_path, read_tables(file))
    assert [breach.rule.name for breach in evaluate(warehouse, twice).breaches] == names
