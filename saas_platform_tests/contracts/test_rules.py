"""Tests every rule of every table in the schema: it finds the row that breaks it, and no other row."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, get_args

import pytest
import sqlalchemy as sa
import sqlglot

from saas_platform.contracts import Rule, evaluate, offenders, rules_of
from saas_platform.contracts import rules as r
from saas_platform.contracts.evaluation import _count, _select
from saas_platform.schema import TABLES
from saas_platform.source.sqlite import SqliteSource
from saas_platform.sync import sync
from saas_platform.warehouse.bigquery.target import BigqueryTarget
from saas_platform.warehouse.bigquery.warehouse import BigqueryWarehouse
from saas_platform.warehouse.duckdb.warehouse import DuckdbWarehouse
from saas_platform_tests.rows import populate

#: A warehouse that only supplies SQL and is never opened.
UNOPENED = DuckdbWarehouse(Path("none.duckdb"))
#: The SET clause that makes a row break each CHECK. A name with a table takes precedence in that table.
_BREAKS = {
    "adds_up": "amount_cents = amount_cents + 1",
    "invoices.adds_up": "total_cents = total_cents + 1",
    "amount_not_negative": "amount_cents = -1",
    "cancellation_explained": "cancellation_kind = 'voluntary'",
    "discount_in_range": "discount_percent = 101",
    "discount_not_negative": "discount_cents = -1",
    "duration_positive": "duration_months = 0",
    "employees_positive": "employee_count = 0",
    "ends_after_start": "ends_at = starts_at",
    "failure_explained": "failure_code = 'card_declined'",
    "feature_named": "event_type = 'feature_use'",
    "holdout_in_range": "holdout_percent = 101",
    "holdout_never_redeems": "arm = 'holdout', redeemed_at = created_at",
    "period_in_order": "period_end = period_start",
    "subscriptions.period_in_order": "current_period_start = created_at, current_period_end = created_at",
    "plans.price_not_negative": "seat_price_cents = -1",
    "price_not_negative": "unit_price_cents = -1",
    "quantity_positive": "quantity = 0",
    "redeemed_on_subscription": "redeemed_at = created_at",
    "satisfaction_in_range": "satisfaction = 6",
    "seats_positive": "seats = 0",
    "tax_not_negative": "tax_cents = -1",
    "trial_not_negative": "trial_days = -1",
}

#: Rows 1 to 8 are valid. The tests break row 3, and copy the keys of row 4 into it.
BROKEN, OTHER = 3, 4


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a warehouse with eight valid rows in every table."""
    folder = tmp_path_factory.mktemp("contracts")
    source = SqliteSource(folder / "source.db")
    source.create_schema()
    populate(source.path, 8)
    path = folder / "warehouse.duckdb"
    sync(source, DuckdbWarehouse(path), list(TABLES.values()))
    return path


@pytest.fixture
def warehouse(filled: Path, tmp_path: Path) -> DuckdbWarehouse:
    return DuckdbWarehouse(Path(shutil.copy(filled, tmp_path / "warehouse.duckdb")))


Run = Callable[[str], Any]


@contextmanager
def rolled_back(warehouse: DuckdbWarehouse) -> Iterator[Run]:
    """Yield a function that changes the mirror, and roll its changes back at the end.

    A copy of the file for each rule would take minutes.
    """
    with warehouse.session():
        assert warehouse._open is not None
        run = warehouse._open.run
        run("BEGIN")
        try:
            yield run
        finally:
            run("ROLLBACK")


def _key(table: sa.Table) -> str:
    return next(column.name for column in table.primary_key.columns)


def _assignment(rule: Rule, table: sa.Table) -> str:
    """Return the assignments that make a row break the rule."""
    name = rule.columns[0]
    match rule.kind:
        case "not_null":
            return f"{name} = NULL"
        case "known_value":
            return f"{name} = 'xyzzy'"
        case "length":
            return f"{name} = repeat('x', {table.columns[name].type.length + 1})"  # type: ignore[attr-defined]
        case "blank_edges":
            return f"{name} = {name} || ' '"
        case "odd_unicode":
            return f"{name} = {name} || chr(8203) || 'x'"
        case "foreign_key":
            return f"{name} = 99"
        case "plausible":
            high = table.columns[name].info["plausible"][1]
            beyond = (
                "TIMESTAMP '9999-12-31 23:59:59.999999'" if isinstance(high, datetime) else high + 1
            )
            return f"{name} = {beyond}"
        case "unique":
            return ", ".join(
                f"{c} = (SELECT o.{c} FROM raw.{table.name} o WHERE o.{_key(table)} = {OTHER})"
                for c in rule.columns
            )
    return _BREAKS.get(f"{table.name}.{rule.name}") or _BREAKS[rule.name]


