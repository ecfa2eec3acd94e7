"""When the schedule and the sensor ask for a run, and what they say when they do not."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from saas_platform.clock import Clock, Month
from saas_platform.defs.automation import COMPANY_AT, PROOF_AT, schedules, source_sensor
from saas_platform.defs.build import build_definitions
from saas_platform.defs.partitions import monthly
from saas_platform.platform import Platform
from saas_platform.refresh.company_months import stage_month, staged_month
from saas_platform.schema import TABLES
from saas_platform.source.sqlite import SqliteSource
from saas_platform.sync import sync
from saas_platform_tests.rows import by_hand, insert, row
from saas_platform_tests.sync.hands import in_mirror

PlatformOf = Callable[..., Platform]
WINDOW: dict[str, Any] = {"accounts": 20, "start": "2024-01", "as_of": date(2024, 4, 10)}


# The sensor.


@pytest.fixture
def platform(synced: Path, platform_of: PlatformOf) -> Platform:
    """A copy of it; making one takes longer than most tests."""
    made = platform_of(**WINDOW)
    shutil.copytree(synced, made.home.root)
    return made


def source_path(platform: Platform) -> Path:
    assert isinstance(platform.source, SqliteSource)
    return platform.source.path


def refresh(platform: Platform) -> None:
    """What the sensor's job does to raw."""
    reports = sync(platform.source, platform.warehouse, list(TABLES.values()))
    assert all(report.succeeded for report in reports)


def asked(platform: Platform, cursor: str | None = None) -> dg.SensorResult:
    """One tick of the sensor."""
    context = dg.build_sensor_context(cursor=cursor, resources={"platform": platform})
    result = source_sensor()(context)
    assert isinstance(result, dg.SensorResult)
    return result


def kept(result: dg.SensorResult, before: str | None) -> str | None:
    """The cursor of the next tick: the daemon keeps the old one where a result names none."""
    return result.cursor or before


def said(result: dg.SensorResult) -> str:
    """Why no run was asked for."""
    assert not result.run_requests
    reason = result.skip_reason
    return str(reason.skip_message if isinstance(reason, dg.SkipReason) else reason)


def test_a_fresh_warehouse_asks_for_nothing(platform: Platform) -> None:
    assert said(asked(platform)) == "Every table of raw is as its source."


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE users SET full_name = 'new' WHERE user_id = 1",
        "DELETE FROM usage_events WHERE event_id = 2",
    ],
)
def test_a_change_by_anyone_asks_for_one_refresh(platform: Platform, sql: str) -> None:
    with by_hand(source_path(platform)) as connection:
        connection.execute(sql)
    first = asked(platform)
    (request,) = first.run_requests or []
    table = sql.split()[1] if sql.startswith("UPDATE") else "usage_events"
    assert request.tags["reason"].startswith(f"{table} (")
    # The month of the clock: the one partition that the partitioned table needs named.
    assert request.partition_key == "2024-04-01"
    assert request.partition_key in monthly(platform).get_partition_keys()
    second = asked(platform, first.cursor)
    assert said(second) == (
        "A refresh for this state was requested already; if it failed, rerun it."
    )
    refresh(platform)
    assert said(asked(platform, first.cursor)) == "Every table of raw is as its source."


def test_the_next_change_asks_for_the_next_refresh(platform: Platform) -> None:
    cursor = None
    for name in ("one", "two"):
        with by_hand(source_path(platform)) as connection:
            connection.execute(f"UPDATE users SET full_name = '{name}' WHERE user_id = 1")
        result = asked(platform, cursor)
        assert len(result.run_requests or []) == 1, name
        refresh(platform)
        cursor = kept(result, cursor)


def test_more_rows_after_a_request_ask_again(platform: Platform) -> None:
    with by_hand(source_path(platform)) as connection:
        connection.execute("UPDATE users SET full_name = 'new' WHERE user_id = 1")
    cursor = asked(platform).cursor
    with by_hand(source_path(platform)) as connection:
        insert(connection, TABLES["users"], [row(TABLES["users"], 6, account_id=1)])
    assert len(asked(platform, cursor).run_requests or []) == 1


