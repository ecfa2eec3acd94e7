"""When the schedule and the sensor request a run, and the reason they give when they do not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Collection
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from saas_platform.clock import Clock, Month
from saas_platform.defs.automation import COMPANY_AT, PROOF_AT, schedules, source_sensor
from saas_platform.defs.build import build_definitions
from saas_platform.defs.partitions import monthly
from saas_platform.defs.resources import resources_of
from saas_platform.platform import Platform
from saas_platform.refresh.bookkeeping import Bookkeeping
from saas_platform.refresh.company_months import CompanyMonths
from saas_platform.refresh.staleness import Cause
from saas_platform.schema import TABLES
from saas_platform.source.sqlite import SqliteSource
from saas_platform.sync import sync
from saas_platform_tests.rows import by_hand, insert, row
from saas_platform_tests.sync.external_writes import in_mirror

PlatformOf = Callable[..., Platform]
WINDOW: dict[str, Any] = {"accounts": 20, "start": "2024-01", "as_of": date(2024, 4, 10)}


# The sensor.


@pytest.fixture
def above_raw(monkeypatch: pytest.MonkeyPatch) -> dict[str, Cause]:
    """What is stale above raw, which a test may change. Building the marts would take longer than all other tests."""
    causes: dict[str, Cause] = {}
    for module in ("bookkeeping", "staleness"):
        monkeypatch.setattr(f"saas_platform.refresh.{module}.stale_products", lambda _: causes)
    return causes


@pytest.fixture
def platform(synced: Path, platform_of: PlatformOf, above_raw: dict[str, Cause]) -> Platform:
    """A platform on a copy of the synced home. Syncing again would take longer than most tests."""
    made = platform_of(**WINDOW)
    shutil.copytree(synced, made.home.root)
    return made


def source_path(platform: Platform) -> Path:
    assert isinstance(platform.source, SqliteSource)
    return platform.source.path


def refresh(platform: Platform) -> None:
    """Sync all tables, as the job of the sensor does."""
    reports = sync(platform.source, platform.warehouse, list(TABLES.values()))
    assert all(report.succeeded for report in reports)


def tick(
    platform: Platform,
    cursor: str | None = None,
    instance: dg.DagsterInstance | None = None,
    loaded: Collection[str] | None = None,
) -> dg.SensorResult:
    """Evaluate the sensor once."""
    with dg.build_sensor_context(
        cursor=cursor,
        resources=resources_of(platform),
        instance=instance or dg.DagsterInstance.ephemeral(),
    ) as context:
        result = source_sensor(TABLES, by_month=True, loaded=loaded)(context)
    assert isinstance(result, dg.SensorResult)
    return result


def next_cursor(result: dg.SensorResult, before: str | None) -> str | None:
    """Return the cursor of the next tick. The daemon keeps the old one if a result has none."""
    return result.cursor or before


def skip_reason(result: dg.SensorResult) -> str:
    """Return the reason why no run was requested."""
    assert not result.run_requests
    reason = result.skip_reason
    return str(reason.skip_message if isinstance(reason, dg.SkipReason) else reason)


UP_TO_DATE = "Every raw table is up to date with its source, and what is built from raw with raw."


def test_a_fresh_warehouse_requests_nothing(platform: Platform) -> None:
    assert skip_reason(tick(platform)) == UP_TO_DATE


GONE, OLDER = Cause("is missing", "gone"), Cause("is older than raw/users", "inputs")


def test_what_is_stale_above_raw_is_asked_for_a_few_times(
    platform: Platform, above_raw: dict[str, Cause]
) -> None:
    above_raw.update({"marts/dim_plan": GONE, "dashboards/page": OLDER})
    cursor = None
    for _ in range(3):
        result = tick(platform, cursor)
        (request,) = result.run_requests or []
        assert request.tags["reason"] == "marts/dim_plan is missing"
        # No more than what is stale, which has no partitions.
        assert {key.to_user_string() for key in request.asset_selection or ()} == above_raw.keys()
        assert request.partition_key is None
        cursor = next_cursor(result, cursor)
    last = tick(platform, cursor)
    assert skip_reason(last).startswith(
        "3 runs did not bring up to date what is stale: look at their logs"
    )
    assert "marts/dim_plan is missing" in skip_reason(last)
    above_raw["marts/dim_plan"] = Cause("has other code now", "code", "another")
    assert len(tick(platform, next_cursor(last, cursor)).run_requests or []) == 1
    above_raw.clear()
    fresh = tick(platform, cursor)
    assert skip_reason(fresh) == UP_TO_DATE
    above_raw["dashboards/page"] = OLDER
    (request,) = tick(platform, next_cursor(fresh, cursor)).run_requests or []
    assert request.tags["reason"] == "dashboards/page is older than raw/users"


def test_a_failure_is_counted_by_what_led_to_it(
    platform: Platform, above_raw: dict[str, Cause]
) -> None:
    """A failure has other words than its cause, and the same run may have built something else."""
    above_raw.update(
        {
            "marts/dim_plan": Cause("has other code now", "code", "a"),
            "marts/dim_user": Cause("is missing", "gone", "b"),
        }
    )
    first = tick(platform)
    assert len(first.run_requests or []) == 1
    cursor = next_cursor(first, None)
    del above_raw["marts/dim_user"]
    above_raw["marts/dim_plan"] = Cause("could not be built", "failed", "a")
    for _ in range(2):
        again = tick(platform, cursor)
        assert len(again.run_requests or []) == 1
        cursor = next_cursor(again, cursor)
    assert skip_reason(tick(platform, cursor)).startswith("3 runs did not bring")
    above_raw["marts/dim_plan"] = Cause("could not be built", "unbuilt", "corrected")
    assert len(tick(platform, cursor).run_requests or []) == 1


@pytest.mark.parametrize(
    "cursor",
    [
        '{"above": "0123", "tries": 3}',
        '{"asked": {"marts/dim_plan 0123": 3}}',
        '{"plans": [1, 2, 3]}',
        '{"asked": [1, 2, 3], "source": [1, 2, 3]}',
    ],
)
def test_another_cursor_is_no_obstacle(
    platform: Platform, above_raw: dict[str, Cause], cursor: str
) -> None:
    """Earlier versions wrote them. Tables of your own database may have the names of the parts."""
    above_raw["marts/dim_plan"] = GONE
    assert len(tick(platform, cursor).run_requests or []) == 1


def test_an_edit_of_the_source_is_no_new_attempt(
    platform: Platform, above_raw: dict[str, Cause]
) -> None:
    """The mart that fails does not read the table. After the refresh it is not asked for three more times."""
    above_raw["marts/dim_plan"] = Cause("could not be built", "failed", "a")
    cursor = None
    for _ in range(3):
        cursor = next_cursor(tick(platform, cursor), cursor)
    assert skip_reason(tick(platform, cursor)).startswith("3 runs did not bring")
    with by_hand(source_path(platform)) as connection:
        connection.execute("UPDATE users SET full_name = 'new' WHERE user_id = 1")
    result = tick(platform, cursor)
    assert len(result.run_requests or []) == 1
    cursor = next_cursor(result, cursor)
    refresh(platform)
    assert skip_reason(tick(platform, cursor)).startswith("3 runs did not bring")


def test_what_failed_for_good_does_not_hide_a_state_that_comes_back(
    platform: Platform, above_raw: dict[str, Cause]
) -> None:
    """The mirror loses the same row twice, while a mart can't be built."""
    above_raw["marts/dim_plan"] = Cause("could not be built", "failed", "a")
    cursor: str | None = json.dumps({"asked": {"marts/dim_plan a": 3}})
    for _ in range(2):
        path = Path(str(platform.settings.warehouse.database))
        in_mirror(path, "DELETE FROM raw.users WHERE user_id = 3")
        result = tick(platform, cursor)
        assert len(result.run_requests or []) == 1
        refresh(platform)
        cursor = next_cursor(result, cursor)
        result = tick(platform, cursor)
        assert skip_reason(result).startswith("3 runs did not bring")
        cursor = next_cursor(result, cursor)


