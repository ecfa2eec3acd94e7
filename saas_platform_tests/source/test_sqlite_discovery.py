"""Test that the reader reads every value as discovery declares it, and that notes name what is left out."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from saas_platform.schema import canonical
from saas_platform.schema.declared import as_yaml, read_tables
from saas_platform.source.interface import Discovery, SourceError
from saas_platform.source.sqlite import SqliteDatabase
from saas_platform_tests.source.sqlite_values import INVALID, Raw, values


def make(path: Path, sql: str) -> SqliteDatabase:
    with closing(sqlite3.connect(path)) as file:
        file.executescript(sql)
        file.commit()
    return SqliteDatabase(path)


def discovered(path: Path, sql: str) -> Discovery:
    return make(path, sql).discover()


def types(discovery: Discovery, table: str = "t") -> dict[str, str]:
    (found,) = (each for each in discovery.tables if each.name == table)
    return {column.name: repr(column.type) for column in found.columns}


@pytest.mark.parametrize(
    ("declared", "written", "wanted"),
    [
        ("DATE", ["'2024-02-29'"], "Date()"),
        ("DATE", ["'2023-02-29'"], "String()"),
        ("DATE", ["'0000-01-01'"], "String()"),
        ("DATE", ["'2024-02-29'", "'2024-02-29 10:00'"], "DateTime()"),
        ("DATE", ["'2024-02-29'", "''"], "String()"),
        ("DATE", ["'2024-02-29'", "20240229"], "AnyValue()"),
        ("DATE", ["20240229"], "BigInteger()"),
        ("DATETIME", ["'2024-02-29'", "'2024-02-29T10:11:12.123456'"], "DateTime()"),
        ("DATETIME", ["'2024-03-09T10:00:00.123Z'"], "String()"),
        ("DATETIME", ["'2024-03-09 24:00:00'"], "String()"),
        ("DATETIME", ["'2023-02-30 00:00:00'"], "String()"),
        ("DATETIME", ["'0000-01-01 00:00:00'"], "String()"),
        ("DATETIME", ["'2024-03-09 10:00:00.1234567'"], "String()"),
        ("DATETIME", ["'2024-03-09 10:00:00'", "''"], "String()"),
        ("TIMESTAMP", ["1700000000"], "BigInteger()"),
        ("BOOLEAN", ["0", "1", "NULL"], "Boolean()"),
        ("BOOLEAN", ["0", "2"], "BigInteger()"),
        ("BOOLEAN", ["0", "'true'"], "AnyValue()"),
        ("NUMERIC(10,2)", ["15.86", "4", "0.35"], "Numeric(precision=10, scale=2)"),
        ("NUMERIC(10,2)", ["0.995"], "Double()"),
        ("NUMERIC(10,2)", ["100000000"], "BigInteger()"),
        ("NUMERIC(10,2)", ["0.995", "9007199254740993"], "AnyValue()"),
        ("DECIMAL(18)", ["900719925474099301"], "Numeric(precision=18, scale=0)"),
        ("DECIMAL", ["1.5", "1"], "Double()"),
        ("", ["1.5", "9007199254740993"], "AnyValue()"),
        ("", ["1", "'1'"], "AnyValue()"),
        ("", ["1"], "BigInteger()"),
        ("", ["'x'"], "String()"),
        ("", ["x'00'"], "LargeBinary()"),
        ("", ["x'00'", "'x'"], "AnyValue()"),
        ("", ["NULL"], "AnyValue()"),
        ("INTEGER", ["1", "'0x1F'"], "AnyValue()"),
        ("INTEGER", ["1", "1.5"], "Double()"),
        ("INT UNSIGNED", ["1"], "BigInteger()"),
        ("DOUBLE PRECISION", ["1", "1.5"], "Double()"),
        ("DOUBLE PRECISION", ["1.5", "'NaN'"], "AnyValue()"),
        ("VARCHAR(80)", ["1", "'x'"], "String()"),
        ("VARCHAR(80)", ["'x'", "x'00'"], "AnyValue()"),
        ("nonsense", ["1", "1.5"], "Double()"),
        ("nonsense", ["'x'"], "String()"),
        ("NUMERIC(8, 2)", [], "Numeric(precision=8, scale=2)"),
        ("DATETIME", [], "DateTime()"),
        ("VARCHAR(80)", [], "String()"),
    ],
)
def test_types(tmp_path: Path, declared: str, written: list[str], wanted: str) -> None:
    rows = "".join(f"INSERT INTO t (v) VALUES ({value});" for value in written)
    source = make(
        tmp_path / "own.db", f"CREATE TABLE t (id INTEGER PRIMARY KEY, v {declared}); {rows}"
    )
    assert types(source.discover())["v"] == wanted
    assert_readable(source, source.discover())


def assert_readable(source: SqliteDatabase, discovery: Discovery) -> None:
    """Check that the reader reads all rows, and that the proof's texts are those of the same rows."""
    with source.snapshot() as snapshot, closing(sqlite3.connect(source.path)) as file:
        for table in discovery.tables:
            quoted = table.name.replace('"', '""')
            (count,) = file.execute(f'SELECT count(*) FROM "{quoted}"').fetchone()
            rows = snapshot.rows(table).read_all().to_pylist()
            texts = snapshot.row_texts(table).read_all()["c1"].to_pylist()
            assert len(rows) == count
            assert texts == [canonical.row_text(table, row) for row in rows]


