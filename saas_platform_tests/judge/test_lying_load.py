"""Make one conversion of the load from SQLite at a time return wrong values: the proof finds every such lie.

The proof uses none of these functions, so it names the row, the column and the value that SQLite itself
holds. A function that is added to the reader without a lie here or in test_lying_checks.py fails a test.
"""

from __future__ import annotations

import dataclasses
import inspect
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from saas_platform.source.sqlite import reading
from saas_platform_tests.judge import test_lying_checks
from saas_platform_tests.judge.lies import ID, KINDS, ROWS, lies_on, with_lie
from saas_platform_tests.judge.loaded_lies import (
    ASKS,
    MAKES,
    READS,
    LoadedLie,
    check_found,
    make_lie,
    of_sql,
    of_values,
    own,
)
from saas_platform_tests.judge.own import Own

#: Functions with a lie of their own in test_lying_checks.py, and functions whose result is not part of a loaded value.
OTHERS = {
    "readings": "test_two_columns_that_are_read_as_each_other",
    "_fails": "test_a_misfit_that_is_let_through",
    "_check_range": "test_a_range_that_is_not_checked",
    "is_utf8": "test_a_text_whose_bytes_are_not_checked",
    "is_altered": "test_a_text_of_utf16_that_is_altered",
    "_exact": "test_a_decimal_by_the_slow_way",
    "is_wide": "test_a_wide_decimal_taken_for_a_narrow_one",
    "_by_kind": "names the functions above for each kind",
    "_first_not": "names the value in the error of a table that stops",
}


def functions(module: ModuleType) -> set[str]:
    return {
        name
        for name, found in inspect.getmembers(module, inspect.isfunction)
        if found.__module__ == module.__name__
    }


def test_every_function_of_the_reader_has_a_lie() -> None:
    assert functions(reading) == {*MAKES, *READS, *ASKS, *OTHERS}
    missing = {name for name in OTHERS.values() if name.startswith("test_")} - set(
        vars(test_lying_checks)
    )
    assert not missing


#: How many of the lies about a type are tested.
HOW_MANY = pytest.mark.parametrize(
    "most", [1, pytest.param(None, marks=pytest.mark.slow)], ids=["one lie", "all lies"]
)


@pytest.mark.few
@HOW_MANY
@pytest.mark.parametrize("function", [*MAKES, *READS])
def test_a_conversion_that_lies(
    tmp_path: Path, lying: pytest.MonkeyPatch, function: str, most: int | None
) -> None:
    lies = of_values({**MAKES, **READS}[function], most=most)
    made = own(tmp_path, lies)
    if function == "_decimals_of_texts":  # used for tables too wide for two expressions
        lying.setattr(reading, "MOST_COLUMNS", 2)
    make_lie(lying, function, lies)
    check_found(made, lies, lying)


@pytest.mark.few
@HOW_MANY
@pytest.mark.parametrize("function", ASKS)
def test_an_expression_that_lies(
    tmp_path: Path, lying: pytest.MonkeyPatch, function: str, most: int | None
) -> None:
    lies = of_sql(ASKS[function], most)
    made = own(tmp_path, lies)
    if function == "_number_text_sql":
        lying.setattr(reading, "MOST_COLUMNS", 2)
    make_lie(lying, function, lies)
    check_found(made, lies, lying)


@pytest.mark.parametrize(
    "name",
    ["NULL", *(pytest.param(each, marks=pytest.mark.slow) for each in (None, "swapped rows"))],
)
def test_a_lie_about_a_later_change(
    tmp_path: Path, lying: pytest.MonkeyPatch, name: str | None
) -> None:
    """The load of a change takes another way through the warehouse than the first load."""
    lies = [each for each in of_values(tuple(KINDS)) if name is None or each.name == name]
    made = own(tmp_path, lies)
    assert all(report.succeeded for report in made.sync().values())
    for n in range(len(lies)):
        made.execute([f"UPDATE t{n} SET v{n} = (SELECT v{n} FROM t{n} WHERE id = 2) WHERE id = 1"])
    make_lie(lying, "_reading", lies)
    check_found(made, lies, lying, loaded=True)


@pytest.mark.few
@pytest.mark.parametrize("kind", ["integer", "text", "date", "decimal(30, 2)", "bytes", "any"])
def test_a_lie_about_a_key(tmp_path: Path, lying: pytest.MonkeyPatch, kind: str) -> None:
    """A wrong key shows as one extra and one missing row."""
    what = KINDS[kind]
    made = Own(tmp_path, f"CREATE TABLE t0 (k {what.declared} PRIMARY KEY NOT NULL, n INTEGER)")
    made.fill(
        "INSERT INTO t0 VALUES (?, ?)",
        [(what.value(place), place) for place in range(ROWS)],
    )
    made.declare()
    made.edit(lambda tables: tables["t0"]["columns"]["k"].update(type=kind))
    (name, lie) = next(iter(lies_on(what).items()))
    real = reading._reading

    def lied(column: Any, **named: Any) -> Any:
        found = real(column, **named)
        if column.name != "k":
            return found
        return dataclasses.replace(found, make=lambda arrays: with_lie(found.make(arrays), lie))

    lying.setattr(reading, "_reading", lied)
    (report,) = made.sync().values()
    assert not report.succeeded, name
    for level in ("digest", "rows"):
        (proof,) = made.verify(level).values()
        assert proof.differences is not None, proof
        assert (proof.differences.missing, proof.differences.extra) == (1, 1)
        assert not made.faults_of_verify({"t0": proof})
    (repaired,) = made.repair().values()
    assert not repaired.succeeded
    lying.undo()
    (repaired,) = made.repair().values()
    assert repaired.succeeded, repaired
    assert not made.judged()


#: For each type, the SQL of a value that differs as little as possible.
_BY_HAND = {
    "integer": "v + 1",
    "flag": "NOT v",
    "float": "CAST(v AS DOUBLE) + 1e-11",
    "decimal(10, 2)": "v + 0.01",
    "decimal(30, 2)": "v + 0.01",
    "text": "v || ' '",
    "time": "v + INTERVAL 1 MICROSECOND",
    "date": "v + 1",
    "bytes": "v || '\\x00'::BLOB",
    "any": "'''' || v || ''''",
}


def test_a_mirror_changed_by_hand(tmp_path: Path) -> None:
    lies = [LoadedLie(kind, "by hand", None) for kind in KINDS]
    assert _BY_HAND.keys() == KINDS.keys()
    made = own(tmp_path, lies)
    assert all(report.succeeded for report in made.sync().values())
    made.in_mirror(
        ";".join(
            f"UPDATE raw.t{n} SET v{n} = {_BY_HAND[each.kind].replace('v', f'v{n}', 1)} WHERE id = {ID}"
            for n, each in enumerate(lies)
        )
    )
    for level in ("digest", "rows"):
        reports = made.verify(level)
        faults = made.faults_of_verify(reports)
        faults += [f"{each}: proven" for n, each in enumerate(lies) if reports[f"t{n}"].proven]
        faults += [
            f"{each}: {found}"
            for n, each in enumerate(lies)
            if (found := reports[f"t{n}"].differences) is None or found.different != 1
        ]
        assert not faults, "\n".join(faults)
    made.in_mirror(
        ";".join(f"UPDATE raw.t{n} SET v{n} = NULL WHERE id = {ID}" for n in range(len(lies)))
    )
    assert not made.faults_of_verify(made.verify("rows"))
    repaired = made.repair()
    assert all(report.succeeded for report in repaired.values()), repaired
    assert not made.judged()