def test_what_failed_for_good_is_not_asked_for_with_something_else(
    platform: Platform, above_raw: dict[str, Cause], monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = {"marts/dim_plan": {"raw/plans"}, "marts/stg_users": {"raw/users"}}
    inputs["dashboards/page"] = {*inputs}
    monkeypatch.setattr(Bookkeeping, "inputs", lambda _: inputs)
    failed = Cause("could not be built", "failed", "a")
    above_raw["marts/dim_plan"] = failed
    cursor: str | None = None
    for _ in range(3):
        cursor = next_cursor(tick(platform, cursor), cursor)
    # Nothing failed of what else is stale. So it is asked for, and each time that it is stale.
    for cause in (OLDER, GONE, GONE, GONE, GONE):
        above_raw["marts/stg_users"] = cause
        above_raw["dashboards/page"] = Cause("is built from marts/stg_users", "inputs")
        result = tick(platform, cursor)
        (request,) = result.run_requests or []
        assert request.asset_selection == [dg.AssetKey(["marts", "stg_users"])]
        assert request.tags["reason"] == f"marts/stg_users {cause.words}"
        cursor = next_cursor(result, cursor)
        del above_raw["marts/stg_users"]
        result = tick(platform, cursor)
        assert skip_reason(result).startswith("3 runs did not bring")
        assert "marts/dim_plan could not be built" in skip_reason(result)
        cursor = next_cursor(result, cursor)
    # What waited was not tried, although it was asked for together with what failed.
    del above_raw["marts/dim_plan"]
    (request,) = tick(platform, cursor).run_requests or []
    assert request.asset_selection == [dg.AssetKey(["dashboards", "page"])]


def test_what_is_built_from_an_asset_that_is_not_loaded_waits(
    platform: Platform, above_raw: dict[str, Cause], monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = {
        "marts/added": {"raw/plans"},
        "marts/above": {"marts/added"},
        "dashboards/page": {"marts/above"},
        "marts/dim_plan": {"raw/plans"},
    }
    monkeypatch.setattr(Bookkeeping, "inputs", lambda _: inputs)
    above_raw.update(dict.fromkeys(inputs, OLDER))
    above_raw["marts/added"] = Cause("was never built", "unbuilt")
    loaded = inputs.keys() - {"marts/added"}
    cursor = None
    for _ in range(3):
        result = tick(platform, cursor, loaded=loaded)
        (request,) = result.run_requests or []
        assert request.asset_selection == [dg.AssetKey(["marts", "dim_plan"])]
        cursor = next_cursor(result, cursor)
    reload = "Reload the definitions: they do not have marts/added yet"
    assert reload in skip_reason(tick(platform, cursor, loaded=loaded))
    del above_raw["marts/dim_plan"]
    assert skip_reason(tick(platform, cursor, loaded=loaded)).startswith(reload)


def test_an_asset_that_the_definitions_do_not_have_yet_is_not_asked_for(
    platform: Platform, above_raw: dict[str, Cause]
) -> None:
    above_raw["marts/added"] = Cause("was never built", "unbuilt")
    loaded = ["marts/dim_plan"]
    assert skip_reason(tick(platform, loaded=loaded)) == (
        "Reload the definitions: they do not have marts/added yet, and what is built from that waits."
    )
    above_raw["marts/dim_plan"] = GONE
    (request,) = tick(platform, loaded=loaded).run_requests or []
    assert request.asset_selection == [dg.AssetKey(["marts", "dim_plan"])]


def test_nothing_is_asked_for_while_a_run_is_in_progress(
    platform: Platform, above_raw: dict[str, Cause]
) -> None:
    above_raw["marts/dim_plan"] = GONE
    with dg.DagsterInstance.ephemeral() as instance:
        run = dg.DagsterRun("refresh", status=dg.DagsterRunStatus.STARTED)
        instance.add_run(run)
        assert "A run is in progress" in skip_reason(tick(platform, None, instance))
        reload = skip_reason(tick(platform, None, instance, loaded=[]))
        assert reload.startswith("Reload the definitions: they do not have marts/dim_plan yet")
        instance.report_run_failed(run)
        assert len(tick(platform, None, instance).run_requests or []) == 1


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE users SET full_name = 'new' WHERE user_id = 1",
        "DELETE FROM usage_events WHERE event_id = 2",
    ],
)
def test_a_change_by_anyone_requests_one_refresh(platform: Platform, sql: str) -> None:
    with by_hand(source_path(platform)) as connection:
        connection.execute(sql)
    first = tick(platform)
    (request,) = first.run_requests or []
    table = sql.split()[1] if sql.startswith("UPDATE") else "usage_events"
    assert request.tags["reason"].startswith(f"{table} (")
    # The partitioned table needs a partition, which is the month of the clock.
    assert request.partition_key == "2024-04-01"
    assert request.partition_key in monthly(platform).get_partition_keys()
    second = tick(platform, first.cursor)
    assert skip_reason(second) == (
        "A refresh for this state was already requested. If it failed, rerun it."
    )
    refresh(platform)
    assert skip_reason(tick(platform, first.cursor)) == UP_TO_DATE


