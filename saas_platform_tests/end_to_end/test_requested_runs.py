"""Runs as the sensors, the schedules and the UI's dialogs request them: by one partition."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from saas_platform.defs.build import build_definitions
from saas_platform.defs.instance import open_instance
from saas_platform.defs.resources import resources_of
from saas_platform.platform import Platform
from saas_platform.refresh.staleness import stale_products
from saas_platform_tests.rows import by_hand

pytestmark = pytest.mark.slow


@pytest.fixture
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    with open_instance(Platform.load().home) as made:
        yield made


def execute(instance: dg.DagsterInstance, job: str, **how: Any) -> dg.ExecuteInProcessResult:
    definitions = build_definitions(Platform.load())
    return definitions.resolve_job_def(job).execute_in_process(
        instance=instance, raise_on_error=False, **how
    )


def requests(instance: dg.DagsterInstance) -> list[dg.RunRequest]:
    """Return what the sensor of the source requests in one tick."""
    platform = Platform.load()
    repository = build_definitions(platform).get_repository_def()
    with dg.build_sensor_context(
        instance=instance, repository_def=repository, resources=resources_of(platform)
    ) as context:
        tick = repository.get_sensor_def("source_changed").evaluate_tick(context)
    return [*(tick.run_requests or ())]


def test_what_the_sensor_requests_ends_well(home: Path, instance: dg.DagsterInstance) -> None:
    with by_hand(home / "source.db") as connection:
        connection.execute(
            "UPDATE users SET role = 'viewer' WHERE user_id = (SELECT min(user_id) FROM users)"
        )
        connection.execute(
            "UPDATE usage_events SET feature_id = feature_id WHERE event_id = (SELECT max(event_id) FROM usage_events)"
        )
    (request,) = requests(instance)
    assert request.partition_key == "2024-07-01"
    result = execute(instance, "refresh", partition_key=request.partition_key)
    assert result.success
    assert stale_products(Platform.load()) == {}


def test_no_more_than_what_is_stale_above_raw_is_requested(
    home: Path, instance: dg.DagsterInstance
) -> None:
    (home / "dashboard" / "index.html").unlink()
    shutil.rmtree(home / "artefacts")
    (request,) = requests(instance)
    stale = stale_products(Platform.load()).keys()
    assert {key.to_user_string() for key in request.asset_selection or ()} == stale
    result = execute(instance, "refresh", asset_selection=request.asset_selection)
    assert result.success
    made = {
        event.asset_key.to_user_string()
        for event in result.all_events
        if event.event_type == dg.DagsterEventType.ASSET_MATERIALIZATION and event.asset_key
    }
    assert made == stale
    assert stale_products(Platform.load()) == {}


def test_one_month_of_the_company_is_written(home: Path, instance: dg.DagsterInstance) -> None:
    result = execute(instance, "company_month", partition_key="2024-06-01")
    assert result.success
    months = {
        event.partition
        for event in result.all_events
        if event.event_type == dg.DagsterEventType.ASSET_MATERIALIZATION
    }
    assert months == {"2024-06-01"}


@pytest.mark.parametrize("job", ["company_month", "refresh", "everything"])
def test_a_run_without_its_partition_records_nothing(
    home: Path, instance: dg.DagsterInstance, job: str
) -> None:
    result = execute(instance, job)
    assert not result.success
    kinds = [event.event_type for event in result.all_events]
    assert dg.DagsterEventType.ASSET_MATERIALIZATION not in kinds
    messages = {
        failure.description
        for event in result.all_events
        if event.event_type == dg.DagsterEventType.STEP_FAILURE
        and (failure := event.step_failure_data.user_failure_data)
    }
    assert len(messages) == 1
    assert "This run has no partition" in str(messages.pop())


def test_a_run_of_the_table_with_partitions_is_refused_before_its_first_step(
    home: Path, instance: dg.DagsterInstance
) -> None:
    job = build_definitions(Platform.load()).resolve_implicit_global_asset_job_def()
    with pytest.raises(dg.DagsterError) as refused:
        job.execute_in_process(
            instance=instance, asset_selection=[dg.AssetKey(["raw", "usage_events"])]
        )
    assert "This run has no partition" in str(refused.value.__cause__)
    (run,) = instance.get_runs(limit=1)
    events = [each.dagster_event for each in instance.all_logs(run.run_id)]
    failures = [event for event in events if event and event.is_failure]
    assert "This run has no partition" in str(failures[0].event_specific_data)
    assert dg.DagsterEventType.STEP_START not in {event.event_type for event in events if event}
