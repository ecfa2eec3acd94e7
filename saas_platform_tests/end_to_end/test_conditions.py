"""Dagster's own automation materialises what `run` would, once what it is built from is ready, and asks for it once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from saas_platform.defs.build import build_definitions
from saas_platform.defs.instance import open_instance
from saas_platform.platform import Platform
from saas_platform.refresh.staleness import stale_products
from saas_platform_tests.end_to_end.command_line import command
from saas_platform_tests.end_to_end.test_marks_of_dagster import edit_source, sql, tick

pytestmark = pytest.mark.slow


class Automation:
    """Dagster's automation sensor, evaluated tick by tick."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self.definitions = build_definitions(Platform.load())
        self._cursor: dg.AssetDaemonCursor | None = None

    def requests(self) -> set[str]:
        """Evaluate the sensor once. Return the assets that it requests."""
        names = {key.to_user_string() for key in self.definitions.resolve_all_asset_keys()}
        result = dg.evaluate_automation_conditions(
            defs=self.definitions, instance=self.instance, cursor=self._cursor
        )
        self._cursor = result.cursor
        return {name for name in names if result.get_num_requested(dg.AssetKey(name.split("/")))}

    def materialise(self, names: set[str]) -> list[str]:
        """Run what was requested, as the daemon does. Return why its steps failed."""
        job = self.definitions.resolve_implicit_global_asset_job_def()
        keys = [dg.AssetKey(name.split("/")) for name in names]
        result = job.execute_in_process(
            instance=self.instance, asset_selection=keys, raise_on_error=False
        )
        failed = [e for e in result.all_events if e.event_type == dg.DagsterEventType.STEP_FAILURE]
        assert result.success is not bool(failed)
        return [str(event.step_failure_data) for event in failed]


@pytest.fixture
def automation(home: Path) -> Iterator[Automation]:
    with open_instance(Platform.load().home) as instance:
        made = Automation(instance)
        assert made.requests() == set()
        yield made


def test_what_run_would_build_is_requested_once_and_built(
    home: Path, automation: Automation
) -> None:
    edit_source(
        home, "UPDATE users SET role = 'viewer' WHERE user_id = (SELECT min(user_id) FROM users)"
    )
    assert command("sync").code == 0
    (home / "dashboard" / "index.html").unlink()
    tick(automation.instance)
    stale = stale_products(Platform.load()).keys()
    assert {"marts/stg_users", "dashboards/page"} <= stale
    requested = automation.requests()
    assert requested == stale
    assert automation.requests() == set(), "it is asked for once"
    assert automation.materialise(requested) == []
    assert tick(automation.instance) == []
    assert automation.requests() == set()
    assert stale_products(Platform.load()) == {}


def test_what_waits_for_raw_is_requested_after_it(home: Path, automation: Automation) -> None:
    edit_source(home, "UPDATE features SET name = 'x' || name")
    sql(home, "DROP TABLE marts.dim_plan")
    tick(automation.instance)
    waiting = automation.requests()
    assert "marts/dim_plan" in waiting, "it is not built from features"
    assert "marts/stg_features" not in waiting
    assert command("sync").code == 0
    tick(automation.instance)
    assert "marts/stg_features" in automation.requests()


def test_a_later_clock_and_the_truth(
    home: Path, automation: Automation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAAS_AS_OF", "2024-07-20")
    tick(automation.instance)
    assert automation.requests() == set(), "the month is written first"
    definitions = build_definitions(Platform.load())
    month = definitions.resolve_job_def("company_month")
    with open_instance(Platform.load().home) as instance:
        assert month.execute_in_process(instance=instance, partition_key="2024-07-01").success
    assert command("sync").code == 0
    tick(automation.instance)
    later = Automation(automation.instance)
    requested = later.requests()
    assert requested == stale_products(Platform.load()).keys()
    assert "synthetic/truth" in requested
    assert later.materialise(requested) == []
    assert tick(automation.instance) == []
    assert later.requests() == set()
    assert stale_products(Platform.load()) == {}


def test_a_run_that_fails_is_not_asked_for_again_and_again(
    home: Path, automation: Automation
) -> None:
    sql(home, "UPDATE raw.plans SET tier = 'nobody' WHERE plan_id = 1")
    sql(home, "DROP TABLE marts.dim_plan")
    tick(automation.instance)
    requested = automation.requests()
    assert "marts/dim_plan" in requested
    assert automation.materialise(requested)
    for _ in range(3):
        tick(automation.instance)
        assert automation.requests() == set(), "what is built from it waits"
    sql(home, "UPDATE raw.plans SET tier = 'starter' WHERE plan_id = 1")
    assert command("run").code == 0
    sql(home, "DROP TABLE marts.dim_plan")
    assert automation.requests() == set()
    tick(automation.instance)
    assert "marts/dim_plan" in automation.requests(), "this is another time"


def test_what_is_built_from_a_model_that_is_not_loaded_waits(
    automation: Automation, dbt_project: Path
) -> None:
    """Building the page would not bring it up to date, and `facts` would mark it again after each build."""
    added = dbt_project / "models" / "reports" / "report_new.sql"
    added.write_text("{{ config(contract={'enforced': false}) }} select 1 as a")
    for _ in range(2):
        tick(automation.instance, loaded=automation.definitions)
        assert automation.requests() == set()
    automation.definitions = build_definitions(Platform.load())
    tick(automation.instance)
    requested = automation.requests()
    assert requested == {"marts/report_new", "dashboards/page"}
    assert automation.materialise(requested) == []
    tick(automation.instance)
    assert automation.requests() == set()
    assert stale_products(Platform.load()) == {}