@pytest.mark.slow
def test_the_next_change_requests_the_next_refresh(platform: Platform) -> None:
    cursor = None
    for name in ("one", "two"):
        with by_hand(source_path(platform)) as connection:
            connection.execute(f"UPDATE users SET full_name = '{name}' WHERE user_id = 1")
        result = tick(platform, cursor)
        assert len(result.run_requests or []) == 1, name
        refresh(platform)
        cursor = next_cursor(result, cursor)


def test_more_rows_after_a_request_request_another_refresh(platform: Platform) -> None:
    with by_hand(source_path(platform)) as connection:
        connection.execute("UPDATE users SET full_name = 'new' WHERE user_id = 1")
    cursor = tick(platform).cursor
    with by_hand(source_path(platform)) as connection:
        insert(connection, TABLES["users"], [row(TABLES["users"], 6, account_id=1)])
    assert len(tick(platform, cursor).run_requests or []) == 1


def test_more_updates_after_a_request_request_another_refresh(platform: Platform) -> None:
    """The first refresh may have failed, or it may have read the source before these updates."""
    with by_hand(source_path(platform)) as connection:
        connection.execute("UPDATE users SET full_name = 'new' WHERE user_id = 1")
    cursor = tick(platform).cursor
    with by_hand(source_path(platform)) as connection:
        connection.execute("UPDATE users SET full_name = 'newer' WHERE user_id = 2")
    assert len(tick(platform, cursor).run_requests or []) == 1


