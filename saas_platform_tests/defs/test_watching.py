"""Freshness and row counts of raw, and how Dagster reports them."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from saas_platform.defs.build import build_definitions
from saas_platform.defs.growth import IN_PATTERN, growth_checks
from saas_platform.defs.resources import resources_of
from saas_platform.platform import Platform
from saas_platform.schema import TABLES
from saas_platform.sync import sync
from saas_platform.warehouse.logs import ProofEntry
from saas_platform_tests.defs.test_automation import WINDOW, source_path
from saas_platform_tests.rows import by_hand
from saas_platform_tests.sync.external_writes import in_mirror

PlatformOf = Callable[..., Platform]


@pytest.fixture
def platform(synced: Path, platform_of: PlatformOf) -> Platform:
    made = platform_of(**WINDOW)
    shutil.copytree(synced, made.home.root)
    return made


def checked(platform: Platform) -> dict[str, dg.AssetCheckEvaluation]:
    definitions = dg.Definitions(
        assets=[dg.AssetSpec(["raw", name]) for name in TABLES],
        asset_checks=growth_checks(TABLES),
        jobs=[dg.define_asset_job("watch", dg.AssetSelection.all_asset_checks())],
        resources=resources_of(platform),
    )
    result = definitions.resolve_job_def("watch").execute_in_process()
    return {each.asset_key.path[-1]: each for each in result.get_asset_check_evaluations()}


def remember(platform: Platform, name: str, rows: int, days_ago: int) -> None:
    """Record a proof on a day in the past."""
    platform.warehouse.record_proof(
        ProofEntry(
            proof_id=str(uuid.uuid4()),
            sync_id="then",
            table_name=name,
            level="digest",
            scope="all",
            slices_checked=1,
            slices_total=1,
            slices_differing=0,
            rows_source=rows,
            rows_mirror=rows,
            digest=None,
            verdict="proven",
            seconds=0.1,
            proven_at=datetime.now(UTC).replace(tzinfo=None) - timedelta(days=days_ago),
        )
    )


@pytest.mark.slow
def test_the_first_day_reports_that_too_little_is_known(platform: Platform) -> None:
    found = checked(platform)
    assert set(found) == set(TABLES)
    for each in found.values():
        assert each.passed
        assert (each.description or "").startswith("There is no pattern yet: 0 changes")


def test_only_a_table_that_lost_its_rows_in_the_source_warns(
    platform: Platform,
) -> None:
    with platform.warehouse.session():
        for days_ago in range(2, 12):
            for name in ("usage_events", "features"):
                remember(platform, name, 500, days_ago)
    path = Path(str(platform.settings.warehouse.database))
    in_mirror(
        path, "DELETE FROM raw._proof_log WHERE table_name = 'features' AND rows_mirror < 500"
    )
    remember(platform, "features", 500, 0)
    with by_hand(source_path(platform)) as connection:
        connection.execute("DELETE FROM usage_events WHERE event_id > 1")
    (report,) = sync(platform.source, platform.warehouse, [TABLES["usage_events"]])
    assert report.succeeded
    found = checked(platform)
    event = found["usage_events"]
    assert not event.passed
    assert event.severity == dg.AssetCheckSeverity.WARN
    assert (
        "1 row, after 500 (2 days before). The pattern of 9 earlier changes predicts about 500."
        in (event.description or "")
    )
    assert event.metadata["changes_known"].value == 9
    assert {name for name, each in found.items() if not each.passed} == {"usage_events"}
    assert "within the pattern" in (found["features"].description or "")


def test_a_table_that_became_empty_is_reported(platform: Platform) -> None:
    path = Path(str(platform.settings.warehouse.database))
    in_mirror(path, "DELETE FROM raw._proof_log")
    for days_ago in range(1, 12):
        remember(platform, "features", 500, days_ago)
    remember(platform, "features", 0, 0)
    assert not checked(platform)["features"].passed


def test_the_checks_run_with_everything_and_with_a_refresh(default: dg.Definitions) -> None:
    for name in ("everything", "refresh"):
        keys = default.resolve_job_def(name).asset_layer.asset_graph.asset_check_keys
        assert sum(key.name == IN_PATTERN for key in keys) == len(TABLES)


def policies(definitions: dg.Definitions) -> dict[str, dg.FreshnessPolicy | None]:
    return {
        spec.key.to_user_string(): spec.freshness_policy
        for spec in definitions.resolve_all_asset_specs()
    }


def test_raw_has_a_freshness_policy_if_its_source_changes(
    default: dg.Definitions, mirror_only: dg.Definitions, parsed_platform_of: PlatformOf
) -> None:
    """If the clock stands still, every table would become overdue after days and stay so."""
    assert set(policies(default).values()) == {None}
    living = build_definitions(parsed_platform_of(as_of="now"))
    for definitions in (mirror_only, living):
        have = {key for key, policy in policies(definitions).items() if policy is not None}
        assert have == {f"raw/{name}" for name in TABLES}