def _offending(rule: Rule, table: sa.Table) -> set[int | None]:
    key = _key(table)
    if rule.kind == "unique":
        return {OTHER} if rule.columns == (key,) else {BROKEN, OTHER}
    if rule.kind == "not_null" and rule.columns == (key,):
        return {None}
    return {BROKEN}


@pytest.mark.few
@pytest.mark.parametrize("table", TABLES.values(), ids=list(TABLES))
def test_each_rule_finds_its_offender_and_no_other(
    warehouse: DuckdbWarehouse, table: sa.Table
) -> None:
    for rule in rules_of(table, warehouse):
        if rule.kind == "type":
            continue
        with rolled_back(warehouse) as run:
            if rule.kind == "not_null":
                run(f"ALTER TABLE raw.{table.name} ALTER {rule.columns[0]} DROP NOT NULL")
            set_ = _assignment(rule, table)
            run(f"UPDATE raw.{table.name} SET {set_} WHERE {_key(table)} = {BROKEN}")
            found: dict[str, set[int | None]] = {}
            for broken, (key,) in offenders(warehouse, table):
                found.setdefault(broken.name, set()).add(key)
        expected = _offending(rule, table)
        assert found[rule.name] == expected, rule.name
        # A row may break several rules at once, but no other row may break any.
        assert set().union(*found.values()) <= expected | {BROKEN, OTHER}, (rule.name, found)


def test_a_text_of_the_greatest_length_keeps_its_rule(warehouse: DuckdbWarehouse) -> None:
    table = TABLES["users"]
    length = table.columns["full_name"].type.length  # type: ignore[attr-defined]
    with rolled_back(warehouse) as run:
        run(f"UPDATE raw.users SET full_name = repeat('x', {length}) WHERE user_id = {BROKEN}")
        assert evaluate(warehouse, table).kept


def test_a_reference_to_a_table_that_differs_from_its_source_is_not_checked(
    warehouse: DuckdbWarehouse,
) -> None:
    """The mirror may lack the row, and the source have it."""
    table = TABLES["users"]
    with rolled_back(warehouse) as run:
        run(f"UPDATE raw.users SET account_id = 99 WHERE user_id = {BROKEN}")
        (breach,) = evaluate(warehouse, table).breaches
        assert breach.rule.parent == "accounts"
        assert evaluate(warehouse, table, differing={"accounts"}).kept


@pytest.mark.parametrize("table", TABLES.values(), ids=list(TABLES))
def test_valid_rows_keep_every_rule(warehouse: DuckdbWarehouse, table: sa.Table) -> None:
    result = evaluate(warehouse, table)
    assert result.kept, result.breaches
    assert result.rows == 8
    assert result.rules == len(rules_of(table, warehouse))


@pytest.mark.parametrize("table", TABLES.values(), ids=list(TABLES))
def test_rules_are_derived_for_every_part_of_the_schema(table: sa.Table) -> None:
    rules = rules_of(table, UNOPENED)
    names = Counter(rule.name for rule in rules)
    assert max(names.values()) == 1
    by_kind: dict[str, set[tuple[str, ...]]] = {kind: set() for kind in get_args(r.RuleKind)}
    for rule in rules:
        by_kind[rule.kind].add(rule.columns)
        assert rule.message
        assert rule.table == table.name
    columns = list(table.columns)
    assert by_kind["type"] == {(c.name,) for c in columns}
    assert by_kind["not_null"] == {(c.name,) for c in columns if not c.nullable}
    assert by_kind["known_value"] == {(c.name,) for c in columns if "values" in c.info}
    assert by_kind["foreign_key"] == {(c.name,) for c in columns if c.foreign_keys}
    assert by_kind["unique"] == {
        tuple(c.name for c in constraint.columns)
        for constraint in table.constraints
        if isinstance(constraint, sa.PrimaryKeyConstraint | sa.UniqueConstraint)
    }
    checks = {str(c.name) for c in table.constraints if isinstance(c, sa.CheckConstraint)}
    from_rules = {f"ck_{table.name}_{rule.name}" for rule in rules if rule.kind == "check"}
    closed = {
        f"ck_{table.name}_{c.name}_known"
        for c in columns
        if "values" in c.info or isinstance(c.type, sa.Boolean)
    }
    assert from_rules | closed == checks
    assert all(rule.columns for rule in rules), "a check names its columns"


def test_a_parent_that_is_partitioned_by_day_is_queried_within_bounds() -> None:
    """BigQuery refuses every query of such a table that does not bound its days."""
    events = TABLES["usage_events"]
    notes = sa.Table(
        "notes",
        sa.MetaData(),
        sa.Column("note_id", sa.BigInteger, primary_key=True),
        sa.Column("event_id", sa.BigInteger, sa.ForeignKey(events.c.event_id)),
    )
    warehouse = BigqueryWarehouse(BigqueryTarget("acme"))
    rule = next(rule for rule in rules_of(notes, warehouse) if rule.kind == "foreign_key")
    asked = sqlglot.parse_one(str(rule.offends), dialect="bigquery")
    (scan,) = (t for t in asked.find_all(sqlglot.exp.Table) if t.name == "usage_events")
    inner = scan.find_ancestor(sqlglot.exp.Select)
    assert inner is not None
    assert "occurred_at" in {
        column.name for column in inner.args["where"].find_all(sqlglot.exp.Column)
    }


