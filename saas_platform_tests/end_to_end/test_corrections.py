"""What could not be built is left alone after a few runs, and asked for again as soon as something has changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from saas_platform.defs.build import build_definitions
from saas_platform.defs.instance import open_instance
from saas_platform.defs.resources import resources_of
from saas_platform.platform import Platform
from saas_platform.refresh.staleness import stale_products
from saas_platform_tests.end_to_end.command_line import command
from saas_platform_tests.end_to_end.test_conditions import Automation
from saas_platform_tests.end_to_end.test_failed_tests import ONE, RIGHT, WRONG
from saas_platform_tests.end_to_end.test_marks_of_dagster import edit_source, marks, sql, tick

pytestmark = pytest.mark.slow

MART = "marts/billing_health"


@pytest.fixture
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    with open_instance(Platform.load().home) as made:
        yield made


@pytest.fixture
def model(dbt_project: Path) -> Path:
    """The SQL of the mart."""
    return dbt_project / "models" / f"{MART}.sql"


class Sensor:
    """The sensor `source_changed`, evaluated as the daemon does, which keeps its cursor."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self._instance = instance
        self._cursor: str | None = None
        self.words = ""

    def request(self) -> dg.RunRequest | None:
        """Return what it requests in one tick."""
        platform = Platform.load()
        repository = build_definitions(platform).get_repository_def()
        with dg.build_sensor_context(
            instance=self._instance,
            repository_def=repository,
            resources=resources_of(platform),
            cursor=self._cursor,
        ) as context:
            found = repository.get_sensor_def("source_changed").evaluate_tick(context)
        self._cursor = found.cursor or self._cursor
        self.words = found.skip_message or ""
        requests = found.run_requests or []
        assert len(requests) <= 1
        return requests[0] if requests else None

    def run(self) -> bool:
        """Evaluate it, and run what it requests. Return whether that succeeds."""
        request = self.request()
        assert request is not None, self.words
        job = build_definitions(Platform.load()).resolve_job_def("refresh")
        return job.execute_in_process(
            instance=self._instance,
            asset_selection=request.asset_selection,
            partition_key=request.partition_key,
            raise_on_error=False,
        ).success


def test_the_sensor_asks_three_times_and_again_after_a_correction(
    instance: dg.DagsterInstance, model: Path
) -> None:
    right = model.read_text()
    model.write_text("select * from nowhere.nothing")
    sensor = Sensor(instance)
    for _ in range(3):
        assert not sensor.run()
    assert sensor.request() is None
    assert f"{MART} could not be built" in sensor.words
    assert sensor.request() is None
    model.write_text(right)
    assert sensor.run()
    assert stale_products(Platform.load()) == {}
    assert sensor.request() is None


def test_the_condition_asks_once_and_again_after_a_correction(
    instance: dg.DagsterInstance, model: Path
) -> None:
    right = model.read_text()
    automation = Automation(instance)
    assert automation.requests() == set()
    model.write_text("select * from nowhere.nothing")
    tick(instance)
    requested = automation.requests()
    assert MART in requested
    assert automation.materialise(requested)
    for _ in range(3):
        tick(instance)
        assert automation.requests() == set()
    model.write_text(right)
    tick(instance)
    requested = automation.requests()
    assert requested == stale_products(Platform.load()).keys()
    assert automation.materialise(requested) == []
    tick(instance)
    assert automation.requests() == set()
    assert (marks(instance), stale_products(Platform.load())) == ({}, {})


def test_what_was_never_built_is_asked_for_again_with_other_code(
    home: Path, instance: dg.DagsterInstance, model: Path
) -> None:
    right = model.read_text()
    model.write_text("select * from nowhere.nothing")
    instance.wipe_assets([dg.AssetKey(MART.split("/"))])
    sql(home, f"DROP TABLE {MART.replace('/', '.')}")
    automation = Automation(instance)
    tick(instance)
    requested = automation.requests()
    assert MART in requested
    assert automation.materialise(requested)
    tick(instance)
    assert automation.requests() == set()
    model.write_text(right)
    automation.definitions = build_definitions(Platform.load())
    tick(instance)
    assert MART in automation.requests()


def test_the_condition_asks_again_after_a_change_of_the_data(
    home: Path, instance: dg.DagsterInstance
) -> None:
    automation = Automation(instance)
    assert automation.requests() == set()
    edit_source(home, f"UPDATE invoices {WRONG} {ONE}")
    assert command("sync").code == 0
    tick(instance)
    requested = automation.requests()
    assert {"marts/stg_invoices"} <= requested
    assert automation.materialise(requested)
    tick(instance)
    assert automation.requests() == set()
    edit_source(home, f"UPDATE invoices {RIGHT} {ONE}")
    assert command("sync").code == 0
    tick(instance)
    requested = automation.requests()
    # The test reads both.
    assert {"marts/stg_invoices", "marts/stg_invoice_items"} <= requested
    assert automation.materialise(requested) == []
    # The marts were built between a sync and its report. The sensor corrects that at its next evaluations.
    while tick(instance):
        pass
    assert (marks(instance), stale_products(Platform.load())) == ({}, {})


def test_a_corrected_test_is_a_change(
    home: Path, instance: dg.DagsterInstance, dbt_project: Path
) -> None:
    test = dbt_project / "tests" / "invoices_add_up.sql"
    right = test.read_text()
    test.write_text("-- It finds something.\nselect invoice_id from {{ ref('stg_invoices') }}")
    sql(home, "DROP VIEW marts.stg_invoices")
    sensor = Sensor(instance)
    for _ in range(3):
        assert not sensor.run()
    assert sensor.request() is None
    test.write_text(right)
    assert sensor.run()
    assert stale_products(Platform.load()) == {}


def test_the_sensor_says_that_the_definitions_must_be_loaded_again(
    instance: dg.DagsterInstance, model: Path
) -> None:
    loaded = build_definitions(Platform.load()).get_repository_def()
    model.write_text(f"{model.read_text()}\n-- a comment\n")
    assert command("run").code == 0

    def said(repository: dg.RepositoryDefinition) -> str:
        with dg.build_sensor_context(
            instance=instance, repository_def=repository, resources=resources_of(Platform.load())
        ) as context:
            result = repository.get_sensor_def("facts").evaluate_tick(context)
        return result.skip_message or ""

    words = said(loaded)
    assert f"the code of {MART} has changed after the definitions were loaded" in words
    assert "Reload definitions" in words
    again = build_definitions(Platform.load()).get_repository_def()
    assert said(again) == "Dagster knows of everything that is there."
