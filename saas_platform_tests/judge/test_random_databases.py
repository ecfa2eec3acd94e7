"""Test random databases and edits: sync, both levels of the proof and the judge agree after each round."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from saas_platform_tests.drawing import examples
from saas_platform_tests.judge.databases import create, databases, operations, run
from saas_platform_tests.judge.hostile import KINDS
from saas_platform_tests.judge.own import Own
from saas_platform_tests.judge.rules import Stops, Text

_KINDS_OF_OPERATIONS = ["insert", "insert", "update", "update", "delete", "swap"]
_QUICK = settings(
    max_examples=examples(4),
    deadline=None,
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
_LONG = settings(_QUICK, max_examples=examples(12))


def check_history(data: st.DataObject) -> None:
    """Discover, sync and prove. Then edit the database and tables.yaml, and do the same again."""
    made = data.draw(databases(), label="tables")
    first = data.draw(operations(made, ["insert"], 12), label="rows")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        create(path / "own.db", made)
        run(path / "own.db", made, first)
        own = Own(path, "")
        faults = not_found(own, {table.name for table in made}) + own.judged()
        assert not faults, "\n".join(faults)
        for number in range(data.draw(st.integers(1, 3), label="rounds")):
            run(
                own.path,
                made,
                data.draw(operations(made, _KINDS_OF_OPERATIONS, 6), label=f"round {number}"),
            )
            retype(own, data)
            expected = own.expected()
            for stops in sorted({each.stops.name for each in expected.values()}):
                event(f"a table stops: {stops}")
            faults = own.judged()
            assert not faults, "\n".join(faults)


def not_found(own: Own, names: set[str]) -> list[str]:
    """Return the tables that discovery omitted without a note."""
    lost = names - {table.source for table in own.declared().values()}
    return [
        f"discovery does not report {name}"
        for name in lost
        if not any(name in note for note in own.discovery.notes)
    ]


def retype(own: Own, data: st.DataObject) -> None:
    """Sometimes change a column's type in tables.yaml, and perhaps slice the table by a timestamp or date."""
    if data.draw(st.integers(0, 3), label="retype") > 0:
        return

    def change(tables: dict[str, Any]) -> None:
        name = data.draw(st.sampled_from(sorted(tables)), label="table")
        columns = tables[name]["columns"]
        column = data.draw(st.sampled_from(sorted(columns)), label="column")
        if tables[name].get("references") or any(
            each["table"] == name for t in tables.values() for each in t.get("references", [])
        ):
            return  # both ends of a reference must have the same type
        sliced = tables[name].get("slice")
        if sliced is not None and sliced["column"] == column:
            return
        columns[column]["type"] = data.draw(st.sampled_from(KINDS), label="type")
        if columns[column]["type"] in ("time", "date") and data.draw(st.booleans(), label="cut"):
            columns[column]["nullable"] = False
            tables[name]["slice"] = {
                "column": column,
                "grain": data.draw(st.sampled_from(["day", "month"]), label="grain"),
            }

    own.edit(change)


def check_discovery(data: st.DataObject) -> None:
    """Check that the types found by discovery hold every value, except texts that are not UTF-8."""
    made = data.draw(databases(), label="tables")
    rows = data.draw(operations(made, ["insert"], 20), label="rows")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        create(path / "own.db", made)
        run(path / "own.db", made, rows)
        own = Own(path, "")
        faults = not_found(own, {table.name for table in made})
        for name, expected in own.expected().items():
            faults += [
                f"{name}.{misfit.column} is declared {misfit.kind}, and holds {misfit.value!r}"
                for misfit in expected.misfits
                if not (isinstance(misfit.value, Text) and misfit.value.valid() is None)
            ]
            if expected.stops is Stops.MUST and not expected.misfits:
                faults.append(f"two keys of {name} are the same in the declared types")
        assert not faults, "\n".join(faults)


@_QUICK
@given(st.data())
def test_some_histories(data: st.DataObject) -> None:
    check_history(data)


@pytest.mark.slow
@_LONG
@given(st.data())
def test_many_histories(data: st.DataObject) -> None:
    check_history(data)


@settings(_QUICK, max_examples=examples(12))
@given(st.data())
def test_discovery_declares_what_can_be_read(data: st.DataObject) -> None:
    check_discovery(data)


@pytest.mark.slow
@settings(_LONG, max_examples=examples(25))
@given(st.data())
def test_discovery_declares_what_can_be_read_of_many(data: st.DataObject) -> None:
    check_discovery(data)