names = st.sampled_from(
    ["id", "Order", 'a "b"', "it's", "ü", "a b", "select", "x;--", "%s", "a.b", " "]
)
kinds = st.sampled_from(
    [
        *("", "TEXT", "INTEGER", "INT UNSIGNED", "VARCHAR(80)", "NUMERIC(6,2)", "DECIMAL(38, 20)"),
        *("REAL", "DOUBLE PRECISION", "BLOB", "DATETIME", "DATE", "BOOLEAN", "nonsense", "JSON"),
    ]
)


@st.composite
def databases(draw: st.DrawFn) -> tuple[str, list[str], list[list[Any]]]:
    columns = draw(st.lists(names, min_size=1, max_size=4, unique_by=str.casefold))
    quoted = ['"' + name.replace('"', '""') + '"' for name in columns]
    parts = [f"{name} {draw(kinds)}" for name in quoted]
    key = draw(st.sampled_from(["none", "inline", "first", "all", "without rowid"]))
    if key == "inline":
        parts[0] += " PRIMARY KEY"
    elif key in ("first", "without rowid"):
        parts.append(f"PRIMARY KEY ({quoted[0]})")
    elif key == "all":
        parts.append(f"PRIMARY KEY ({', '.join(quoted)})")
    if draw(st.booleans()):
        stored = draw(st.sampled_from(["STORED", "VIRTUAL"]))
        kind = draw(kinds)
        parts.insert(len(quoted), f"made {kind} GENERATED ALWAYS AS ({quoted[-1]} || '') {stored}")
    options = "WITHOUT ROWID" if key == "without rowid" else ""
    rows = draw(
        st.lists(st.lists(values, min_size=len(columns), max_size=len(columns)), max_size=5)
    )
    return f"CREATE TABLE t ({', '.join(parts)}) {options}", quoted, rows


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(databases())
def test_what_is_declared_is_read(
    tmp_path_factory: pytest.TempPathFactory, database: tuple[str, list[str], list[list[Any]]]
) -> None:
    sql, columns, rows = database
    path = tmp_path_factory.mktemp("own") / "own.db"
    invalid = False
    with closing(sqlite3.connect(path)) as file:
        file.execute(sql)
        for row in rows:
            marks = ["CAST(? AS TEXT)" if isinstance(value, Raw) else "?" for value in row]
            try:
                file.execute(
                    f"INSERT INTO t ({', '.join(columns)}) VALUES ({', '.join(marks)})",
                    [bytes(value) if isinstance(value, Raw) else value for value in row],
                )
            except sqlite3.IntegrityError:
                continue  # the key is taken, or is not a number
            invalid = invalid or any(isinstance(value, Raw | bytes) for value in row)
        file.commit()
    source = SqliteDatabase(path)
    discovery = source.discover()
    assert [table.name for table in discovery.tables] == ["t"]
    (path.parent / "tables.yaml").write_text(as_yaml(discovery.tables))
    declared = read_tables(path.parent / "tables.yaml")
    if any("is not UTF-8" in note for note in discovery.notes):
        assert invalid
        with source.snapshot() as snapshot, pytest.raises(SourceError, match="which is not a"):
            snapshot.rows(declared["t"]).read_all()
    else:
        assert_readable(source, Discovery(tuple(declared.values())))


