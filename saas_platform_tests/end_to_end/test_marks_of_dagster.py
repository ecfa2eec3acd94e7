"""Dagster's marks of what is stale agree with `run`, even if somebody synced, dropped or edited something outside of it."""

from __future__ import annotations

import itertools
import shutil
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
from saas_platform.refresh.builds import last_builds
from saas_platform.refresh.staleness import stale_products, staleness
from saas_platform_tests.drawing import drawn
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


def tick(
    instance: dg.DagsterInstance,
    cursors: dict[str, str] = {},  # noqa: B006
    loaded: dg.Definitions | None = None,
) -> list[str]:
    """Evaluate the sensor once and store its events and its cursor, as the daemon does. Return what it reported.

    `loaded` are the definitions that Dagster has; None for those of the code as it is.
    """
    platform = Platform.load()
    repository = (loaded or build_definitions(platform)).get_repository_def()
    place = instance.root_directory
    with dg.build_sensor_context(
        instance=instance,
        repository_def=repository,
        resources=resources_of(platform),
        cursor=cursors.get(place),
    ) as context:
        result = repository.get_sensor_def("facts")(context)
    assert isinstance(result, dg.SensorResult)
    cursors[place] = result.cursor or ""
    for event in result.asset_events:
        instance.report_runless_asset_event(event)
    return [event.asset_key.to_user_string() for event in result.asset_events]


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
    assert tick(instance) == []

    built = newest(instance, "marts/churn_monthly").metadata
    assert "dagster/row_count" in built
    sql(home, "DROP TABLE marts.mrr_monthly")
    sql(home, "UPDATE marts.churn_monthly SET churned_customers = 7")
    (home / "dashboard" / "index.html").unlink()
    assert tick(instance)
    assert tick(instance) == [], "it is reported once"
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
    assert tick(instance)
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
    assert tick(instance)
    assert tick(instance) == [], "it is reported once"
    found = marks(instance)
    assert {name.partition(" ")[0] for name in found} == to_materialise()
    assert {name.partition(" ")[2] for name in found} == {"", "2024-07-01"}
    assert command("run").code == 0
    assert (marks(instance), stale_products(Platform.load())) == ({}, {})


def test_a_change_of_the_source_is_marked(home: Path, instance: dg.DagsterInstance) -> None:
    edit_source(
        home, "UPDATE users SET role = 'viewer' WHERE user_id = (SELECT min(user_id) FROM users)"
    )
    assert tick(instance)
    assert tick(instance) == [], "it is reported once"
    found = marks(instance)
    assert {name for name in found if name.startswith("raw/")} == {"raw/users"}
    assert found.keys() - {"raw/users"} == {
        name for name in to_materialise() if not name.startswith("raw/")
    }
    assert command("run").code == 0
    assert (marks(instance), stale_products(Platform.load())) == ({}, {})


def undo_the_source(home: Path, _: pytest.MonkeyPatch) -> None:
    edit_source(home, "UPDATE features SET name = substr(name, 2)")
    assert command("sync").code == 0


def the_source(home: Path, _: pytest.MonkeyPatch) -> None:
    edit_source(home, "UPDATE features SET name = 'x' || name")


def the_page(home: Path, _: pytest.MonkeyPatch) -> None:
    page = home / "dashboard" / "index.html"
    page.write_bytes(page.read_bytes()[::-1])


