"""Test databases on which a mirror was once wrong: discover, change and read each one again.

Plain sqlite3 says what is right.
Out of scope: the warehouse.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from saas_platform.cli.discover import declare_tables
from saas_platform.platform import Platform
from saas_platform.schema.declared import as_yaml, read_tables
from saas_platform.settings import Settings
from saas_platform.source.interface import SourceError
from saas_platform.source.sqlite import SqliteDatabase


class Own:
    """A database with its tables.yaml."""

    def __init__(
        self, folder: Path, sql: str, edit: Callable[[str], str] = lambda text: text
    ) -> None:
        self.path = folder / "own.db"
        self.sql(sql)
        self.source = SqliteDatabase(self.path)
        self.file = folder / "tables.yaml"
        self.file.write_text(edit(as_yaml(self.source.discover().tables)))
        self.tables = read_tables(self.file)

    def sql(self, sql: str) -> None:
        with closing(sqlite3.connect(self.path)) as file:
            file.executescript(sql)
            file.commit()

    def plain(self, table: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.path)) as file:
            return file.execute(f"SELECT * FROM {table}").fetchall()

    def read(self, table: str, **options: Any) -> list[tuple[Any, ...]]:
        with self.source.snapshot() as snapshot:
            rows = snapshot.rows(self.tables[table], **options).read_all()
        return [tuple(row.values()) for row in rows.to_pylist()]

    def texts(self, table: str) -> list[str]:
        with self.source.snapshot() as snapshot:
            found: list[str] = snapshot.row_texts(self.tables[table]).read_all()["c1"].to_pylist()
        return found

    def type(self, column: str, table: str = "t") -> str:
        return repr(self.tables[table].c[column].type)


@pytest.mark.parametrize("odd", ["'NaN'", "x'31'", "'inf'", "'Infinity'"])
def test_one_text_among_floats(tmp_path: Path, odd: str) -> None:
    own = Own(
        tmp_path,
        "CREATE TABLE prices (id INTEGER PRIMARY KEY, price REAL);"
        "WITH RECURSIVE s(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM s WHERE i < 19999)"
        " INSERT INTO prices SELECT i, i + 0.123456789 FROM s",
    )
    before = own.texts("prices")
    own.sql(f"UPDATE prices SET price = {odd} WHERE id = 9999")
    shown = odd.upper() if odd.startswith("x") else odd
    with pytest.raises(
        SourceError, match=rf"prices\.price .* holds {shown} in the row with id 9999"
    ):
        own.read("prices")
    after = own.texts("prices")
    changed = [place for place in range(20_000) if before[place] != after[place]]
    assert changed == [9_999]
    assert after[9_999].endswith("|?")


@pytest.mark.parametrize(
    ("declared", "first", "later", "kind"),
    [
        ("NUMERIC(18,0)", "5", "900719925474099301", "Numeric(precision=18, scale=0)"),
        ("DECIMAL(20,2)", "5", "900719925474099301", "Numeric(precision=20, scale=2)"),
        ("", "9007199254740993", "9007199254740995", "BigInteger()"),
    ],
)
def test_big_integers_are_exact(
    tmp_path: Path, declared: str, first: str, later: str, kind: str
) -> None:
    own = Own(
        tmp_path,
        f"CREATE TABLE t (id INTEGER PRIMARY KEY, n {declared}); INSERT INTO t VALUES (1, {first})",
    )
    assert own.type("n") == kind
    own.sql(f"INSERT INTO t VALUES (2, {later})")
    assert own.read("t") == own.plain("t")


@pytest.mark.parametrize(
    ("declared", "first", "later", "expected"),
    [
        ("", "1.5", "9007199254740993", "holds 9007199254740993 in the row with id 2"),
        ("", "9007199254740993", "2.0", r"holds 2\.0 in the row with id 2"),
        ("BOOLEAN", "1", "2", "holds 2 in the row with id 2"),
        ("BOOLEAN", "1", "-1", "holds -1 in the row with id 2"),
        ("BOOLEAN", "1", "0.5", r"holds 0\.5 in the row with id 2"),
        ("BOOLEAN", "1", "'true'", "holds 'true' in the row with id 2"),
        ("INTEGER", "9", "'0x1F'", "holds '0x1F' in the row with id 2"),
        ("INTEGER", "9", "x'37'", "holds X'37' in the row with id 2"),
        (
            "TEXT",
            "'x'",
            "CAST(x'4d63666c79ff' AS TEXT)",
            r"holds 'Mcfly\\xff' in the row with id 2",
        ),
        ("DATE", "'2024-01-01'", "'0000-01-01'", "holds '0000-01-01' in the row with id 2"),
    ],
)
def test_what_does_not_fit_is_named(
    tmp_path: Path, declared: str, first: str, later: str, expected: str
) -> None:
    own = Own(
        tmp_path,
        f"CREATE TABLE t (id INTEGER PRIMARY KEY, v {declared}); INSERT INTO t VALUES (1, {first})",
    )
    assert own.read("t")
    own.sql(f"INSERT INTO t VALUES (2, {later})")
    with pytest.raises(SourceError, match=rf"^t\.v of the source {expected}"):
        own.read("t")


@pytest.mark.parametrize(
    ("kind", "value"), [("integer", "'00701'"), ("flag", "4"), ("float", "'1e400'")]
)
def test_a_type_that_was_edited_by_hand(tmp_path: Path, kind: str, value: str) -> None:
    own = Own(
        tmp_path,
        f"CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, {value})",
        lambda text: text.replace("type: text", f"type: {kind}").replace(
            "v: {type: integer", f"v: {{type: {kind}"
        ),
    )
    with pytest.raises(
        SourceError, match=rf"t\.v of the source holds {value} in the row with id 1"
    ):
        own.read("t")


@pytest.mark.slow
def test_a_table_with_the_most_columns(tmp_path: Path) -> None:
    columns = ", ".join(f"c{place} TEXT" for place in range(1_999))
    own = Own(
        tmp_path,
        f"CREATE TABLE a (id INTEGER PRIMARY KEY, {columns}); INSERT INTO a (id) VALUES (1)",
    )
    assert own.read("a") == own.plain("a")


def test_a_row_without_a_version_is_read(tmp_path: Path) -> None:
    own = Own(
        tmp_path,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, ver INTEGER, s TEXT);"
        "INSERT INTO t VALUES (1, 10, 'a'), (2, NULL, 'b')",
        lambda text: text.replace("version: null", "version: ver"),
    )
    own.sql("UPDATE t SET s = 'B2' WHERE id = 2")
    assert own.read("t", above=10) == [(2, None, "B2")]


def test_a_key_of_1_and_the_text_1(tmp_path: Path) -> None:
    own = Own(
        tmp_path,
        "CREATE TABLE t (k PRIMARY KEY, v); INSERT INTO t VALUES (1, 'int'), ('1', 'text')",
    )
    assert own.read("t") == [("1", "int"), ("'1'", "text")]
    assert own.texts("t") == ["1|.int|.", "'1'|.text|."]


def test_a_mixed_column_shows_each_change(tmp_path: Path) -> None:
    own = Own(
        tmp_path,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, 1), (2, x'41'), (3, 'x')",
    )
    before = own.texts("t")
    own.sql("UPDATE t SET v = '1' WHERE id = 1; UPDATE t SET v = 'A' WHERE id = 2")
    assert own.read("t") == [(1, "'1'"), (2, "'A'"), (3, "'x'")]
    assert [old == new for old, new in zip(before, own.texts("t"), strict=True)] == [
        False,
        False,
        True,
    ]


def test_years_and_days_that_do_not_exist_are_texts(tmp_path: Path) -> None:
    own = Own(
        tmp_path,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, born DATE, d DATE, at DATETIME);"
        "INSERT INTO t VALUES (1, '0000-01-01', '2023-02-29', '2023-02-30 00:00:00')",
    )
    assert [own.type(name) for name in ("born", "d", "at")] == ["String()"] * 3
    assert own.read("t") == own.plain("t")


def platform(folder: Path, path: Path) -> Platform:
    home = folder / "home"
    home.mkdir()
    url = sa.URL.create("sqlite", database=str(path)).render_as_string()
    settings = Settings(_env_file=None, home=home, source_url=url, synthetic=False)
    return Platform(settings)


def test_a_path_with_a_question_mark(tmp_path: Path) -> None:
    path = tmp_path / "own" / "shop?v2.db"
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as file:
        file.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)")
    own = platform(tmp_path, path)
    assert declare_tables(own).tables == 1
    assert list(read_tables(own.home.tables)) == ["t"]
    assert [each.name for each in path.parent.iterdir()] == ["shop?v2.db"]


def test_a_blank_column_name(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "own.db")) as file:
        file.execute("CREATE TABLE good (id INTEGER PRIMARY KEY)")
        file.execute('CREATE TABLE t (id INTEGER PRIMARY KEY, "" TEXT)')
    own = platform(tmp_path, tmp_path / "own.db")
    found = declare_tables(own)
    assert found.notes == ("t is left out: it has a column without a name.",)
    assert list(read_tables(own.home.tables)) == ["good"]
