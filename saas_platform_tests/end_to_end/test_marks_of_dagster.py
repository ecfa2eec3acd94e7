"""Dagster's marks of what is stale agree with `run`, even if somebody synced, dropped or edited something outside of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import duckdb
import pytest

# Dagster has no public way to ask for what the UI shows.
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.loader import LoadingContextForTest

from saas_platform.defs.build import build_definitions
from saas_platform.defs.instance import open_instance
from saas_platform.defs.resources import resources_of
from saas_platform.platform import Platform
from saas_platform.refresh.staleness import stale_products, staleness
from saas_platform_tests.end_to_end.command_line import command
from saas_platform_tests.rows import by_hand

pytestmark = pytest.mark.slow


@pytest.fixture
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    with open_instance(Platform.load().home) as made:
        yield made


def marks(instance: dg.DagsterInstance) -> dict[str, StaleStatus]:
    """Return the assets that the UI marks as stale or missing."""
    graph = build_definitions(Platform.load()).resolve_asset_graph()
    resolver = CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance))
    found: dict[str, StaleStatus] = {}
    for key in graph.get_all_asset_keys():
        partitions = graph.get(key).partitions_def
        parts = [None] if partitions is None else partitions.get_partition_keys()
        for part in parts:
            name = key.to_user_string() if part is None else f"{key.to_user_string()} {part}"
            found[name] = resolver.get_status(key, part)
    return {name: status for name, status in found.items() if status != StaleStatus.FRESH}


def tick(instance: dg.DagsterInstance) -> dg.SensorResult | dg.SkipReason:
    """Evaluate the sensor once and store its events, as the daemon does."""
    platform = Platform.load()
    definitions = build_definitions(platform)
    repository = definitions.get_repository_def()
    with dg.build_sensor_context(
        instance=instance, repository_def=repository, resources=resources_of(platform)
    ) as context:
        result = repository.get_sensor_def("facts")(context)
    assert isinstance(result, dg.SensorResult | dg.SkipReason)
    for event in result.asset_events if isinstance(result, dg.SensorResult) else ():
        instance.report_runless_asset_event(event)
    return result


def newest(instance: dg.DagsterInstance, name: str) -> dg.AssetMaterialization:
    """Return the event whose metadata the UI shows."""
    event = instance.get_latest_materialization_event(dg.AssetKey(name.split("/")))
    assert event is not None
    assert event.asset_materialization is not None
    return event.asset_materialization


def sql(home: Path, statement: str) -> None:
    with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
        connection.execute(statement)


def test_marks_agree_with_run(home: Path, instance: dg.DagsterInstance) -> None:
    assert marks(instance) == {}
    assert isinstance(tick(instance), dg.SkipReason)

    built = newest(instance, "marts/churn_monthly").metadata
    assert "dagster/row_count" in built
    sql(home, "DROP TABLE marts.mrr_monthly")
    sql(home, "UPDATE marts.churn_monthly SET churned_customers = 7")
    (home / "dashboard" / "index.html").unlink()
    assert isinstance(tick(instance), dg.SensorResult)
    assert isinstance(tick(instance), dg.SkipReason), "it is reported once"
    found = marks(instance)
    assert found.keys() == stale_products(Platform.load()).keys()
    assert set(found.values()) == {StaleStatus.STALE}
    assert newest(instance, "marts/churn_monthly").metadata == built, "the UI shows it still"

    assert command("run").code == 0
    assert (marks(instance), stale_products(Platform.load())) == ({}, {})


def test_a_sync_on_the_command_line_is_reported(home: Path, instance: dg.DagsterInstance) -> None:
    with_edit = "UPDATE users SET role = 'viewer' WHERE user_id = (SELECT min(user_id) FROM users)"
    edit_source(home, with_edit)
    assert command("sync").code == 0
    assert isinstance(tick(instance), dg.SensorResult)
    found = marks(instance)
    assert found.keys() == stale_products(Platform.load()).keys()
    assert "marts/stg_users" in found
    shown = newest(instance, "raw/users").metadata
    with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
        rows = connection.execute("SELECT count(*) FROM raw.users").fetchall()
    assert [(shown["dagster/row_count"].value,)] == rows
    assert command("run").code == 0
    assert (marks(instance), stale_products(Platform.load())) == ({}, {})


def test_a_mart_whose_test_failed_is_marked(home: Path, instance: dg.DagsterInstance) -> None:
    sql(home, "UPDATE raw.plans SET tier = 'nobody' WHERE plan_id = 1")
    sql(home, "DROP TABLE marts.dim_plan")
    assert command("run").code == 2
    assert "marts/dim_plan" in marks(instance)
    tick(instance)
    assert marks(instance).keys() == stale_products(Platform.load()).keys()
    sql(home, "UPDATE raw.plans SET tier = 'starter' WHERE plan_id = 1")
    assert command("run").code == 0
    assert (marks(instance), stale_products(Platform.load())) == ({}, {})


def to_materialise() -> set[str]:
    """Return the assets that `run` would materialise now."""
    platform = Platform.load()
    found = staleness(platform, platform.settings.last_month)
    keys = build_definitions(platform).resolve_asset_graph().get_all_asset_keys()
    names = {key.to_user_string() for key in keys}
    return {name for name in names if name.partition("/")[0] in found.groups} | {*found.products}


def test_a_later_clock_is_marked(
    home: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No asset is newer, and still the month is not that of today."""
    monkeypatch.setenv("SAAS_AS_OF", "2024-07-20")
    assert isinstance(tick(instance), dg.SensorResult)
    assert isinstance(tick(instance), dg.SkipReason), "it is reported once"
    found = marks(instance)
    assert {name.partition(" ")[0] for name in found} == to_materialise()
    assert {name.partition(" ")[2] for name in found} == {"", "2024-07-01"}
    assert command("run").code == 0
    assert (marks(instance), stale_products(Platform.load())) == ({}, {})


def test_a_change_of_the_source_is_marked(home: Path, instance: dg.DagsterInstance) -> None:
    edit_source(
        home, "UPDATE users SET role = 'viewer' WHERE user_id = (SELECT min(user_id) FROM users)"
    )
    assert isinstance(tick(instance), dg.SensorResult)
    assert isinstance(tick(instance), dg.SkipReason), "it is reported once"
    found = marks(instance)
    assert {name for name in found if name.startswith("raw/")} == {"raw/users"}
    assert found.keys() - {"raw/users"} == {
        name for name in to_materialise() if not name.startswith("raw/")
    }
    assert command("run").code == 0
    assert (marks(instance), stale_products(Platform.load())) == ({}, {})


def edit_source(home: Path, statement: str) -> None:
    with by_hand(home / "source.db") as connection:
        connection.execute(statement)