def test_what_the_schema_forbids_is_an_error_and_what_is_odd_a_warning() -> None:
    severities = {
        rule.kind: rule.severity for table in TABLES.values() for rule in rules_of(table, UNOPENED)
    }
    odd = {"plausible", "blank_edges", "odd_unicode"}
    assert {kind for kind, severity in severities.items() if severity == "warning"} == odd
    assert set(severities) == set(get_args(r.RuleKind))


@pytest.mark.parametrize(
    "change",
    ["ALTER {column} TYPE VARCHAR", "DROP COLUMN {column}"],
)
def test_a_column_of_another_type_is_reported_and_the_other_rules_still_checked(
    warehouse: DuckdbWarehouse, change: str
) -> None:
    table = TABLES["accounts"]
    with rolled_back(warehouse) as run:
        run(f"ALTER TABLE raw.accounts {change.format(column='employee_count')}")
        run(f"UPDATE raw.accounts SET name = 'x ' WHERE account_id = {BROKEN}")
        result = evaluate(warehouse, table)
    assert [breach.rule.name for breach in result.breaches] == [
        "employee_count_type",
        "name_blank_edges",
    ]
    assert result.severity == "error"
    assert result.breaches[0].samples[0].startswith("employee_count is ")


def test_a_missing_table_is_reported(tmp_path: Path) -> None:
    result = evaluate(DuckdbWarehouse(tmp_path / "none.duckdb"), TABLES["plans"])
    assert result.rows is None
    assert not result.kept


def test_samples_show_keys_and_values_but_no_personal_data(warehouse: DuckdbWarehouse) -> None:
    with rolled_back(warehouse) as run:
        run("UPDATE raw.users SET full_name = 'Ada ', email = 'ada@example.org '")
        run("UPDATE raw.support_tickets SET subject = 'Ada here '")
        run("UPDATE raw.accounts SET name = 'Ada ' || chr(8238) || repeat('x', 200)")
        shown = {
            breach.rule.name: breach
            for name in ("users", "support_tickets", "accounts")
            for breach in evaluate(warehouse, TABLES[name]).breaches
        }
    for name in ("full_name_blank_edges", "email_blank_edges", "subject_blank_edges"):
        assert shown[name].samples == ("1", "2", "3", "4", "5")
        assert shown[name].offenders == 8
    sample = shown["name_odd_unicode"].samples[0]
    assert sample.startswith("1: 'Ada \\u202exxx")
    assert sample.isascii()
    assert len(sample) < 80


@pytest.mark.parametrize(
    "text",
    [
        "plain", "Åsa Čapek-Ñuñez", "日本株式会社", "O'Brien & Söhne", "a-b_c.d@e", "Ελλάδα", "naïve",
    ],
)  # fmt: skip
def test_names_of_people_are_not_odd(warehouse: DuckdbWarehouse, text: str) -> None:
    with rolled_back(warehouse) as run:
        run(f"UPDATE raw.accounts SET name = '{text.replace(chr(39), chr(39) * 2)}'")
        assert evaluate(warehouse, TABLES["accounts"]).kept


@pytest.mark.parametrize(
    "code", [0x7, 0xA0, 0x301, 0x200B, 0x200D, 0x2028, 0x202E, 0xE000, 0xFEFF, 0x1F9FE]
)
def test_invisible_and_unusual_characters_are_odd(warehouse: DuckdbWarehouse, code: int) -> None:
    with rolled_back(warehouse) as run:
        run(f"UPDATE raw.accounts SET name = 'a' || chr({code}) || 'b' WHERE account_id = {BROKEN}")
        found = [(rule.name, key) for rule, (key,) in offenders(warehouse, TABLES["accounts"])]
    assert found == [("name_odd_unicode", BROKEN)]


@pytest.mark.parametrize("table", TABLES.values(), ids=list(TABLES))
def test_the_sql_is_valid_on_bigquery_too(table: sa.Table) -> None:
    warehouse = BigqueryWarehouse(BigqueryTarget("acme"))
    for rule in rules_of(table, warehouse):
        if rule.kind == "type":
            continue
        for sql in (
            f"SELECT {_count(warehouse, table, rule)} AS n FROM raw.{table.name} AS r",
            _select(warehouse, table, rule, [table.columns[_key(table)]]),
        ):
            (parsed,) = sqlglot.parse(sql, read="bigquery")
            assert parsed is not None
            assert not list(parsed.find_all(sqlglot.exp.Command))
            assert '"' not in sql