def the_clock(_: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAAS_AS_OF", "2024-07-20")


def the_clock_back(_: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAAS_AS_OF", "2024-07-15")


UNDONE = {
    "source": (the_source, undo_the_source),
    "page": (the_page, the_page),
    "clock": (the_clock, the_clock_back),
}


@pytest.mark.draws
@pytest.mark.parametrize("what", drawn([*UNDONE], 2))
def test_what_was_undone_is_no_longer_marked(
    home: Path,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
    what: str,
) -> None:
    do, undo = UNDONE[what]
    do(home, monkeypatch)
    assert tick(instance)
    assert marks(instance)
    undo(home, monkeypatch)
    tick(instance)
    assert {name.partition(" ")[0] for name in marks(instance)} == to_materialise()
    assert command("run").code == 0
    tick(instance)
    assert (marks(instance), stale_products(Platform.load())) == ({}, {})
    assert tick(instance) == []


def test_a_mart_built_again_alone_leaves_no_mark_above_it(
    home: Path, instance: dg.DagsterInstance
) -> None:
    sql(home, "DELETE FROM marts.dim_plan")
    assert tick(instance)
    assert command("run", "--select", "marts/dim_plan").code == 0
    tick(instance)
    assert (marks(instance), stale_products(Platform.load())) == ({}, {})


def test_what_dagster_never_heard_of_is_reported(home: Path, instance: dg.DagsterInstance) -> None:
    """The first run was killed after it had recorded what it built, and before it stored the events."""
    built = [name for name in all_products() if name.startswith("marts/")]
    instance.wipe_assets([dg.AssetKey(name.split("/")) for name in built])
    assert {*marks(instance)} >= {*built}
    assert {*built} <= {*tick(instance)}
    tick(instance)
    assert (marks(instance), stale_products(Platform.load())) == ({}, {})
    assert tick(instance) == []


def test_a_build_of_which_the_events_were_lost_is_reported(home: Path, tmp_path: Path) -> None:
    before = shutil.copytree(home / "dagster", tmp_path / "dagster")
    edit_source(home, "UPDATE accounts SET name = 'x' || name")
    assert command("run").code == 0
    shutil.rmtree(home / "dagster")
    shutil.copytree(before, home / "dagster")
    with open_instance(Platform.load().home) as instance:
        while tick(instance):
            pass
        assert (marks(instance), stale_products(Platform.load())) == ({}, {})
        recorded = last_builds(Platform.load().warehouse)["marts/dim_account"].version
        assert (newest(instance, "marts/dim_account").tags or {})[
            "dagster/data_version"
        ] == recorded


def test_the_page_forgets_a_mart_that_was_removed(
    home: Path, instance: dg.DagsterInstance, dbt_project: Path
) -> None:
    added = dbt_project / "models" / "reports" / "report_new.sql"
    # It has no columns in a `schema.yml`, as a new model has none.
    added.write_text("{{ config(contract={'enforced': false}) }} select 1 as a")
    assert command("run").code == 0
    assert (marks(instance), stale_products(Platform.load())) == ({}, {})
    added.unlink()
    while tick(instance):
        pass
    assert (marks(instance), stale_products(Platform.load())) == ({}, {})


def all_products() -> set[str]:
    """Return the names of all products."""
    return {*last_builds(Platform.load().warehouse)}


EDITS = {
    "users": "UPDATE users SET role = 'viewer' WHERE user_id = (SELECT min(user_id) FROM users)",
    "usage_events": "DELETE FROM usage_events WHERE event_id IN (SELECT event_id FROM usage_events LIMIT 9)",
}


@pytest.mark.draws
@pytest.mark.parametrize(
    ("table", "is_marked_before"), drawn([*itertools.product(EDITS, (False, True))], 2)
)
def test_what_a_run_builds_from_a_table_synced_before_it_is_not_stale(
    home: Path, instance: dg.DagsterInstance, table: str, *, is_marked_before: bool
) -> None:
    """The run builds some marts only, from inputs of which some have a mark or a sync that is not reported yet."""
    edit_source(home, EDITS[table])
    if is_marked_before:
        assert tick(instance)
    assert command("sync").code == 0
    assert command("run").code == 0
    tick(instance)
    tick(instance)
    assert (marks(instance), stale_products(Platform.load())) == ({}, {})
    assert tick(instance) == []


def edit_source(home: Path, statement: str) -> None:
    with by_hand(home / "source.db") as connection:
        connection.execute(statement)
