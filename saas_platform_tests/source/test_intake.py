"""Test the intake of a month: duplicate natural keys, late rows and old versions are each logged once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from saas_platform.schema import TABLES
from saas_platform.source.intake import earlier_rows, natural_keys, own_time
from saas_platform.source.interface import SourceError, WritableSource
from saas_platform_tests.backends import Backend
from saas_platform_tests.rows import row
from saas_platform_tests.source.test_apply import FIRST, batch, content, every_table

SECOND, THIRD = FIRST.next(), FIRST.plus(2)
#: Moves a row, which `row` makes in the first month, into the second.
LATER = timedelta(days=31)


@pytest.fixture
def source(backend: Backend) -> WritableSource:
    backend.source.apply(batch(FIRST, every_table(4)))
    return backend.source


def log(source: WritableSource) -> list[tuple[Any, ...]]:
    return [tuple(found.values())[:4] for found in source.intake_log().to_pylist()]


def moved(table: str, n: int, by: timedelta = LATER, /, **values: Any) -> dict[str, Any]:
    """Return row `n` of a table, with all its timestamps moved."""
    made = row(TABLES[table], n)
    times = {k: v + by for k, v in made.items() if isinstance(v, datetime)}
    return {**made, **times, **values}


@pytest.mark.parametrize("table", [name for name, t in TABLES.items() if natural_keys(t)])
def test_a_taken_natural_key_is_refused_and_the_others_written(
    source: WritableSource, table: str
) -> None:
    key = next(iter(TABLES[table].primary_key.columns)).name
    before = content(source)
    (columns,) = natural_keys(TABLES[table])
    taken = moved(table, 2, **{key: -2})
    # This row refers to parents that exist, and its natural key is free.
    required = [c.name for c in TABLES[table].columns if c.foreign_keys and not c.nullable]
    parents = {name: 1 + (number > 0) for number, name in enumerate(required)}
    rest = {name: 9 for name in columns if name.endswith("_no")}
    free = moved(table, 9, **parents, **rest)
    changes = source.apply(batch(SECOND, {table: [taken, free]}))
    assert (changes[table].offered, changes[table].written, changes[table].refused) == (2, 1, 1)
    assert content(source)[table] == [*before[table], free]
    assert log(source) == [("2024-02", table, -2, "natural_key_duplicate")]
    (entry,) = source.intake_log().to_pylist()
    assert entry["detail"] == f"{', '.join(columns)} taken by {table} 2"


def test_two_rows_of_one_batch_with_one_natural_key_still_fail_the_month(
    source: WritableSource,
) -> None:
    before = content(source)
    rows = [moved("plans", 7), moved("plans", 8, code="code 7")]
    with pytest.raises(SourceError, match="breaks a rule of plans"):
        source.apply(batch(SECOND, {"plans": rows}))
    assert content(source) == before
    assert log(source) == []


def test_a_row_that_refers_to_a_refused_row_fails_the_month(source: WritableSource) -> None:
    before = content(source)
    account = moved("accounts", 2, account_id=-2)
    user = moved("users", 9, account_id=-2)
    with pytest.raises(SourceError, match="users 9 names account_id -2, which accounts does not"):
        source.apply(batch(SECOND, {"accounts": [account], "users": [user]}))
    assert content(source) == before
    assert log(source) == [], "the log entries are rolled back with the transaction"


def test_a_change_to_a_taken_natural_key_is_refused(source: WritableSource) -> None:
    before = content(source)
    changes = source.apply(batch(SECOND, {"plans": [moved("plans", 1, code="code 2")]}))
    assert (changes["plans"].written, changes["plans"].refused) == (0, 1)
    assert content(source) == before
    assert log(source) == [("2024-02", "plans", 1, "natural_key_duplicate")]


def test_a_replay_refuses_again_and_logs_nothing_new(source: WritableSource) -> None:
    rows = {"accounts": [moved("accounts", 2, account_id=-2)]}
    source.apply(batch(SECOND, rows))
    before, logged = content(source), source.intake_log()
    changes = source.apply(batch(SECOND, rows))
    assert (changes["accounts"].written, changes["accounts"].refused) == (0, 1)
    assert content(source) == before
    assert source.intake_log().equals(logged)


def test_a_refusal_outlives_the_erasure_of_the_user_who_had_the_key(source: WritableSource) -> None:
    """Otherwise a replay would bring back the address of a person who asked to be erased."""
    rows = {"users": [moved("users", 2, user_id=-2)]}
    source.apply(batch(SECOND, rows))
    source.apply(batch(THIRD, erased=[2]))
    source.apply(batch(SECOND, rows))
    assert [user["user_id"] for user in content(source)["users"]] == [1, 3, 4]
    assert log(source) == [("2024-02", "users", -2, "natural_key_duplicate")]


def test_the_log_holds_keys_and_no_personal_data(source: WritableSource) -> None:
    source.apply(batch(SECOND, {"users": [moved("users", 2, user_id=-2)]}))
    (entry,) = source.intake_log().to_pylist()
    assert entry["detail"] == "email taken by users 2"


def test_a_late_event_is_accepted_and_logged(source: WritableSource) -> None:
    late, fresh = row(TABLES["usage_events"], 9, account_id=1), moved("usage_events", 2, event_id=8)
    changes = source.apply(batch(SECOND, {"usage_events": [fresh, late]}))["usage_events"]
    assert (changes.written, changes.late, changes.outdated) == (2, 1, 0)
    assert [r["event_id"] for r in content(source)["usage_events"]] == [1, 2, 3, 4, 8, 9]
    assert log(source) == [("2024-02", "usage_events", 9, "late_row")]


def test_an_old_version_changes_nothing_and_is_logged(source: WritableSource) -> None:
    old = row(TABLES["subscriptions"], 1, seats=5)
    source.apply(batch(SECOND, {"subscriptions": [moved("subscriptions", 1, seats=7)]}))
    before = content(source)
    changes = source.apply(batch(THIRD, {"subscriptions": [old]}))["subscriptions"]
    assert (changes.written, changes.late, changes.outdated) == (0, 0, 1)
    assert content(source) == before
    assert log(source) == [("2024-03", "subscriptions", 1, "out_of_order")]


def test_a_late_version_that_is_newer_is_accepted(source: WritableSource) -> None:
    newer = moved("plans", 1, timedelta(days=1), name="newer")
    changes = source.apply(batch(SECOND, {"plans": [newer]}))["plans"]
    assert (changes.written, changes.late, changes.outdated) == (1, 1, 0)
    assert content(source)["plans"][0] == newer


def test_a_version_that_is_there_already_is_neither(source: WritableSource) -> None:
    changes = source.apply(batch(SECOND, {"plans": [row(TABLES["plans"], 1)]}))["plans"]
    assert (changes.written, changes.late, changes.outdated) == (0, 0, 0)
    assert log(source) == []


def test_a_refused_row_is_not_late_as_well(source: WritableSource) -> None:
    changes = source.apply(batch(SECOND, {"plans": [row(TABLES["plans"], 2, plan_id=-2)]}))["plans"]
    assert (changes.refused, changes.late, changes.outdated) == (1, 0, 0)
    assert log(source) == [("2024-02", "plans", -2, "natural_key_duplicate")]


def test_a_replay_of_an_older_month_logs_nothing(source: WritableSource) -> None:
    source.apply(batch(SECOND, {"plans": [moved("plans", n, name="new") for n in (1, 2)]}))
    late = {"usage_events": [row(TABLES["usage_events"], 9, account_id=1)]}
    source.apply(batch(THIRD, late))
    logged = source.intake_log()
    for again in (batch(FIRST, every_table(4)), batch(THIRD, late)):
        changes = source.apply(again)
        assert sum(c.late + c.outdated + c.refused + c.written for c in changes.values()) == 0
    assert source.intake_log().equals(logged)


def test_a_source_of_an_earlier_version_gets_its_log(
    backend: Backend, source: WritableSource
) -> None:
    backend.run(f"DROP TABLE {backend.named('_intake_log')}")
    assert source.intake_log().num_rows == 0
    source.create_schema()
    source.apply(batch(SECOND, {"plans": [moved("plans", 2, plan_id=-2)]}))
    assert source.intake_log().num_rows == 1


@pytest.mark.parametrize("table", TABLES.values(), ids=list(TABLES))
def test_every_table_has_a_column_for_its_own_time(table: Any) -> None:
    rows = batch(FIRST, every_table(3)).rows[table.name]
    assert own_time(table) in rows.column_names
    assert earlier_rows(table, rows, FIRST) is None
    earlier = earlier_rows(table, rows, SECOND)
    assert earlier is not None
    assert earlier.num_rows == 3
