"""Replay months with injected errors in any order or day by day: the end state and the log stay the same."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from saas_platform.clock import Month
from saas_platform.company import Company, CompanyConfig, DirtyCompany
from saas_platform.source.interface import MonthBatch
from saas_platform.source.sqlite import SqliteSource
from saas_platform_tests.drawing import examples
from saas_platform_tests.source.test_replay import state, written

FIRST = Month(2024, 1)
MONTHS = list(FIRST.until(Month(2024, 7)))
#: Enough accounts that the simulator erases a user whose row was injected a second time.
CONFIG = CompanyConfig(seed=3, accounts=600, start=FIRST)


def batch_of(company: DirtyCompany, month: Month, as_of: datetime) -> MonthBatch:
    made = company.batch(month, as_of)
    cutoff = min(month.end, as_of)
    return MonthBatch("ours", FIRST, month, cutoff, f"{cutoff}", made.rows, made.erasures)


def dirty() -> DirtyCompany:
    return DirtyCompany(Company(CONFIG), CONFIG.seed, 1.0)


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[MonthBatch]]:
    """Return a file to which all months were applied in order, and the months."""
    company = dirty()
    batches = [batch_of(company, month, MONTHS[-1].end) for month in MONTHS]
    path = tmp_path_factory.mktemp("dirty") / "source.db"
    source = SqliteSource(path)
    source.create_schema()
    for batch in batches:
        source.apply(batch)
    return path, batches


def test_the_log_equals_the_list_of_injected_rows(applied: tuple[Path, list[MonthBatch]]) -> None:
    """Compare the injected rows only; the contracts test the injected cells."""
    injected = dirty().planted_until(FIRST, MONTHS[-1].end).to_pylist()
    rows = {(r["month"], r["table"], r["key"], r["kind"]) for r in injected if r["column"] is None}
    log = SqliteSource(applied[0]).intake_log().to_pylist()
    assert {(r["month"], r["table_name"], r["row_key"], r["finding"]) for r in log} == rows
    assert len(log) == len(rows) > 100


@settings(
    max_examples=examples(4),
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(order=st.lists(st.sampled_from(range(len(MONTHS))), min_size=1, max_size=8))
@example(order=list(range(len(MONTHS))))
@example(order=list(reversed(range(len(MONTHS)))))
def test_replays_in_any_order_change_and_log_nothing(
    applied: tuple[Path, list[MonthBatch]], order: list[int]
) -> None:
    path, batches = applied
    before, logged = state(path, versions=True), SqliteSource(path).intake_log()
    with tempfile.TemporaryDirectory() as folder:
        source = SqliteSource(Path(shutil.copy(path, folder)))
        for index in order:
            assert written(source, batches[index]) == 0
        assert state(source.path, versions=True) == before
        assert source.intake_log().equals(logged)


@pytest.mark.slow
def test_day_by_day_gives_the_same_state_as_all_at_once(tmp_path: Path) -> None:
    company = dirty()
    ends: list[tuple[object, pa.Table]] = []
    for name, days in (("days", (2, 9, 17)), ("once", ())):
        source = SqliteSource(tmp_path / f"{name}.db")
        source.create_schema()
        for month, day in itertools.product(MONTHS[:5], (*days, None)):
            as_of = datetime(month.year, month.number, day) if day else month.end
            source.apply(batch_of(company, month, as_of))
        ends.append((state(source.path), source.intake_log()))
    assert ends[0][0] == ends[1][0]
    # The time at which a row was first logged may differ; its month may not.
    assert ends[0][1].drop_columns(["detail"]).equals(ends[1][1].drop_columns(["detail"]))
    assert ends[0][1].num_rows > 50