def test_one_table_does_not_stop_discovery(tmp_path: Path) -> None:
    source = make(
        tmp_path / "own.db",
        """
        CREATE TABLE good (id INTEGER PRIMARY KEY); INSERT INTO good VALUES (1);
        CREATE TABLE blank (id INTEGER PRIMARY KEY, "" TEXT);
        CREATE TABLE "" (id INTEGER PRIMARY KEY);
        CREATE TABLE bad (x);
        CREATE VIEW broken AS SELECT * FROM gone;
        CREATE VIEW shadowed AS SELECT nosuch FROM good;
        CREATE VIRTUAL TABLE search USING fts5(words);
        CREATE TABLE later (id INTEGER PRIMARY KEY); INSERT INTO later VALUES (1);
        PRAGMA writable_schema = ON;
        INSERT INTO sqlite_master VALUES
            ('table', 'map', 'map', 0, 'CREATE VIRTUAL TABLE map USING spatial(x)');
        UPDATE sqlite_master SET name = CAST(x'62ff' AS TEXT), tbl_name = CAST(x'62ff' AS TEXT),
            sql = CAST(CAST('CREATE TABLE "b' AS BLOB) || x'ff' || CAST('" (x)' AS BLOB) AS TEXT)
            WHERE name = 'bad';
        """,
    )
    discovery = source.discover()
    assert [table.name for table in discovery.tables] == ["good", "later"]
    notes = "\n".join(discovery.notes)
    assert "blank is left out: it has a column without a name." in notes
    assert "A table without a name is left out: it needs a name to be mirrored." in notes
    assert "search is left out: it is a virtual table." in notes
    assert "search_data is left out: it is a part of a virtual table." in notes
    assert "map is left out: it is a virtual table." in notes
    assert "b\\xff is left out" in notes
    assert "broken" not in notes


def test_a_corrupt_page_leaves_one_table_out(tmp_path: Path) -> None:
    path = tmp_path / "own.db"
    rows = ", ".join("('" + "x" * 500 + "')" for _ in range(100))
    source = make(
        path,
        f"CREATE TABLE a (v TEXT); INSERT INTO a VALUES {rows};"
        f"CREATE TABLE b (v TEXT); INSERT INTO b VALUES {rows};"
        f"CREATE TABLE c (v TEXT); INSERT INTO c VALUES {rows};",
    )
    with closing(sqlite3.connect(path)) as file:
        (root,) = file.execute("SELECT rootpage FROM sqlite_master WHERE name = 'b'").fetchone()
        (size,) = file.execute("PRAGMA page_size").fetchone()
    with path.open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xff" * 200)
    discovery = source.discover()
    assert [table.name for table in discovery.tables] == ["a", "c"]
    (note,) = discovery.notes
    assert note.startswith("b is left out: The source ")
    assert note.endswith("is corrupt: restore it from a backup.")


def test_no_table_of_a_users_database_is_taken_for_the_platforms(tmp_path: Path) -> None:
    ours = ["_batches", "_source", "_tombstones", "_erasures", "_intake_log", "_staged_x"]
    source = make(
        tmp_path / "own.db",
        "".join(f"CREATE TABLE {name} (id INTEGER PRIMARY KEY);" for name in ours),
    )
    assert [table.name for table in source.discover().tables] == sorted(ours)


