"""Tests which warehouse dbt is given, and that a missing adapter is reported."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from saas_platform.cli.doctor import examine
from saas_platform.dbt_runner import MartsError, MartsTarget, target
from saas_platform.platform import Platform
from saas_platform.settings import Settings

BIGQUERY = "bigquery://acme?location=EU&maximum_bytes_billed=1000"


def of(tmp_path: Path, url: str = "") -> Platform:
    return Platform(Settings(_env_file=None, home=tmp_path, warehouse_url=url))


def test_the_marts_are_built_in_the_warehouse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "warehouse.duckdb"
    assert of(tmp_path).marts_target == MartsTarget.duckdb(path)
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", "http://127.0.0.1:1")
    assert of(tmp_path, BIGQUERY).marts_target == MartsTarget.bigquery(
        "acme", "EU", maximum_bytes_billed=1000, emulator="http://127.0.0.1:1"
    )


def test_the_environment_is_left_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAAS_DBT_BIGQUERY_PROJECT", "before")
    with MartsTarget.bigquery("acme", "EU").in_environment():
        assert os.environ["SAAS_DBT_BIGQUERY_PROJECT"] == "acme"
        assert os.environ["SAAS_DBT_BIGQUERY_LOCATION"] == "EU"
    assert os.environ["SAAS_DBT_BIGQUERY_PROJECT"] == "before"
    assert "SAAS_DBT_BIGQUERY_LOCATION" not in os.environ


def test_variables_of_a_shell_are_hidden_from_dbt(monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = {"DBT_PROFILE": "acme", "DBT_EMPTY": "true", "SAAS_DBT_REBUILD": "{}"}
    for name, value in theirs.items():
        monkeypatch.setenv(name, value)
    with MartsTarget.duckdb(Path("a.duckdb")).in_environment():
        seen = {name for name in os.environ if name.startswith(("DBT_", "SAAS_DBT_"))}
    ours = {"DBT_INDIRECT_SELECTION", "DBT_WARN_ERROR_OPTIONS"}
    assert seen == {"SAAS_DBT_DUCKDB_PATH", *ours}
    assert theirs.items() <= os.environ.items()


def test_a_missing_adapter_is_reported_with_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(target, "find_spec", lambda _: None)
    with pytest.raises(MartsError, match=r"need dbt-bigquery.*pip install .*\[bigquery\]"):
        MartsTarget.bigquery("acme", "EU").require_adapter()
    # The doctor reports the adapter before it asks Google, so stop at this finding.
    found = next(f for f in examine(of(tmp_path, BIGQUERY)) if f.name == "marts")
    assert not found.ok
    assert found.remedy.startswith("run `pip install 'saas-platform[bigquery]'`")


def test_an_installed_adapter_is_reported(tmp_path: Path) -> None:
    found = next(f for f in examine(of(tmp_path)) if f.name == "marts")
    assert found.ok
    assert found.detail.startswith("dbt-duckdb ")
