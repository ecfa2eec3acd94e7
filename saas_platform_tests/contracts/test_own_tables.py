"""Tests the contracts of a user's own tables, from the catalogue and tables.yaml to the rows in raw."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import duckdb
import pytest
import sqlalchemy as sa

from saas_platform.contracts import evaluate, offenders, rules_of
from saas_platform.schema.declared import as_yaml, read_tables
from saas_platform.source.sqlite import SqliteDatabase
from saas_platform.sync import sync
from saas_platform.warehouse.duckdb.warehouse import DuckdbWarehouse
from saas_platform.warehouse.interface import Warehouse
from saas_platform_tests.sync.own_databases import DATABASES, make

#: A warehouse that only supplies SQL and is never opened.
UNOPENED = DuckdbWarehouse(Path("none.duckdb"))
#: Tables with names that need quotes, with a compound key, with references to that key and to the table
#: itself, and without a key. Each contains rows that break rules, because SQLite does not enforce them here.
SHOP = """
CREATE TABLE "order" ("from" INTEGER, "the ""no"" of it" TEXT, "when" DATETIME NOT NULL, price NUMERIC(8, 2),
    "select" INTEGER REFERENCES "ORDER" ("FROM"), PRIMARY KEY ("from"), UNIQUE ("the ""no"" of it", price));
CREATE TABLE "order line" ("from" INTEGER NOT NULL REFERENCES "order", line INTEGER NOT NULL, kind TEXT,
    PRIMARY KEY ("from", line));
CREATE TABLE shipped ("from" INTEGER, line INTEGER, e_mail TEXT, other TEXT REFERENCES elsewhere (id),
    FOREIGN KEY ("from", line) REFERENCES "order line");
CREATE UNIQUE INDEX mails ON shipped (e_mail);
CREATE UNIQUE INDEX part_of_them ON shipped (other) WHERE other > 'x';
INSERT INTO "order" VALUES (1, 'a', '2024-01-01 00:00:00', 1.5, NULL), (2, 'b', '2024-01-02 00:00:00', -2, 1),
    (3, 'c', '2024-01-03 00:00:00', 3, 99);
