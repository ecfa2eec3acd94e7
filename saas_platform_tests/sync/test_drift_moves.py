"""The sentences on declared tables that stand under each other's names now: the lines to write end the drift."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from saas_platform.source.interface import SourceError
from saas_platform.sync.drift import SyncError, check_table
from saas_platform_tests.sync.test_drift_words import SMALL, Drifted

SWAP = """
ALTER TABLE orders RENAME TO aside;
ALTER TABLE people RENAME TO orders;
ALTER TABLE aside RENAME TO people;
"""


def _follow(own: Drifted, said: str) -> None:
    """Write each line that the sentence proposes under its table."""
    lines = re.findall(r"`(source: [^`]*)` under (\w+)", said)
    assert lines
    for line, table in lines:
        own.edit(f"  {table}:\n", f"  {table}:\n    {line}\n")


def test_two_tables_that_were_swapped(tmp_path: Path) -> None:
    own = Drifted(tmp_path, SWAP)
    errors = own.errors()
    assert errors == {
        name: f"{name} of the source does not have the columns of {name}, which {other} has now, so that their tables seem"
        " to be renamed: write `source: people` under orders and `source: orders` under people in tables.yaml, which"
        " keeps the mirrors (`saas-platform doctor --discover --yes` does it for you). Until then the table is not"
        " synced."
        for name, other in (("orders", "people"), ("people", "orders"))
    }
    assert own.unnamed() == ()
    _follow(own, errors["orders"])
    assert own.quiet


def test_a_table_that_took_the_name_of_a_renamed_one(tmp_path: Path) -> None:
    own = Drifted(
        tmp_path, "ALTER TABLE orders RENAME TO sales; ALTER TABLE people RENAME TO orders;"
    )
    errors = own.errors()
    assert errors.keys() == {"orders", "people"}
    assert own.unnamed() == ()
    _follow(own, errors["people"])
    assert own.quiet


@pytest.mark.parametrize(
    ("change", "places"),
    [
        (
            "DROP TABLE orders; ALTER TABLE people RENAME TO orders;",
            "orders of the source may be any of them now",
        ),
        (
            f"{SWAP} CREATE TABLE copy (id INTEGER PRIMARY KEY, amount NUMERIC(8,2), note TEXT);",
            "orders, people and copy of the source may have been renamed among each other",
        ),
    ],
)
def test_what_is_unsure_stops_and_names_all(tmp_path: Path, change: str, places: str) -> None:
    own = Drifted(tmp_path, change)
    errors = own.errors()
    for name in ("orders", "people"):
        assert errors[name].startswith(
            f"{name} can't be distinguished from other tables, because {places} (orders and"
            " people in tables.yaml), and there are several ways: write `source:`"
        )
    assert own.unnamed() == ()


def test_a_table_with_fewer_columns_is_not_read_in_place_of_the_other(tmp_path: Path) -> None:
    """After the swap orders has all declared columns of people, and only the other one lacks some."""
    own = Drifted(tmp_path, "")
    own.edit('      mail: {source: E-Mail, type: text, declared: VARCHAR(80), nullable: true}\n', "      note: {type: text, declared: TEXT, nullable: true}\n")  # fmt: skip
    own.change('DROP TABLE people; CREATE TABLE people (id INTEGER PRIMARY KEY, note TEXT);' + SWAP)  # fmt: skip
    assert own.errors().keys() == {"orders", "people"}
    _follow(own, own.errors()["people"])
    assert own.errors() == {}


def test_a_large_circle_names_the_line_of_each_table_once(tmp_path: Path) -> None:
    own = Drifted(tmp_path, "")
    names = [f"t{number}" for number in range(40)]
    more = [
        SMALL.format(name=name) + f"      {name}: {{type: text, declared: TEXT}}\n"
        for name in names
    ]
    own.file.write_text(own.file.read_text() + "".join(more))
    for place, name in zip([*names[1:], names[0]], names, strict=True):
        own.change(f"CREATE TABLE {place} (id INTEGER PRIMARY KEY, {name} TEXT)")
    errors = own.errors()
    assert errors.keys() == {*names}
    for place, name in zip([*names[1:], names[0]], names, strict=True):
        assert len(errors[name]) < 500
        assert (
            f"write `source: {place}` under {name} in tables.yaml, which keeps the mirror"
            in errors[name]
        )
    for said in errors.values():
        _follow(own, said)
    assert own.quiet


def test_a_table_that_one_has_become_that_is_skipped(tmp_path: Path) -> None:
    own = Drifted(
        tmp_path,
        "DROP TABLE audit; ALTER TABLE people RENAME TO audit; CREATE TABLE people (id INTEGER PRIMARY KEY, x INT);",
    )
    assert own.errors() == {
        "people": "people can't be distinguished from another table: people of the source lacks some of its columns, and"
        " audit, which tables.yaml does not mirror, has exactly its columns: if it was renamed, write `source: audit`"
        " under people in tables.yaml, and people in `skip:` instead of audit; if not, write the present columns under"
        " people. Until then the table is not synced."
    }
    own.edit("skip: [audit]", "skip: [people]")
    own.edit("  people:\n", "  people:\n    source: audit\n")
    assert own.quiet


def test_a_source_that_can_not_list_its_tables_hides_nothing(tmp_path: Path) -> None:
    own = Drifted(tmp_path, "ALTER TABLE people ADD COLUMN x INT; ALTER TABLE orders DROP note;")

    def tables() -> list[tuple[str | None, str]]:
        raise SourceError("The source can't list its tables.")

    with own._snapshot() as snapshot:
        snapshot.tables = tables  # type: ignore[method-assign]
        declared = own.declaration.tables
        (said,) = check_table(snapshot, own.warehouse, declared["people"])
        assert "people.x is new in the source" in said
        with pytest.raises(SyncError, match=r"orders\.note is gone from the source"):
            check_table(snapshot, own.warehouse, declared["orders"])


def test_names_that_differ_by_case_are_others_where_the_source_says_so(tmp_path: Path) -> None:
    own = Drifted(tmp_path, "ALTER TABLE orders RENAME note TO NOTE;")
    assert own.errors() == {}
    with own._snapshot() as snapshot:
        snapshot.names_ignore_case = lambda: False  # type: ignore[method-assign]
        with pytest.raises(SyncError) as raised:
            check_table(snapshot, own.warehouse, own.declaration.tables["orders"])
    assert "orders.note is gone from the source, but a new column NOTE has its type" in str(
        raised.value
    )
    assert "write `source: NOTE` at orders.note" in str(raised.value)
