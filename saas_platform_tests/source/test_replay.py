"""Replay the simulator's months in any order, or kill them half-way: the end state is the same."""

from __future__ import annotations

import itertools
import pickle
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from saas_platform.clock import Month
from saas_platform.company import Company, CompanyConfig
from saas_platform.company.batch import ERASURES_SCHEMA
from saas_platform.schema import TABLES
from saas_platform.source.interface import MonthBatch, SourceError
from saas_platform.source.sqlite import SqliteSource
from saas_platform_tests.drawing import examples

FIRST = Month(2024, 1)
MONTHS = list(FIRST.until(Month(2024, 8)))
#: A time in the middle of the last month, and one after it.
EARLY, LATE = datetime(2024, 8, 20), datetime(2024, 9, 1)
#: Enough accounts that the simulator itself erases a user. With 60 accounts it does not.
COMPANY = CompanyConfig(seed=3, accounts=600, start=FIRST)

State = dict[str, dict[Any, tuple[Any, ...]]]

quick = settings(
    max_examples=examples(6),
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@dataclass(frozen=True)
class Replay:
    """The company's months up to EARLY and to LATE, and a file to which the early ones were applied."""

    early: list[MonthBatch]
    late: list[MonthBatch]
    path: Path
    erased: frozenset[int]

    @cached_property
    def stamped(self) -> State:
        """The state of the file, including row versions."""
        return state(self.path, versions=True)

    @cached_property
    def moved_on(self) -> State:
        """The state of the file after the last month was applied again, up to LATE."""
        with self.copy() as source:
            source.apply(self.late[-1])
            return state(source.path)

    @contextmanager
    def copy(self) -> Iterator[SqliteSource]:
        with tempfile.TemporaryDirectory() as folder:
            yield SqliteSource(Path(shutil.copy(self.path, folder)))


def batches(company: Company, as_of: datetime) -> list[MonthBatch]:
    found = []
    for month in MONTHS:
        made = company.batch(month, as_of)
        cutoff = min(month.end, as_of)
        found.append(
            MonthBatch("ours", FIRST, month, cutoff, f"{cutoff}", made.rows, made.erasures)
        )
    return found


def busiest(made: list[MonthBatch], count: int) -> list[int]:
    """Return the users with the most events, who have events before and after the month of their erasure."""
    events: Counter[int] = Counter()
    for batch in made:
        events.update(u for u in batch.rows["usage_events"]["user_id"].to_pylist() if u)
    return [user for user, _ in events.most_common(count)]


def erasing(batch: MonthBatch, users: list[int]) -> MonthBatch:
    """Return the month, with more users erased on its tenth day."""
    more = pa.table(
        [users, [datetime(batch.month.year, batch.month.number, 10)] * len(users)],
        schema=ERASURES_SCHEMA,
    )
    return replace(batch, erasures=pa.concat_tables([batch.erasures, more]))


@pytest.fixture(scope="module")
def replay(tmp_path_factory: pytest.TempPathFactory) -> Replay:
    company = Company(COMPANY)
    early, late = batches(company, EARLY), batches(company, LATE)
    # The last month has an erasure too, so that replays of earlier months must respect it.
    added = dict(zip((4, 6, 7), busiest(early, 3), strict=True))
    for index, user in added.items():
        early[index] = erasing(early[index], [user])
        late[index] = erasing(late[index], [user])
    erased = {user for batch in early for user in batch.erasures["user_id"].to_pylist()}
    assert erased > set(added.values())
    path = tmp_path_factory.mktemp("replay") / "source.db"
    source = SqliteSource(path)
    source.create_schema()
    for batch in early:
        source.apply(batch)
    return Replay(early, late, path, frozenset(erased))


def state(path: Path, *, versions: bool = False) -> State:
    """Return every row by its key, and the log of erasures, as sqlite3 reads them."""
    connection = sqlite3.connect(path)
    try:
        found: State = {}
        for name, table in TABLES.items():
            columns = [c.name for c in table.columns if versions or not c.info.get("row_version")]
            listed = ", ".join(f'"{column}"' for column in columns)
            rows = connection.execute(f'SELECT {listed} FROM "{name}"')
            found[name] = {row[0]: row for row in rows}
        rows = connection.execute("SELECT user_id, erased_at FROM _erasures")
        found["_erasures"] = {row[0]: row for row in rows}
        return found
    finally:
        connection.close()


def written(source: SqliteSource, batch: MonthBatch) -> int:
    changes = source.apply(batch)
    return sum(change.written + change.deleted for change in changes.values())


def test_the_first_pass_has_something_to_lose(replay: Replay) -> None:
    found = state(replay.path)
    assert all(found[name] for name in TABLES)
    assert set(found["_erasures"]) == replay.erased
    assert len(found["usage_events"]) > 5_000


@quick
@given(order=st.lists(st.sampled_from(range(len(MONTHS))), min_size=1, max_size=10))
@example(order=list(range(len(MONTHS))))
@example(order=list(reversed(range(len(MONTHS)))))
@example(order=[0, 0, 7, 7, 0])
def test_replays_in_any_order_leave_the_same_state(replay: Replay, order: list[int]) -> None:
    with replay.copy() as source:
        for index in order:
            assert written(source, replay.early[index]) == 0
        # Row versions must be the same too: a row with a new version would be synced again.
        assert state(source.path, versions=True) == replay.stamped
        assert list(source.applied_months()) == MONTHS


@settings(quick, max_examples=examples(4))
@given(order=st.lists(st.sampled_from(range(len(MONTHS))), max_size=4))
@example(order=[])
@example(order=[6, 0])
def test_a_later_clock_leads_to_one_state_whatever_was_replayed_before(
    replay: Replay, order: list[int]
) -> None:
    with replay.copy() as source:
        for index in order:
            source.apply(replay.early[index])
        assert written(source, replay.late[-1]) > 0
        assert state(source.path) == replay.moved_on
        for index in order:
            assert written(source, replay.late[index]) == 0
        assert state(source.path) == replay.moved_on


def test_a_later_clock_only_adds_rows_or_newer_versions(replay: Replay) -> None:
    before, after = state(replay.path), replay.moved_on
    assert set(before["_erasures"]) <= set(after["_erasures"])
    more = 0
    for name, table in TABLES.items():
        columns = [c.name for c in table.columns if not c.info.get("row_version")]
        gone = set(before[name]) - set(after[name])
        assert gone <= (set(after["_erasures"]) if name == "users" else set())
        more += len(after[name]) - len(before[name]) + len(gone)
        for key in set(before[name]) - gone:
            old, new = before[name][key], after[name][key]
            if old != new:
                assert "updated_at" in columns, (name, old, new)
                changed_at = columns.index("updated_at")
                assert new[changed_at] > old[changed_at] or _without_user(
                    columns, old
                ) == _without_user(columns, new)
    assert more > 100


def _without_user(columns: list[str], row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the row without its user, because an erasure clears the user and keeps `updated_at`."""
    return tuple(v for c, v in zip(columns, row, strict=True) if c != "user_id")


def test_a_later_clock_gives_the_same_state_as_all_at_once(replay: Replay, tmp_path: Path) -> None:
    at_once = SqliteSource(tmp_path / "at_once.db")
    at_once.create_schema()
    for batch in replay.late:
        at_once.apply(batch)
    assert state(at_once.path) == replay.moved_on


def test_day_by_day_gives_the_same_state_as_all_at_once(replay: Replay, tmp_path: Path) -> None:
    """Do what the daily schedule does: apply the current month again and again while the clock advances."""
    company = Company(COMPANY)
    ends = []
    for name, days in (("days", (1, 2, 3, 9, 17, 31)), ("once", (31,))):
        source = SqliteSource(tmp_path / f"{name}.db")
        source.create_schema()
        for month, day in itertools.product(MONTHS[:3], days):
            as_of = min(datetime(month.year, month.number, min(day, 28)), month.end)
            as_of = month.end if day == 31 else as_of
            made = company.batch(month, as_of)
            source.apply(
                MonthBatch("ours", FIRST, month, as_of, f"{as_of}", made.rows, made.erasures)
            )
        ends.append(state(source.path))
    assert ends[0] == ends[1]


def test_an_earlier_clock_is_refused_and_changes_nothing(replay: Replay) -> None:
    with replay.copy() as source:
        source.apply(replay.late[-1])
        before = state(source.path, versions=True)
        with pytest.raises(SourceError, match="lies before 2024-09-01, up to which"):
            source.apply(replay.early[-1])
        assert state(source.path, versions=True) == before


@pytest.mark.slow
@settings(quick, max_examples=examples(4))
@given(order=st.permutations(range(len(MONTHS))))
def test_erased_users_stay_erased(replay: Replay, order: list[int]) -> None:
    with replay.copy() as source:
        for index in order:
            source.apply(replay.late[index])
            found = state(source.path)
            assert not replay.erased & set(found["users"])
            for name in ("usage_events", "support_tickets"):
                column = [c.name for c in TABLES[name].columns].index("user_id")
                assert not replay.erased & {row[column] for row in found[name].values()}


def test_the_events_of_an_erased_user_are_kept_without_the_user(replay: Replay) -> None:
    offered = pa.concat_tables([batch.rows["usage_events"] for batch in replay.early]).to_pylist()
    theirs = {row["event_id"] for row in offered if row["user_id"] in replay.erased}
    found = state(replay.path)["usage_events"]
    column = [c.name for c in TABLES["usage_events"].columns].index("user_id")
    assert len(theirs) > 20
    assert {found[event][column] for event in theirs} == {None}
    assert len(found) == len(offered)


_KILLED = """
import pickle, sys, time
from pathlib import Path
from saas_platform.source import applying
from saas_platform.source.sqlite import SqliteSource, source

def halt():
    print("here", flush=True)
    time.sleep(60)

path, batch, stop = Path(sys.argv[1]), pickle.loads(Path(sys.argv[2]).read_bytes()), sys.argv[3]
write, apply_batch = applying._write, source.apply_batch

def written(writer, table, month):
    count = write(writer, table, month)
    if table.name == stop:
        halt()
    return count

def applied(writer, batch):
    changes = apply_batch(writer, batch)
    if stop == "before commit":
        halt()
    return changes

applying._write, source.apply_batch = written, applied
SqliteSource(path).apply(batch)
if stop == "after commit":
    halt()
"""


@pytest.mark.slow
@pytest.mark.parametrize("stop", ["accounts", "usage_events", "before commit", "after commit"])
def test_a_killed_month_is_not_applied_or_complete(
    replay: Replay, tmp_path: Path, stop: str
) -> None:
    """Kill the seventh month, in which users are erased, with a signal that no handler sees."""
    source = SqliteSource(tmp_path / "source.db")
    source.create_schema()
    for batch in replay.early[:6]:
        source.apply(batch)
    before = state(source.path, versions=True)
    straight = SqliteSource(Path(shutil.copy(source.path, tmp_path / "straight.db")))
    straight.apply(replay.early[6])
    wanted = state(straight.path)
    assert wanted != state(source.path)

    pickled = tmp_path / "batch"
    pickled.write_bytes(pickle.dumps(replay.early[6]))
    with subprocess.Popen(
        [sys.executable, "-c", _KILLED, str(source.path), str(pickled), stop],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "here\n"
        process.kill()

    if stop == "after commit":
        assert state(source.path) == wanted
        assert list(source.applied_months()) == MONTHS[:7]
        assert written(source, replay.early[6]) == 0
    else:
        assert state(source.path, versions=True) == before
        assert list(source.applied_months()) == MONTHS[:6]
        assert written(source, replay.early[6]) > 0
    assert state(source.path) == wanted
    assert source.applied_months()[MONTHS[6]].fingerprint == replay.early[6].fingerprint
    for rest in replay.early[7:]:
        source.apply(rest)
    assert state(source.path) == state(replay.path)
    connection = sqlite3.connect(source.path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    connection.close()