@pytest.mark.slow
def test_a_warehouse_deleted_twice_is_refreshed_twice(platform: Platform) -> None:
    """A state that comes back after a refresh counts as new, even if it looks like the old one."""
    cursor = None
    for _ in range(2):
        Path(str(platform.settings.warehouse.database)).unlink()
        result = tick(platform, cursor)
        assert len(result.run_requests or []) == 1
        refresh(platform)
        cursor = next_cursor(result, cursor)
        result = tick(platform, cursor)
        assert skip_reason(result) == UP_TO_DATE
        cursor = next_cursor(result, cursor)


@pytest.mark.slow
def test_a_mirror_that_lost_a_row_twice_is_refreshed_twice(platform: Platform) -> None:
    cursor = None
    for _ in range(2):
        path = Path(str(platform.settings.warehouse.database))
        in_mirror(path, "DELETE FROM raw.users WHERE user_id = 3")
        result = tick(platform, cursor)
        assert len(result.run_requests or []) == 1
        refresh(platform)
        cursor = next_cursor(result, cursor)
        result = tick(platform, cursor)
        assert skip_reason(result) == UP_TO_DATE
        cursor = next_cursor(result, cursor)


def test_every_table_changed_fits_a_tag(platform: Platform) -> None:
    Path(str(platform.settings.warehouse.database)).unlink()
    (request,) = tick(platform).run_requests or []
    assert "never synced" in request.tags["reason"]
    # Dagster refuses longer values when the run is launched.
    assert len(request.tags["reason"]) <= 200


def test_a_missing_source_is_reported(platform_of: PlatformOf) -> None:
    platform = platform_of(**WINDOW)
    platform.home.create()
    assert skip_reason(tick(platform)).endswith(
        "holds no company yet: run `saas-platform run` first."
    )


def test_an_unsupported_source_is_reported(platform_of: PlatformOf) -> None:
    platform = platform_of(source_url="oracle://localhost/db", **WINDOW)
    assert "SAAS_SOURCE_URL names oracle, which" in skip_reason(tick(platform))


