"""Test on the command line how a later discovery is merged into the tables.yaml of a user's own database."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from saas_platform_tests.end_to_end.command_line import command
from saas_platform_tests.end_to_end.own import Own


def test_a_second_discovery_of_the_same_source_changes_nothing(own: Own) -> None:
    own.edit(("  orders:", "  # ours\n  orders:"))
    before = own.file.read_bytes()
    for words in ([], ["--yes"]):
        output = command("doctor", "--discover", *words)
        assert output.code == 0
        assert "matches the source: there is nothing to change" in output.err
        assert own.file.read_bytes() == before


def test_a_later_discovery_shows_the_difference_and_writes_it_on_yes(own: Own) -> None:
    own.edit(("  orders:", "  # ours\n  orders:"), ("decimal(8, 2)", "decimal(12, 3)"))
    own.change(
        "ALTER TABLE orders ADD COLUMN phone TEXT; CREATE TABLE more (id INTEGER PRIMARY KEY)"
    )
    before = own.file.read_text()
    output = command("doctor", "--discover")
    assert output.code == 1
    assert own.file.read_text() == before
    for words in (
        "orders.phone is new in the source: it is added as text",
        "more is new in the source: it is added, with 1 column",
        "1 column marked as personal, by name or by values: check each.",
        "orders.phone: phone, because its name has 'phone'",
        "is not changed: run `saas-platform doctor --discover --yes` to write the 2 changes above",
    ):
        assert words in output.err
    output = command("doctor", "--discover", "--yes")
    assert output.code == 0, output.err
    after = own.file.read_text()
    assert all(line in after.splitlines() for line in before.splitlines())
    assert "  # ours" in after
    assert "decimal(12, 3)" in after
    assert command("sync").code == 0
    assert own.raw("SELECT count(*) FROM raw.more") == [(0,)]


def test_a_wrong_file_is_not_merged_into(own: Own) -> None:
    own.edit(("type: integer", "type: int"))
    before = own.file.read_text()
    output = command("doctor", "--discover", "--yes")
    assert output.code == 2
    assert re.fullmatch(r"error: tables\.yaml, line \d+: table orders, column id: .*\n", output.err)
    assert own.file.read_text() == before


def test_a_renamed_column_keeps_its_mirror(own: Own) -> None:
    assert command("sync").code == 0
    own.change("ALTER TABLE orders RENAME COLUMN note TO remark")
    output = command("sync")
    assert output.code == 1
    assert "orders.note is gone from the source, but a new column remark has its type" in output.err
    assert command("doctor", "--discover", "--yes").code == 0
    assert "note: {source: remark, type: text" in own.file.read_text()


def test_doctor_discover_prints_one_json_document(own: Own) -> None:
    own.change("CREATE TABLE more (id INTEGER PRIMARY KEY)")
    output = command("doctor", "--discover", "--json")
    assert output.code == 1
    assert {finding["ok"] for finding in json.loads(output.out)} == {True}


def test_the_ends_of_lines_stay_as_the_file_has_them(own: Own) -> None:
    own.file.write_bytes(own.file.read_bytes().replace(b"\n", b"\r\n"))
    own.change("ALTER TABLE orders ADD COLUMN phone TEXT")
    assert command("doctor", "--discover", "--yes").code == 0
    text = own.file.read_bytes()
    assert b"phone" in text
    assert text.count(b"\r\n") == text.count(b"\n")


def test_another_primary_key_becomes_the_key(own: Own) -> None:
    own.change(
        "DROP TABLE orders; CREATE TABLE orders (uuid TEXT PRIMARY KEY, amount NUMERIC(8,2) NOT NULL, note TEXT);"
        "INSERT INTO orders VALUES ('a', 1, 'x')"
    )
    output = command("doctor", "--discover", "--yes")
    assert "orders.id is gone from the source: it is removed; the key is now [uuid]" in output.err
    assert command("sync").code == 0
    assert command("doctor", "--discover").code == 0
    assert "key: [uuid]" in own.file.read_text()


def test_a_null_in_a_key_names_a_remedy_that_works(make: type[Own], tmp_path: Path) -> None:
    own = make(tmp_path, "CREATE TABLE t (k TEXT PRIMARY KEY, v); INSERT INTO t VALUES ('a', 1);")
    assert command("doctor", "--discover").code == 0
    own.change("INSERT INTO t VALUES (NULL, 2)")
    assert "write other columns or `key: []` under t in tables.yaml" in command("sync").error_text
    own.edit(
        ("key: [k]", "key: []"),
        ("declared: TEXT, nullable: false", "declared: TEXT, nullable: true"),
    )
    assert command("sync").code == 0
    assert own.raw("SELECT count(*) FROM raw.t") == [(2,)]


def test_a_name_is_accepted_as_messages_show_it(make: type[Own], tmp_path: Path) -> None:
    own = make(tmp_path, 'CREATE TABLE "a\nb" (id INTEGER PRIMARY KEY, v INTEGER);')
    assert command("doctor", "--discover").code == 0
    assert command("sync", "a\\nb").code == 0
    assert command("repair", "a\\nb").code == 0
    assert "raw.a\\nb, with its log entries" in command("reset", "--table", "a\\nb", "--yes").out
    assert own.raw(
        "SELECT count(*) FROM duckdb_tables() WHERE table_name = 'a' || chr(10) || 'b'"
    ) == [(0,)]


def test_another_key_of_the_source_is_shown_with_the_line_to_write(
    make: type[Own], tmp_path: Path
) -> None:
    own = make(tmp_path, "CREATE TABLE t (a INTEGER, b INTEGER, PRIMARY KEY (a));")
    assert command("doctor", "--discover").code == 0
    own.change("DROP TABLE t; CREATE TABLE t (a INTEGER, b INTEGER, PRIMARY KEY (a, b));")
    output = command("doctor", "--discover")
    assert "t keeps its key [a], which nothing in the source keeps unique now" in output.error_text
    assert "write `key: [a, b]` under t in tables.yaml" in output.error_text


def test_a_source_without_any_declared_table_is_one_sentence(
    make: type[Own], tmp_path: Path
) -> None:
    own = make(tmp_path, "CREATE TABLE t (a INTEGER PRIMARY KEY); CREATE TABLE u (a INTEGER);")
    assert command("doctor", "--discover").code == 0
    own.file.write_text("skip: [u]\n" + own.file.read_text().partition("\n  u:")[0] + "\n")
    own.change("DROP TABLE t")
    for words in (["--yes"], []):
        output = command("doctor", "--discover", *words)
        assert output.code == 2
        assert "is gone from the source, and all others are skipped" in output.error_text


def test_a_schema_named_like_the_file_of_the_warehouse_stops_the_table_with_a_sentence(
    own: Own,
) -> None:
    own.edit(("  orders:\n", "  orders:\n    schema: warehouse\n"))
    output = command("sync")
    assert output.code == 1
    assert "orders can't go to the schema warehouse" in output.error_text
    assert "people: full load" in output.out


def test_values_that_no_row_can_be_compared_with_are_refused(
    make: type[Own], tmp_path: Path
) -> None:
    own = make(tmp_path, "CREATE TABLE t (a INTEGER PRIMARY KEY, f REAL, b BOOLEAN);")
    assert command("doctor", "--discover").code == 0
    before = own.file.read_text()
    for old, new, said in (
        ("declared: REAL", "declared: REAL, plausible: [0, .inf]", "inf in plausible is no value"),
        ("declared: REAL", "declared: REAL, values: [1.5, .nan]", "nan in values is no value"),
        (
            "declared: BOOLEAN",
            "declared: BOOLEAN, values: [true]",
            "values can't be given for a column of type flag",
        ),
    ):
        own.file.write_text(before)
        own.edit((old, new))
        output = command("sync")
        assert output.code == 2
        assert said in output.error_text
        assert "line " in output.error_text


@pytest.mark.slow
def test_a_type_that_no_longer_fits_is_named_until_it_is_changed(own: Own) -> None:
    """The first discovery after the change writes the new declaration, and the second still has a proposal."""
    assert command("sync").code == 0
    own.change(
        "CREATE TABLE made (id INTEGER PRIMARY KEY, amount NUMERIC(8,2) NOT NULL, note INTEGER);"
        "INSERT INTO made SELECT id, amount, id FROM orders;"
        "DROP TABLE orders; ALTER TABLE made RENAME TO orders"
    )
    assert "Its type stays text, but its values now suggest integer" in discovered()
    stopped = command("sync").err
    assert "orders.note of the source holds a value in the row with id 1" in stopped
    assert "which `saas-platform doctor --discover` proposes" in stopped
    remark = "write `type: integer` at orders.note in tables.yaml"
    for _ in range(2):
        assert remark in discovered()
    own.edit(
        ("note: {type: text, declared: INTEGER", "note: {type: integer, declared: INTEGER"),
    )
    assert remark not in discovered()
    assert command("sync").code == 0


def test_a_type_of_the_users_choice_that_fits_is_not_remarked_on(own: Own) -> None:
    own.change("UPDATE orders SET note = '2024-01-01'")
    own.edit(
        ("note: {type: text,", "note: {type: date,"),
        ("type: 'decimal(8, 2)'", "type: any"),
    )
    said = discovered()
    assert "keeps its type" not in said
    assert "there is nothing to change" in said
    own.change("UPDATE orders SET note = 'soon' WHERE id = 2; UPDATE orders SET amount = 'dear'")
    said = discovered()
    assert "write `type: text` at orders.note in tables.yaml" in said
    assert "orders.amount keeps its type" not in said, "it holds every value"


def discovered() -> str:
    return command("doctor", "--discover", "--yes").err