def test_more_updates_after_a_request_ask_again(platform: Platform) -> None:
    """The first refresh may have failed, or read the source before they came."""
    with by_hand(source_path(platform)) as connection:
        connection.execute("UPDATE users SET full_name = 'new' WHERE user_id = 1")
    cursor = asked(platform).cursor
    with by_hand(source_path(platform)) as connection:
        connection.execute("UPDATE users SET full_name = 'newer' WHERE user_id = 2")
    assert len(asked(platform, cursor).run_requests or []) == 1


def test_a_warehouse_deleted_twice_is_asked_for_twice(platform: Platform) -> None:
    """What was requested, done and undone is a new state, even where it looks like the old one."""
    cursor = None
    for _ in range(2):
        Path(str(platform.settings.warehouse.database)).unlink()
        result = asked(platform, cursor)
        assert len(result.run_requests or []) == 1
        refresh(platform)
        cursor = kept(result, cursor)
        result = asked(platform, cursor)
        assert said(result) == "Every table of raw is as its source."
        cursor = kept(result, cursor)


def test_a_mirror_that_lost_a_row_twice_is_asked_for_twice(platform: Platform) -> None:
    cursor = None
    for _ in range(2):
        path = Path(str(platform.settings.warehouse.database))
        in_mirror(path, "DELETE FROM raw.users WHERE user_id = 3")
        result = asked(platform, cursor)
        assert len(result.run_requests or []) == 1
        refresh(platform)
        cursor = kept(result, cursor)
        result = asked(platform, cursor)
        assert said(result) == "Every table of raw is as its source."
        cursor = kept(result, cursor)


def test_every_table_changed_fits_a_tag(platform: Platform) -> None:
    Path(str(platform.settings.warehouse.database)).unlink()
    (request,) = asked(platform).run_requests or []
    assert "never synced" in request.tags["reason"]
    # Longer values are refused when the run is launched.
    assert len(request.tags["reason"]) <= 200


def test_a_missing_source_is_said(platform_of: PlatformOf) -> None:
    platform = platform_of(**WINDOW)
    platform.home.create()
    assert said(asked(platform)).endswith("holds no company yet: run `saas-platform run` first.")


def test_a_source_of_another_engine_is_said(platform_of: PlatformOf) -> None:
    platform = platform_of(source_url="oracle://localhost/db", **WINDOW)
    assert "SAAS_SOURCE_URL names oracle, which" in said(asked(platform))


def test_a_table_that_can_not_be_synced_is_asked_for_once(platform: Platform) -> None:
    with by_hand(source_path(platform), checked=False) as connection:
        connection.execute("ALTER TABLE plans DROP COLUMN name")
    result = asked(platform)
    (request,) = result.run_requests or []
    assert request.tags["reason"].startswith("plans (")
    assert "requested already" in said(asked(platform, result.cursor))


def test_the_sensor_runs_with_a_source_of_the_users_own(platform: Platform) -> None:
    own = Platform(platform.settings.model_copy(update={"synthetic": False}))
    assert said(asked(own)) == "Every table of raw is as its source."


# The schedules.


@pytest.fixture
def company(platform_of: PlatformOf) -> Platform:
    """A company of four months, nothing of which is in the source."""
    made = platform_of(**WINDOW)
    made.home.create()
    made.owned_source.create_schema()
    return made


def apply(platform: Platform, *months: Month) -> None:
    for month in months:
        stage_month(platform, month)
        platform.owned_source.apply(staged_month(platform, month))


def at(platform: Platform, as_of: date) -> Platform:
    """The same home, at another time."""
    return Platform(platform.settings.model_copy(update={"as_of": as_of}))


def due(platform: Platform) -> dg.RunRequest | dg.SkipReason:
    """One tick of the daily schedule."""
    (daily,) = (s for s in schedules(TABLES, from_synthetic=True) if s.name == "daily_company")
    context = dg.build_schedule_context(
        scheduled_execution_time=datetime(2024, 4, 10, 0, 15, tzinfo=UTC),
        resources={"platform": platform},
    )
    answers: Any = daily(context)
    (answer,) = answers
    assert isinstance(answer, dg.RunRequest | dg.SkipReason)
    return answer


