"""Who breaks the contract of a raw table: counted in one query, sampled where there is anyone.

Holds: queries of rules, and their outcome. Does not hold: rules, or any write.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from saas_platform.contracts.rules import Rule, Severity, rules_of
from saas_platform.schema.collations import BINARY
from saas_platform.warehouse.interface import Warehouse, target_schema

#: Offenders shown for each rule.
SAMPLES = 5
#: Of a value, in ASCII: an odd character would do to the page what it did to the data.
_SHOWN = 60


@dataclass(frozen=True)
class Breach:
    """A rule that is broken: by how many rows (columns, for a type), and the first of them.

    A sample is the row's key, or the row where its table has none, personal data masked; and the value where
    the rule is about one column without such.
    """

    rule: Rule
    offenders: int
    samples: tuple[str, ...]


@dataclass(frozen=True)
class Verdict:
    """How a table stands to its contract. `rows` is None where the warehouse lacks the table."""

    table: str
    rows: int | None
    rules: int
    breaches: tuple[Breach, ...]
    seconds: float

    @property
    def kept(self) -> bool:
        return not self.breaches

    @property
    def severity(self) -> Severity:
        """That of the worst breach."""
        worst = any(breach.rule.severity == "error" for breach in self.breaches)
        return "error" if worst else "warning"


def evaluate(warehouse: Warehouse, table: sa.Table) -> Verdict:
    """Hold the mirror of a table to all its rules."""
    began = time.perf_counter()
    with warehouse.session():
        rules = rules_of(table, warehouse)
        wrong = _wrong_types(warehouse, table)
        breaches = [
            Breach(rule, 1, (wrong[rule.columns[0]],))
            for rule in rules
            if rule.kind == "type" and rule.columns[0] in wrong
        ]
        rows, counts = _counts(warehouse, table, _asked(rules, wrong))
        breaches += [
            Breach(rule, count, _samples(warehouse, table, rule)) for rule, count in counts if count
        ]
    return Verdict(table.name, rows, len(rules), tuple(breaches), time.perf_counter() - began)


def question(warehouse: Warehouse, table: sa.Table) -> str:
    """The query that holds the mirror of a table to all its rules, where its columns are as declared."""
    return _question(warehouse, table, _asked(rules_of(table, warehouse), {}))


def offenders(warehouse: Warehouse, table: sa.Table) -> Iterator[tuple[Rule, tuple[Any, ...]]]:
    """Every row that breaks a rule, by its key; once for each rule."""
    with warehouse.session():
        wrong = _wrong_types(warehouse, table)
        _, counts = _counts(warehouse, table, _asked(rules_of(table, warehouse), wrong))
        for rule, count in counts:
            if count:
                found = warehouse.query(_select(warehouse, table, rule, _key(table)))
                for row in found.to_pylist():
                    yield rule, tuple(row.values())


def _asked(rules: list[Rule], wrong: dict[str, str]) -> list[Rule]:
    """The rules that can be asked: SQL on a column that is not there would fail for all of them."""
    return [r for r in rules if r.kind != "type" and not set(r.columns) & set(wrong)]


def _wrong_types(warehouse: Warehouse, table: sa.Table) -> dict[str, str]:
    """Columns of the mirror that are not as declared, and how."""
    declared, present = warehouse.declared_columns(table), warehouse.mirror_columns(table)
    return {
        column.name: (
            f"{column.name} is {present[column.name]}, declared {declared[column.name]}"
            if column.name in present
            else f"{column.name} is missing"
        )
        for column in table.columns
        if present.get(column.name) != declared[column.name]
    }


def _counts(
    warehouse: Warehouse, table: sa.Table, rules: list[Rule]
) -> tuple[int | None, list[tuple[Rule, int]]]:
    """Rows of the table and offenders of each rule, in one query."""
    if not warehouse.table_exists(target_schema(table), table.name):
        return None, []
    (row,) = warehouse.query(_question(warehouse, table, rules)).to_pylist()
    return row["n"], [(rule, int(row[f"r{n}"])) for n, rule in enumerate(rules)]


def _question(warehouse: Warehouse, table: sa.Table, rules: list[Rule]) -> str:
    counts = [f"{_count(warehouse, table, rule)} AS r{n}" for n, rule in enumerate(rules)]
    listed = ", ".join(["COUNT(*) AS n", *counts])
    return f"SELECT {listed} FROM {_rows(warehouse, table)}"


def _count(warehouse: Warehouse, table: sa.Table, rule: Rule) -> str:
    """The number of offenders, as an item of a SELECT from the table."""
    if rule.kind == "unique":
        return f"(SELECT COALESCE(SUM(g.n), 0) FROM ({_groups(warehouse, table, rule)}) g)"
    if rule.kind == "foreign_key":
        # Of its own, as an anti-join; in an aggregate's argument engines have no plan for it.
        rows = _rows(warehouse, table)
        return f"(SELECT COUNT(*) FROM {rows} WHERE {_condition(warehouse, table, rule)})"
    return f"COUNT(CASE WHEN {_condition(warehouse, table, rule)} THEN 1 END)"


def _condition(warehouse: Warehouse, table: sa.Table, rule: Rule) -> str:
    """True for an offending row."""
    if rule.pattern is not None:
        return warehouse.matches(rule.columns[0], rule.pattern)
    if rule.kind == "unique":
        same = " AND ".join(
            f"g.k{place} = {value}" for place, value in enumerate(_compared(warehouse, table, rule))
        )
        return f"EXISTS (SELECT 1 FROM ({_groups(warehouse, table, rule)}) g WHERE {same})"
    return str(rule.offends)


def _groups(warehouse: Warehouse, table: sa.Table, rule: Rule) -> str:
    """What more than one row has, as columns k0, k1 ..., and how many rows, as n."""
    values = _compared(warehouse, table, rule)
    listed = ", ".join(f"{value} AS k{place}" for place, value in enumerate(values))
    there = " AND ".join(f"r.{warehouse.quoted(column)} IS NOT NULL" for column in rule.columns)
    return (
        f"SELECT {listed}, COUNT(*) AS n FROM {_rows(warehouse, table)} WHERE {there}"
        f" GROUP BY {', '.join(values)} HAVING COUNT(*) > 1"
    )


def _compared(warehouse: Warehouse, table: sa.Table, rule: Rule) -> list[str]:
    """The rule's columns of a row `r`, as the source compares their values."""
    return [
        warehouse.folded(
            f"r.{warehouse.quoted(column)}",
            table.columns[column].info.get("collation", BINARY),
            broadly=False,
        )
        for column in rule.columns
    ]


