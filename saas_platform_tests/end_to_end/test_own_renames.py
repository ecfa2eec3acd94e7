"""Test the commands where it is unclear what was renamed, and where a view takes the place of a table."""

from __future__ import annotations

import re

import pytest

from saas_platform_tests.end_to_end.command_line import command
from saas_platform_tests.end_to_end.own import Own

TWINS = """
CREATE TABLE t4 (id INTEGER PRIMARY KEY, a TEXT);
CREATE TABLE t5 (id INTEGER PRIMARY KEY, a TEXT);
INSERT INTO t4 VALUES (1, 'four');
INSERT INTO t5 VALUES (1, 'five');
"""


@pytest.fixture
def twins(own: Own) -> Own:
    own.change(TWINS)
    assert command("doctor", "--discover", "--yes").code == 0
    assert command("sync").code == 0
    return own


@pytest.mark.slow
def test_one_new_table_that_is_like_two_that_are_gone(twins: Own) -> None:
    twins.change("DROP TABLE t4; ALTER TABLE t5 RENAME TO t55")
    said = command("sync").err
    for name, other in (("t4", "t5"), ("t5", "t4")):
        assert (
            f"The source no longer has the table {name}, but a new one, t55, has the same columns (as had {other}, which"
            f" may have been renamed instead): if it was renamed, write `source:` with its new name under {name}"
            in said
        )
    said = command("doctor", "--discover", "--yes").err
    assert (
        "t4 and t5 are no longer tables of the source, where t55 is new and has the same columns. None is taken for"
        " renamed, because there are several ways. To keep a mirror: write `source:` with the new name under the old one"
        " in tables.yaml, and discover again" in said
    )
    assert "t4 is gone from the source: it is removed" in said
    assert "t5 is gone from the source: it is removed" in said
    assert "t55 is new in the source: it is added" in said
    assert command("sync").code == 0
    assert twins.raw("SELECT a FROM raw.t4") == [("four",)]
    assert twins.raw("SELECT a FROM raw.t55") == [("five",)]


@pytest.mark.slow
def test_two_new_tables_that_are_like_one_that_is_gone(twins: Own) -> None:
    twins.change("ALTER TABLE t4 RENAME TO t44; CREATE TABLE t45 (id INTEGER PRIMARY KEY, a TEXT);")
    said = command("sync").err
    assert (
        "no longer has the table t4, but new ones, t44 and t45, have the same columns: if it was renamed, write `source:`"
        " with its new name under t4 in tables.yaml" in said
    )
    said = command("doctor", "--discover").err
    assert (
        "t4 is no longer one of the tables of the source, where t44 and t45 are new and have the same columns. It is not"
        " taken for renamed" in said
    )
    twins.edit(("  t4:\n", "  t4:\n    source: t44\n"))
    assert command("doctor", "--discover", "--yes").code == 0
    assert command("sync").code == 0
    assert twins.raw("SELECT a FROM raw.t4") == [("four",)]


@pytest.mark.slow
def test_columns_of_which_any_may_be_the_new_one(twins: Own) -> None:
    twins.change(
        "ALTER TABLE t4 ADD COLUMN b TEXT; ALTER TABLE t5 ADD COLUMN b TEXT; UPDATE t4 SET b = 'b'"
    )
    assert command("doctor", "--discover", "--yes").code == 0
    assert command("sync").code == 0
    twins.change("ALTER TABLE t4 DROP COLUMN a; ALTER TABLE t4 RENAME COLUMN b TO c")
    said = command("sync").err
    assert "t4.a is gone from the source, but a new column c has its type (as had b, which" in said
    assert "t4.b is gone from the source, but a new column c has its type (as had a, which" in said
    said = command("doctor", "--discover", "--yes").err
    assert (
        "t4.a and t4.b are no longer columns of the source, where c is new and has the same type"
        in said
    )
    assert command("sync").code == 0
    assert twins.raw("SELECT c FROM raw.t4") == [("b",)]


@pytest.mark.few
@pytest.mark.parametrize(
    "view", ["SELECT id, a, 1 c FROM t4_data", "SELECT * FROM t4_data", "SELECT * FROM none"]
)
def test_a_view_that_takes_the_place_of_a_table(twins: Own, view: str) -> None:
    twins.change(f"DROP TABLE t5; ALTER TABLE t4 RENAME TO t4_data; CREATE VIEW t4 AS {view}")
    twins.file.write_text(re.sub(r"  t5:\n(    .*\n)+", "", twins.file.read_text()))
    words = "t4 is a view in the source now, which can't be mirrored, but a new one, t4_data, has the same columns"
    said = command("sync").err
    assert words in said
    assert "t4_data of the source is not mirrored" not in said
    assert words in command("doctor").out
    said = command("doctor", "--discover", "--yes").err
    assert (
        "t4 is a view now in the source, where t4_data is new and has the same columns: it is read from there now"
        in said
    )
    assert command("sync").code == 0
    assert twins.raw("SELECT a FROM raw.t4") == [("four",)]


@pytest.mark.slow
def test_a_view_without_a_table_that_is_like_the_one_it_replaces(twins: Own) -> None:
    twins.change("DROP TABLE t4; CREATE VIEW t4 AS SELECT id, c7 AS a FROM people, orders")
    said = command("sync").err
    assert "t4 is a view in the source now, which can't be mirrored: remove t4 from tables" in said
    said = command("doctor", "--discover", "--yes").err
    assert "t4 is a view now in the source: it is removed" in said
    assert command("sync").code == 0


def test_a_swap_does_not_show_what_is_hashed(own: Own, monkeypatch: pytest.MonkeyPatch) -> None:
    """The column of the hash keeps its form, under whichever name its table stands in the source."""
    monkeypatch.setenv("SAAS_HASH_SALT", "a secret of the test")
    own.change(
        "CREATE TABLE a (id INTEGER PRIMARY KEY, x TEXT); INSERT INTO a VALUES (1, 'secret');"
        "CREATE TABLE b (id INTEGER PRIMARY KEY, r TEXT); INSERT INTO b VALUES (1, 'open');"
    )
    assert command("doctor", "--discover", "--yes").code == 0
    own.edit(
        (
            "x: {type: text, declared: TEXT, nullable: true}",
            "x: {type: text, declared: TEXT, nullable: true, pii: credential, mirror: hash}",
        )
    )
    assert command("sync").code == 0
    hashed = own.raw("SELECT x FROM raw.a")
    own.change("ALTER TABLE a RENAME TO c; ALTER TABLE b RENAME TO a; ALTER TABLE c RENAME TO b;")
    stopped = command("sync")
    assert stopped.code == 1
    assert "write `source: b` under a and `source: a` under b in tables.yaml" in stopped.err
    assert "`source: r`" not in command("doctor", "--discover", "--yes").err
    assert command("sync").code == 0
    assert own.raw("SELECT x FROM raw.a") == hashed != [("secret",)]
    assert own.raw("SELECT r FROM raw.b") == [("open",)]