def test_a_table_that_can_not_be_synced_is_requested_once(platform: Platform) -> None:
    with by_hand(source_path(platform), checked=False) as connection:
        connection.execute("ALTER TABLE plans DROP COLUMN name")
    result = tick(platform)
    (request,) = result.run_requests or []
    assert request.tags["reason"].startswith("plans (")
    assert "already requested" in skip_reason(tick(platform, result.cursor))


def test_the_sensor_runs_with_a_source_of_the_users_own(platform: Platform) -> None:
    own = Platform(platform.settings.model_copy(update={"synthetic": False}))
    assert skip_reason(tick(own)) == UP_TO_DATE


# The schedules.


@pytest.fixture
def company(platform_of: PlatformOf) -> Platform:
    """A company of four months whose source is still empty."""
    made = platform_of(**WINDOW)
    made.home.create()
    made.owned_source.create_schema()
    return made


def apply(platform: Platform, *months: Month) -> None:
    company = CompanyMonths.of(platform)
    for month in months:
        company.write(month)
        platform.owned_source.apply(company.read(month))


def at(platform: Platform, as_of: date) -> Platform:
    """Return the same home at another time."""
    return Platform(platform.settings.model_copy(update={"as_of": as_of}))


def due(platform: Platform) -> dg.RunRequest | dg.SkipReason:
    """Evaluate the daily schedule once."""
    (daily,) = (s for s in schedules(TABLES, from_synthetic=True) if s.name == "daily_company")
    with dg.build_schedule_context(
        scheduled_execution_time=datetime(2024, 4, 10, 0, 15, tzinfo=UTC),
        resources=resources_of(platform),
    ) as context:
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


def test_a_new_company_requests_all_months_in_one_range(company: Platform) -> None:
    assert span(due(company)) == ("2024-01-01", "2024-04-01")


def test_missing_months_are_requested(company: Platform) -> None:
    apply(company, *JANUARY.until(Month(2024, 2)))
    assert span(due(company)) == ("2024-03-01", "2024-04-01")


def test_an_up_to_date_source_is_left_alone(company: Platform) -> None:
    apply(company, *JANUARY.until(Month(2024, 4)))
    answer = due(company)
    assert isinstance(answer, dg.SkipReason)
    assert answer.skip_message == (
        "The source already has everything before SAAS_AS_OF 2024-04-10: set SAAS_AS_OF=now to let the company go"
        " on each day."
    )


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
    # Each day has its own run key.
    assert len(keys) == 3


def test_the_first_day_of_a_month_completes_the_one_that_ended(company: Platform) -> None:
    apply(company, *JANUARY.until(Month(2024, 4)))
    first = at(company, date(2024, 5, 1))
    assert span(due(first)) == ("2024-04-01", "2024-04-01")
    # On the next day April is complete, and the first day of May is due.
    apply(first, Month(2024, 4))
    assert span(due(at(company, date(2024, 5, 2)))) == ("2024-05-01", "2024-05-01")


def test_the_schedule_catches_up_after_a_week_without_the_daemon(company: Platform) -> None:
    apply(company, *JANUARY.until(Month(2024, 4)))
    assert span(due(at(company, date(2024, 6, 3)))) == ("2024-04-01", "2024-06-01")


def test_the_same_state_has_the_same_run_key(company: Platform) -> None:
    assert key(due(company)) == key(due(company))
    other = Platform(company.settings.model_copy(update={"seed": 8}))
    assert key(due(other)) != key(due(company))


@pytest.mark.slow
def test_the_requested_range_can_be_run(company: Platform, parsed_platform_of: PlatformOf) -> None:
    """With the tags of the request, the job of the schedule runs all of the range in one run."""
    platform = parsed_platform_of(**WINDOW)
    request = due(platform)
    assert isinstance(request, dg.RunRequest)
    job = build_definitions(platform).resolve_job_def("company_month")
    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(instance=instance, tags=request.tags)
    assert result.success
    assert list(platform.owned_source.applied_months()) == list(JANUARY.until(Month(2024, 4)))
    assert isinstance(due(platform), dg.SkipReason)


def test_the_company_runs_before_the_nightly_proof() -> None:
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