def test_a_text_that_is_not_utf_8_is_reported(tmp_path: Path) -> None:
    source = make(tmp_path / "own.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT, w)")
    with closing(sqlite3.connect(tmp_path / "own.db")) as file:
        file.execute("INSERT INTO t VALUES (1, CAST(? AS TEXT), 1)", (INVALID,))
        file.execute("INSERT INTO t VALUES (2, 'x', CAST(? AS TEXT))", (INVALID,))
        file.commit()
    discovery = source.discover()
    assert types(discovery) == {"id": "BigInteger()", "v": "String()", "w": "AnyValue()"}
    assert [note for note in discovery.notes if "UTF-8" in note] == [
        f"t.{name} holds a text that is not UTF-8, so that t can't be mirrored: correct it in the source, or move"
        " the column from the columns of t in tables.yaml to its `skip:`."
        for name in ("v", "w")
    ]


def test_other_types_than_the_declared_are_reported(tmp_path: Path) -> None:
    discovery = discovered(
        tmp_path / "own.db",
        "CREATE TABLE t (a DATE, b INTEGER, c, d, e BOOLEAN, f NUMERIC(10,2), g VARCHAR(9));"
        "INSERT INTO t VALUES ('2023-02-29', 'x', 1, 1, 2, 0.995, 'x'), (NULL, 1, 'x', 2, 1, 1, 'y');",
    )
    assert discovery.notes == (
        "t.a is declared as DATE and holds values of other types: discovery proposes a text.",
        "t.b is declared as INTEGER and holds values of other types: discovery proposes a value of any"
        " type.",
        "t.c has no type and holds values of other types: discovery proposes a value of any type.",
        "t.e is declared as BOOLEAN and holds values of other types: discovery proposes a whole number of"
        " at most 64 bits.",
        "t.f is declared as NUMERIC(10,2) and holds values of other types: discovery proposes a float.",
    )


def test_a_column_of_a_strict_table_may_hold_values_of_any_type(tmp_path: Path) -> None:
    rows = "VALUES (1, 'x'), (2, 3), (3, x'31')"
    discovery = discovered(
        tmp_path / "own.db",
        f"CREATE TABLE t (id INTEGER PRIMARY KEY, a ANY) STRICT; INSERT INTO t {rows};"
        f"CREATE TABLE u (id INTEGER PRIMARY KEY, a ANY); INSERT INTO u {rows};",
    )
    assert discovery.notes == (
        "u.a is declared as ANY and holds values of other types: discovery proposes a value of any type.",
    )


def test_how_columns_of_keys_are_compared(tmp_path: Path) -> None:
    discovery = discovered(
        tmp_path / "own.db",
        """
        CREATE TABLE countries (code TEXT COLLATE NOCASE PRIMARY KEY, name TEXT COLLATE NOCASE, b TEXT);
        CREATE UNIQUE INDEX by_b ON countries (b COLLATE RTRIM);
        CREATE TABLE shops (id INTEGER PRIMARY KEY, country TEXT COLLATE NOCASE REFERENCES countries);
        INSERT INTO countries VALUES ('De', 'x', 'y'); INSERT INTO shops VALUES (1, 'DE');
        """,
    )
    countries, shops = discovery.tables
    compared = {c.name: c.info.get("collation") for c in [*countries.columns, *shops.columns]}
    assert compared == {
        "code": "NOCASE",
        "name": None,
        "b": None,
        "id": None,
        "country": "NOCASE",
    }
    # SQLite takes the collation of a unique rule from its index.
    (by_b,) = (c for c in countries.constraints if isinstance(c, sa.UniqueConstraint))
    assert (by_b.columns.keys(), by_b.info) == (["b"], {"collation": {"b": "RTRIM"}})
    (reference,) = shops.foreign_keys
    assert reference.column is countries.c.code