def span(request: dg.RunRequest | dg.SkipReason) -> tuple[str, str]:
    assert isinstance(request, dg.RunRequest)
    assert request.partition_key is None
    return (
        request.tags["dagster/asset_partition_range_start"],
        request.tags["dagster/asset_partition_range_end"],
    )


def key(request: dg.RunRequest | dg.SkipReason) -> str:
    assert isinstance(request, dg.RunRequest)
    assert request.run_key is not None
    return request.run_key


JANUARY = Month(2024, 1)


def test_a_new_company_asks_for_all_months_in_one_range(company: Platform) -> None:
    assert span(due(company)) == ("2024-01-01", "2024-04-01")


def test_what_is_missing_is_asked_for(company: Platform) -> None:
    apply(company, *JANUARY.until(Month(2024, 2)))
    assert span(due(company)) == ("2024-03-01", "2024-04-01")


def test_an_up_to_date_source_is_left_alone(company: Platform) -> None:
    apply(company, *JANUARY.until(Month(2024, 4)))
    answer = due(company)
    assert isinstance(answer, dg.SkipReason)
    assert answer.skip_message == "The source holds everything before SAAS_AS_OF 2024-04-10."


def test_each_day_brings_the_current_month_up_to_the_clock(company: Platform) -> None:
    apply(company, *JANUARY.until(Month(2024, 4)))
    keys = set()
    for day in (11, 12, 30):
        later = at(company, date(2024, 4, day))
        request = due(later)
        assert span(request) == ("2024-04-01", "2024-04-01")
        keys.add(key(request))
        apply(later, Month(2024, 4))
        assert isinstance(due(later), dg.SkipReason)
    # Each day's run has a name of its own.
    assert len(keys) == 3


def test_the_first_day_of_a_month_completes_the_one_that_ended(company: Platform) -> None:
    apply(company, *JANUARY.until(Month(2024, 4)))
    first = at(company, date(2024, 5, 1))
    assert span(due(first)) == ("2024-04-01", "2024-04-01")
    # The day after, April is complete and May has its first day.
    apply(first, Month(2024, 4))
    assert span(due(at(company, date(2024, 5, 2)))) == ("2024-05-01", "2024-05-01")


def test_a_week_without_the_daemon_is_made_up_for(company: Platform) -> None:
    apply(company, *JANUARY.until(Month(2024, 4)))
    assert span(due(at(company, date(2024, 6, 3)))) == ("2024-04-01", "2024-06-01")


def test_the_same_state_has_the_same_run_key(company: Platform) -> None:
    assert key(due(company)) == key(due(company))
    other = Platform(company.settings.model_copy(update={"seed": 8}))
    assert key(due(other)) != key(due(company))


def test_the_range_asked_for_can_be_run(company: Platform, parsed_platform_of: PlatformOf) -> None:
    """The schedule's own tags make its own job do all of it, in one run."""
    platform = parsed_platform_of(**WINDOW)
    request = due(platform)
    assert isinstance(request, dg.RunRequest)
    job = build_definitions(platform).resolve_job_def("company_month")
    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(instance=instance, tags=request.tags)
    assert result.success
    assert list(platform.owned_source.applied_months()) == list(JANUARY.until(Month(2024, 4)))
    assert isinstance(due(platform), dg.SkipReason)


def test_the_company_is_made_before_the_proof_of_the_night() -> None:
    made = {s.name: s for s in schedules(TABLES, from_synthetic=True)}
    assert made["daily_company"].cron_schedule == COMPANY_AT
    assert made["nightly_full_proof"].cron_schedule == PROOF_AT
    assert made["nightly_full_proof"].job_name == "full_proof"
    for schedule in made.values():
        # The company's clock is UTC.
        assert schedule.execution_timezone in (None, "UTC")


def test_no_month_lies_after_the_clock(company: Platform) -> None:
    for as_of in (date(2024, 5, 1), date(2024, 5, 2)):
        last = span(due(at(company, as_of)))[1]
        assert last == f"{Clock(as_of).last_month}-01"
        assert last in monthly(at(company, as_of)).get_partition_keys()
