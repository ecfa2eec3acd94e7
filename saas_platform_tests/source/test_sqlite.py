"""Test what only a SQLite source allows: others may lock or break its file, or write values of any type."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from saas_platform.schema import TABLES, canonical
from saas_platform.source.interface import SourceError
from saas_platform.source.sqlite import SqliteSource
from saas_platform.source.sqlite.connection import connect, transaction
from saas_platform_tests.rows import by_hand
from saas_platform_tests.source.test_apply import FIRST, batch, every_table


@pytest.fixture
def source(tmp_path: Path) -> SqliteSource:
    made = SqliteSource(tmp_path / "source.db")
    made.create_schema()
    return made


def test_a_row_put_back_with_its_old_version_gets_a_new_version(source: SqliteSource) -> None:
    source.apply(batch(FIRST, every_table(2)))
    with by_hand(source.path) as connection:
        connection.execute("UPDATE plans SET name = 'x' WHERE plan_id = 2")
    with source.snapshot() as snapshot:
        before = snapshot.high_watermark(TABLES["users"])
    with by_hand(source.path, checked=False) as connection:
        connection.execute("CREATE TEMP TABLE kept AS SELECT * FROM plans WHERE plan_id = 1")
        connection.execute("DELETE FROM plans WHERE plan_id = 1")
        connection.execute("INSERT INTO plans SELECT * FROM kept")
    with source.snapshot() as snapshot:
        assert snapshot.rows(TABLES["plans"], above=before).read_all()["plan_id"].to_pylist() == [1]


def test_a_value_of_another_type_is_named(source: SqliteSource) -> None:
    source.apply(batch(FIRST, every_table(2)))
    with by_hand(source.path, checked=False) as connection:
        connection.execute("UPDATE accounts SET signed_up_at = 'soon' WHERE account_id = 2")
    with source.snapshot() as snapshot, pytest.raises(SourceError, match=r"accounts.signed_up_at"):
        snapshot.rows(TABLES["accounts"]).read_all()


def test_the_texts_of_the_company_tables_are_canonical(source: SqliteSource) -> None:
    source.apply(batch(FIRST, every_table(2)))
    with source.snapshot() as snapshot:
        for table in TABLES.values():
            rows = snapshot.rows(table).read_all().to_pylist()
            texts = snapshot.row_texts(table).read_all()
            assert rows
            assert texts["c1"].to_pylist() == [canonical.row_text(table, row) for row in rows]
            counts = Counter(texts["c0"].to_pylist())
            assert counts == snapshot.slice_counts(table)
            some = [sorted(counts)[0]]
            assert snapshot.row_texts(table, some).read_all().num_rows == counts[some[0]]
            assert snapshot.rows(table, slices=some).read_all().num_rows == counts[some[0]]


def test_a_file_that_is_not_a_database_gives_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "broken.db"
    path.write_bytes(b"not a database, whatever its name says" * 200)
    with pytest.raises(SourceError, match=r"broken.db is not a SQLite database.*reset --yes"):
        SqliteSource(path).create_schema()
    assert path.read_bytes().startswith(b"not a database")


def test_an_empty_source_says_what_to_do(tmp_path: Path) -> None:
    with (
        pytest.raises(SourceError, match="holds no company yet: run `saas-platform run`"),
        SqliteSource(tmp_path / "none.db").snapshot(),
    ):
        pass


def test_a_locked_source_gives_one_sentence(
    source: SqliteSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("saas_platform.source.sqlite.connection.BUSY_MILLISECONDS", 50)
    with (
        connect(source.path) as cursor,
        transaction(cursor, "IMMEDIATE"),
        pytest.raises(SourceError, match="is locked by another program"),
    ):
        source.apply(batch(FIRST))


def test_drop_leaves_the_tables_of_others(source: SqliteSource) -> None:
    source.apply(batch(FIRST, every_table(2)))
    with by_hand(source.path) as connection:
        connection.execute("CREATE TABLE theirs (a)")
    source.drop()
    assert not source.exists()
    with by_hand(source.path) as connection:
        names = connection.execute("SELECT name FROM sqlite_master").fetchall()
        assert names == [("theirs",)]
        connection.execute("DROP TABLE theirs")
    source.create_schema()
    source.drop()
    assert not source.path.exists()
