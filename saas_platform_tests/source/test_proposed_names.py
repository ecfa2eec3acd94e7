"""Test the names that discovery proposes where a mirror can't have a name: its file can be read again."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import duckdb
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from saas_platform.schema.declared import as_yaml, read_tables
from saas_platform.schema.mirror_names import folded, mirror_names
from saas_platform.schema.source_names import source_column, source_table
from saas_platform.source.discovery import Seen, SeenReference, SeenTable, SeenUnique, propose
from saas_platform.source.sqlite import SqliteDatabase
from saas_platform.sync import sync
from saas_platform.warehouse.duckdb.warehouse import DuckdbWarehouse


def _seen(name: str, columns: list[str], **more: object) -> SeenTable:
    known = {"key": [], "candidates": [], "unique": [], "references": [], "rows": 1, **more}
    return SeenTable(
        name,
        {each: Seen("INT", sa.BigInteger(), nullable=False, has_null=False) for each in columns},
        **known,  # type: ignore[arg-type]
    )


def test_reserved_names_blank_names_and_names_that_differ_by_case(tmp_path: Path) -> None:
    tables, _ = propose(
        [
            _seen(
                "_sync_log",
                ["_sync_id", "", "Id", "ID", "x"],
                key=["Id"],
                unique=[SeenUnique(["_sync_id"])],
            ),
            _seen("Orders", ["id"], key=["id"]),
            _seen("orders", ["id"], references=[SeenReference(["id"], "_sync_log", ["_sync_id"])]),
        ]
    )
    assert [table.name for table in tables] == ["source_sync_log", "Orders_b7e8ac", "orders_1c168a"]
    log, _, orders = tables
    assert [c.name for c in log.columns] == [
        "source_sync_id", "unnamed", "Id_12156e", "ID_384397", "x"
    ]  # fmt: skip
    assert [source_column(c) for c in log.columns] == ["_sync_id", "", "Id", "ID", "x"]
    assert source_table(orders) == (None, "orders")
    assert [c.name for c in log.primary_key] == ["Id_12156e"]
    path = tmp_path / "tables.yaml"
    path.write_text(as_yaml(tables))
    read = read_tables(path)
    assert as_yaml(read.values()) == path.read_text()
    (reference,) = read["orders_1c168a"].foreign_key_constraints
    assert reference.elements[0].column is read["source_sync_log"].c.source_sync_id
    # The warehouse accepts these names.
    warehouse = DuckdbWarehouse(tmp_path / "w.duckdb")
    assert [warehouse.unsupported_reason(table) for table in read.values()] == [None] * 3


def test_names_that_differ_by_case_beyond_ascii_each_have_a_mirror(tmp_path: Path) -> None:
    """DuckDB folds only ASCII in a name, whatever its function `lower` does."""
    names = ["Ünï", "ünï"]
    shops, warehouse = tmp_path / "shops.db", DuckdbWarehouse(tmp_path / "w.duckdb")
    with closing(sqlite3.connect(shops)) as connection:
        for name in names:
            connection.execute(f'CREATE TABLE "{name}" (id INTEGER PRIMARY KEY, s TEXT)')
            connection.execute(f'INSERT INTO "{name}" VALUES (1, ?)', [name])
        connection.commit()
    source = SqliteDatabase(shops)
    reports = sync(source, warehouse, source.discover())
    assert [(report.table, report.error) for report in reports] == [(name, None) for name in names]
    with duckdb.connect(str(warehouse.path)) as connection:
        for name in names:
            assert connection.execute(f'SELECT s FROM raw."{name}"').fetchall() == [(name,)]


@given(st.lists(st.text("aAbB_ sync", max_size=9), unique=True), st.randoms())
def test_any_names(names: list[str], chance: random.Random) -> None:
    found = mirror_names(names)
    assert len({folded(name) for name in found.values()}) == len(names)
    turned = list(names)
    chance.shuffle(turned)
    assert mirror_names(turned) == found
    for name, mirror in found.items():
        assert mirror.strip()
        assert not folded(mirror).startswith("_sync_")
        if mirror != name:
            others = [folded(other) for other in found.values()] + [folded(each) for each in names]
            usable = f"source{name}" if folded(name).startswith("_sync_") else name
            twins = [folded(each) for each in names].count(folded(usable)) + (usable != name)
            assert not name.strip() or usable != name or twins > 1, (name, others)
