"""The sentences on declared tables that stand under each other's names now: the lines to write end the drift."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from saas_platform_tests.sync.test_drift_words import Drifted

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
        ("DROP TABLE orders; ALTER TABLE people RENAME TO orders;", "orders"),
        (
            f"{SWAP} CREATE TABLE copy (id INTEGER PRIMARY KEY, amount NUMERIC(8,2), note TEXT);",
            "orders, people and copy",
        ),
    ],
)
def test_what_is_unsure_stops_and_names_all(tmp_path: Path, change: str, places: str) -> None:
    own = Drifted(tmp_path, change)
    errors = own.errors()
    for name in ("orders", "people"):
        assert errors[name].startswith(
            f"{name} can't be distinguished from other tables, because {places} of the source may have been renamed among each"
            " other (orders and people in tables.yaml), and there are several ways: write `source:`"
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