INSERT INTO "order line" VALUES (1, 1, 'goods'), (1, 2, 'bads'), (8, 1, 'goods');
INSERT INTO shipped VALUES (1, 2, 'a@b.c', 'x'), (1, 3, 'd@e.f', NULL), (NULL, 3, 'g@h.i ', NULL);
"""
EDITS = [
    ("kind: {", "kind: {values: [goods, services], "),
    ("price: {", "price: {plausible: [0, null], "),
]


def declared(folder: Path, sql: str, *edits: tuple[str, str]) -> dict[str, sa.Table]:
    file = folder / "tables.yaml"
    text = as_yaml(SqliteDatabase(make(folder / "own.db", sql)).discover().tables)
    for old, new in edits:
        assert old in text, (old, text)
        text = text.replace(old, new)
    file.write_text(text)
    return read_tables(file)


def mirrored(folder: Path, tables: dict[str, sa.Table]) -> DuckdbWarehouse:
    warehouse = DuckdbWarehouse(folder / "warehouse.duckdb")
    reports = sync(SqliteDatabase(folder / "own.db"), warehouse, tables.values())
    assert all(report.succeeded for report in reports), reports
    return warehouse


def test_offenders_are_reported_by_what_identifies_a_row(tmp_path: Path) -> None:
    tables = declared(tmp_path, SHOP, *EDITS)
    warehouse = mirrored(tmp_path, tables)
    found = {
        f"{name}.{breach.rule.name}": (breach.offenders, breach.samples)
        for name, table in tables.items()
        for breach in evaluate(warehouse, table).breaches
    }
    assert found == {
        "order.select_foreign_key": (1, ("3: 99",)),
        "order.price_plausible": (1, ("2: -2.00",)),
        "order line.from_foreign_key": (1, ("8: 1",)),
        "order line.kind_known_value": (1, ("1: 2: 'bads'",)),
        "shipped.from_line_foreign_key": (1, ("1: 3: ***: None",)),
        "shipped.e_mail_blank_edges": (1, ("None: 3: ***: None",)),
    }
    # A row that breaks a contract is still in the mirror.
    assert warehouse.query('SELECT count(*) AS n FROM raw."order"').to_pylist() == [{"n": 3}]


def test_rules_follow_the_catalogue(tmp_path: Path) -> None:
    tables = declared(tmp_path, SHOP)
    names = {
        name: {
            rule.name
            for rule in rules_of(table, UNOPENED)
            if rule.kind in ("unique", "foreign_key")
        }
        for name, table in tables.items()
    }
    assert names == {
        "order": {"from_unique", 'the "no" of it_price_unique', "select_foreign_key"},
        "order line": {"from_line_unique", "from_foreign_key"},
        "shipped": {"e_mail_unique", "from_line_foreign_key"},
    }
    # A text without a maximum length has no rule about its length.
    assert not any(rule.kind == "length" for t in tables.values() for rule in rules_of(t, UNOPENED))


def test_a_rule_broken_only_in_the_mirror_is_reported(tmp_path: Path) -> None:
    tables = declared(tmp_path, SHOP)
    warehouse = mirrored(tmp_path, tables)
    with warehouse._connected() as connection:
        connection.run("INSERT INTO raw.\"order line\" VALUES (1, 1, NULL, 'by hand')")
    breach = next(
        b for b in evaluate(warehouse, tables["order line"]).breaches if b.rule.kind == "unique"
    )
    assert (breach.offenders, breach.samples) == (2, ("1: 1", "1: 1"))


@pytest.mark.parametrize("sql", DATABASES.values(), ids=DATABASES)
def test_any_database_can_be_checked_against_its_contract(tmp_path: Path, sql: str) -> None:
    tables = declared(tmp_path, sql)
    warehouse = mirrored(tmp_path, tables)
    for table in tables.values():
        result = evaluate(warehouse, table)
        assert result.rows is not None
        assert all(breach.rule.kind in ("blank_edges", "odd_unicode") for breach in result.breaches)


def test_what_discovery_writes_is_read_back_unchanged(tmp_path: Path) -> None:
    tables = declared(tmp_path, SHOP, *EDITS)
    text = as_yaml(tables.values())
    assert "references:" in text
    (tmp_path / "again.yaml").write_text(text)
    again = read_tables(tmp_path / "again.yaml")
    assert as_yaml(again.values()) == text
    for name, table in tables.items():
        assert rules_of(again[name], UNOPENED) == rules_of(table, UNOPENED)


@pytest.mark.parametrize(
    "value",
    [
        "it's",
        "a\\b",
        '"',
        "\\'",
        "",
        7,
        -3,
        0.5,
        datetime(2024, 1, 31, 10, 11, 12, 13),
        date(2024, 1, 31),
    ],
    ids=repr,
)
def test_a_value_of_a_declaration_is_what_every_engine_reads(
    any_warehouse: Warehouse, value: object
) -> None:
    (row,) = any_warehouse.query(f"SELECT {any_warehouse.literal(value)} AS v").to_pylist()
    found = row["v"]
    if isinstance(found, datetime):
        found = found.replace(tzinfo=None)
    assert found == value


def test_values_with_quotes_and_backslashes_are_known(tmp_path: Path) -> None:
    warehouse = DuckdbWarehouse(tmp_path / "warehouse.duckdb")
    values = ("it's", "a\\b")
    column = sa.Column("kind", sa.String, info={"values": values, "declared": "TEXT"})
    table = sa.Table("t", sa.MetaData(), sa.Column("id", sa.BigInteger, primary_key=True), column)
    with duckdb.connect(str(warehouse.path)) as connection:
        connection.execute(
            "CREATE SCHEMA raw; CREATE TABLE raw.t (id BIGINT, kind VARCHAR, _sync_id VARCHAR)"
        )
        for number, kind in enumerate([*values, "its", "ab", None]):
            connection.execute("INSERT INTO raw.t VALUES (?, ?, 'x')", [number, kind])
    broken = {breach.rule.name: breach.offenders for breach in evaluate(warehouse, table).breaches}
    assert broken == {"kind_known_value": 2}


@pytest.mark.parametrize(
    "text",
    [
        *("two\nlines\r\nand\ta tab", "\U0001f600", "\u2764\ufe0f", "\U0001f469\u200d\U0001f680", "e\u0301"),
        *("\u0928\u092e\u0938\u094d\u0924\u0947", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "\u5168\u3000\u89d2", "\U00020bb7\u91ce\u5bb6"),
    ],
    ids=ascii,
)  # fmt: skip
def test_texts_of_any_language_are_not_odd(tmp_path: Path, text: str) -> None:
    assert odd_keys(tmp_path, text) == []


@pytest.mark.parametrize(
    "code",
    [0x1, 0x7, 0xB, 0x1B, 0x7F, 0x85, 0xA0, 0xAD, 0x200B, 0x200E, 0x2028, 0x202E, 0x2066, 0xE000, 0xFEFF, 0xF0000],
    ids=hex,
)  # fmt: skip
def test_characters_that_nobody_sees_are_odd(tmp_path: Path, code: int) -> None:
    assert odd_keys(tmp_path, f"a{chr(code)}b") == [(1,)]


def odd_keys(folder: Path, text: str) -> list[tuple[object, ...]]:
    """Return the keys of the rows that the contract reports, of a table with the text and a plain one."""
    tables = declared(
        folder,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT);"
        f"INSERT INTO t VALUES (1, CAST(x'{text.encode().hex()}' AS TEXT)), (2, 'plain')",
    )
    found = list(offenders(mirrored(folder, tables), tables["t"]))
    assert {rule.kind for rule, _ in found} <= {"odd_unicode"}
    return [key for _, key in found]