def _select(warehouse: Warehouse, table: sa.Table, rule: Rule, columns: list[sa.Column]) -> str:
    """The offenders' columns, in the order of the first ones."""
    listed = ", ".join(f"r.{warehouse.quoted(column.name)}" for column in columns)
    return (
        f"SELECT {listed} FROM {_rows(warehouse, table)}"
        f" WHERE {_condition(warehouse, table, rule)} ORDER BY {listed}"
    )


def _samples(warehouse: Warehouse, table: sa.Table, rule: Rule) -> tuple[str, ...]:
    shown = _key(table)
    if len(rule.columns) == 1:
        column = table.columns[rule.columns[0]]
        if "pii" not in column.info and column.name not in table.primary_key.columns:
            shown.append(column)
    found = warehouse.query(f"{_select(warehouse, table, rule, shown)} LIMIT {SAMPLES}").to_pylist()
    return tuple(": ".join(_shown(column, row[column.name]) for column in shown) for row in found)


def _shown(column: sa.Column, value: Any) -> str:
    if "pii" in column.info and value is not None:
        return "***"
    text = ascii(value) if isinstance(value, str) else str(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _rows(warehouse: Warehouse, table: sa.Table) -> str:
    return f"{warehouse.mirror_rows(table)} AS r"


def _key(table: sa.Table) -> list[sa.Column]:
    """What tells a row: its key, or all of it."""
    return list(table.primary_key.columns) or list(table.columns)