def test_a_collation_that_only_another_program_knows(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "own.db")) as file:
        file.create_collation("LOCALIZED", lambda a, b: (a > b) - (a < b))
        file.execute(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT COLLATE LOCALIZED UNIQUE, w TEXT"
            " COLLATE LOCALIZED, n COLLATE LOCALIZED)"
        )
        file.execute("INSERT INTO t VALUES (1, 'x', 'y', 1)")
        file.commit()
    source = SqliteDatabase(tmp_path / "own.db")
    (table,) = source.discover().tables
    assert isinstance(table.c.v.type, sa.String)
    with source.snapshot() as snapshot:
        assert snapshot.rows(table).read_all().to_pylist() == [
            {"id": 1, "v": "x", "w": "y", "n": 1}
        ]
        assert snapshot.row_texts(table).read_all()["c1"].to_pylist() == ["1|.x|.y|.1|."]


def test_strict_and_generated_columns_and_references(tmp_path: Path) -> None:
    source = make(
        tmp_path / "own.db",
        """
        CREATE TABLE p (a TEXT, b INT, v ANY, PRIMARY KEY (a, b)) STRICT, WITHOUT ROWID;
        CREATE TABLE c (id INTEGER PRIMARY KEY, a TEXT, b INT, twice INT AS (b * 2) STORED,
            more TEXT AS (a || b) VIRTUAL, FOREIGN KEY (a, b) REFERENCES p, UNIQUE (a, id));
        INSERT INTO p VALUES ('x', 1, 1), ('x', 2, '1'); INSERT INTO c (id, a, b) VALUES (1, 'x', 1);
        """,
    )
    discovery = source.discover()
    child, parent = discovery.tables
    assert [column.name for column in parent.primary_key.columns] == ["a", "b"]
    assert types(discovery, "c") == {
        "id": "BigInteger()",
        "a": "String()",
        "b": "BigInteger()",
        "twice": "BigInteger()",
        "more": "String()",
    }
    assert types(discovery, "p")["v"] == "AnyValue()"
    (reference,) = child.foreign_key_constraints
    assert reference.column_keys == ["a", "b"]
    (unique,) = (each for each in child.constraints if isinstance(each, sa.UniqueConstraint))
    assert [column.name for column in unique.columns] == ["a", "id"]
    assert_readable(source, discovery)


def test_a_mixed_key_keeps_its_rows_apart(tmp_path: Path) -> None:
    source = make(
        tmp_path / "own.db",
        "CREATE TABLE t (k PRIMARY KEY, v); INSERT INTO t VALUES (1, 'int'), ('1', 'text')",
    )
    (table,) = source.discover().tables
    with source.snapshot() as snapshot:
        assert snapshot.rows(table).read_all()["k"].to_pylist() == ["1", "'1'"]


@pytest.mark.parametrize("columns", [300, pytest.param(1_999, marks=pytest.mark.slow)])
def test_wide_tables(tmp_path: Path, columns: int) -> None:
    listed = ", ".join(f"c{place} NUMERIC(20,2)" for place in range(columns))
    source = make(
        tmp_path / "own.db",
        f"CREATE TABLE t (id INTEGER PRIMARY KEY, {listed});"
        f"INSERT INTO t (id, c1, c{columns - 1}) VALUES (1, 15.86, 'x')",
    )
    found = types(source.discover())
    assert len(found) == columns + 1
    assert found["c1"] == "Numeric(precision=20, scale=2)"
    assert found[f"c{columns - 1}"] == "String()"
    assert_readable(source, source.discover())


def test_a_misfit_after_the_first_batch_is_seen(tmp_path: Path) -> None:
    source = make(
        tmp_path / "own.db",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, d DATETIME, n NUMERIC(10,2), i INTEGER);"
        "WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < 40000)"
        " INSERT INTO t SELECT i, '2024-01-01 10:00:00', i / 100.0, i FROM s;"
        "UPDATE t SET d = '2024-01-01 24:00:00', n = 0.001, i = 'x' WHERE id = 39999;",
    )
    discovery = source.discover()
    assert types(discovery) == {
        "id": "BigInteger()",
        "d": "String()",
        "n": "Double()",
        "i": "AnyValue()",
    }
    assert_readable(source, discovery)
