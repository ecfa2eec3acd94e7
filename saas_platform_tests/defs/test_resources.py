"""The resources: fields that the UI shows, no secret in what Dagster stores, and the asset that asks for each."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import unquote, unquote_plus

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.remote_representation.external_data import RepositorySnap
from dagster_dbt import DbtCliInvocation, DbtCliResource
from packaging.version import Version

from saas_platform.clock import Month
from saas_platform.defs.resources import (
    CompanyClock,
    SourceDatabase,
    SyntheticCompany,
    WarehouseResource,
    resources_of,
)
from saas_platform.errors import PlatformError
from saas_platform.platform import Platform
from saas_platform.refresh.company_months import CompanyMonths
from saas_platform.source.mssql import MssqlSource
from saas_platform.source.sqlite import SqliteSource

PlatformOf = Callable[..., Platform]
PASSWORD, OTHER, SALT = "p@ss w/rd!", "s3cret-in-an-option", "a-salt-of-more-than-16-letters"
PLAIN = "S3cret"


def opened(resource: Any) -> Any:
    """Return the resource as a step gets it."""
    with dg.build_resources({"it": resource}) as made:
        return made.it


def _url(password: str | None = None, **options: str) -> str:
    url = sa.URL.create("mssql+pyodbc", "reader", password, "sql.example.com", 1433, "crm", options)
    return url.render_as_string(hide_password=False)


@pytest.fixture(
    params=[
        _url(PASSWORD, driver="ODBC Driver 18 for SQL Server"),
        _url(PLAIN),
        _url(odbc_connect=f"Server=sql.example.com;Database=crm;UID=reader;PWD={OTHER}"),
    ],
    ids=["password", "plain password", "odbc_connect"],
)
def guarded(parsed_platform_of: PlatformOf, request: pytest.FixtureRequest) -> Platform:
    """A platform whose settings have secrets."""
    return parsed_platform_of(source_url=request.param, hash_salt=SALT)


def _secrets_in(text: str) -> list[str]:
    """Return the secrets that the text holds, in any way of writing them in a URL or in JSON."""
    written = {text, unquote(text), unquote_plus(text), text.replace("\\/", "/")}
    return [each for each in (PASSWORD, PLAIN, OTHER, SALT) if any(each in way for way in written)]


def test_no_secret_is_in_what_dagster_stores(guarded: Platform) -> None:
    from saas_platform.defs.build import build_definitions

    definitions = build_definitions(guarded)
    job = definitions.resolve_job_def("refresh")
    stored = dg.serialize_value(job.get_job_snapshot())
    assert "sql.example.com" in stored
    assert _secrets_in(stored) == []
    assert _secrets_in(repr(definitions.resources)) == []
    repository = definitions.get_repository_def()
    shown = repository.get_top_level_resources()
    assert {"source", "warehouse"} <= shown.keys()
    values = {
        name: str(each.config_schema.default_value_as_json_str)
        for name, each in shown.items()
        if each.config_schema.default_provided
    }
    assert "sql.example.com" in values["source"]
    assert _secrets_in(str(values)) == []
    served = dg.serialize_value(RepositorySnap.from_def(repository))
    assert "sql.example.com" in served
    assert _secrets_in(served) == []


def test_the_source_is_opened_with_its_secrets(guarded: Platform) -> None:
    resource = opened(SourceDatabase.of(guarded))
    source, expected = resource.open(), guarded.source
    assert isinstance(source, MssqlSource)
    assert isinstance(expected, MssqlSource)
    assert source.address == expected.address
    assert _secrets_in(str(vars(source.address)))
    assert resource.secrets.hash_salt == SALT
    assert _secrets_in(repr(resource)) == []


@pytest.mark.parametrize("name", ["plain.db", "with ? and #.db", "100%.db", "a b+c.db"])
def test_a_file_keeps_its_name(platform_of: PlatformOf, tmp_path: Path, name: str) -> None:
    url = sa.URL.create("sqlite", database=str(tmp_path / name))
    platform = platform_of(source_url=url.render_as_string().replace("?", "%3F"))
    source = opened(SourceDatabase.of(platform)).open()
    assert isinstance(source, SqliteSource)
    assert source.path == platform.source.path  # type: ignore[attr-defined]


def test_the_fields_decide(platform_of: PlatformOf, tmp_path: Path) -> None:
    """With other values in the fields, an asset gets another database, company and time."""
    made = resources_of(platform_of())
    company = made["company"]
    assert isinstance(company, SyntheticCompany)
    other = SyntheticCompany(
        seed=11,
        accounts=37,
        start="2024-03",
        dirt=0.5,
        file=None,
        frames=company.frames,
        clock=CompanyClock(as_of="2024-05-10"),
    )
    months = opened(other).months()
    assert months.name.startswith("seed 11, 37 accounts from 2024-03,")
    assert months.name.endswith("dirt 0.5")
    assert months.all() == [Month(2024, 3), Month(2024, 4), Month(2024, 5)]
    elsewhere = opened(WarehouseResource(url=f"duckdb:///{tmp_path}/other.duckdb")).open()
    assert elsewhere.path == tmp_path / "other.duckdb"


def test_the_company_is_that_of_the_settings(platform_of: PlatformOf, tmp_path: Path) -> None:
    (tmp_path / "company.yaml").write_text("yearly_campaigns: false\n")
    platform = platform_of(company=tmp_path / "company.yaml", seed=5, accounts=99, dirt=0.25)
    months = opened(resources_of(platform)["company"]).months()
    expected = CompanyMonths.of(platform)
    assert vars(months) == {**vars(expected), "frames": months.frames}
    assert months.frames.url == expected.frames.url
    assert months.name == platform.company_name
    assert not months.config.yearly_campaigns


def test_every_resource_says_what_it_is(default: dg.Definitions) -> None:
    for name, resource in (default.resources or {}).items():
        definition = resource if isinstance(resource, dg.ResourceDefinition) else None
        assert getattr(definition, "description", None) or type(resource).__doc__, name
        if isinstance(resource, dg.ConfigurableResource):
            fields = json.loads(json.dumps(type(resource).model_json_schema()))["properties"]
            named = [field for field in fields if "description" not in fields[field]]
            assert type(resource).__module__.startswith("saas_platform") is False or not (
                set(named) - {"bigquery", "clock", "secrets", "bookkeeping"}
            ), (name, named)


def test_a_build_asks_nobody_for_newer_versions_of_dbt(
    default: dg.Definitions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`dbt --version` would take seconds in each run, and would ask the network."""

    def refuse(command: list[str], **_: Any) -> bytes:
        raise AssertionError(command)

    monkeypatch.setattr("dagster_dbt.core.resource.check_output", refuse)
    assert "_cli_version" in vars(DbtCliResource), (
        "dagster-dbt learns the version in another way now"
    )
    dbt = opened((default.resources or {})["dbt"])
    assert dbt._cli_version == Version(metadata.version("dbt-core"))


def test_a_build_parses_no_macros_before_dbt_does(
    default: dg.Definitions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """dagster-dbt would make an adapter in this process, for metadata that no asset asks it for."""
    started: dict[str, Any] = {}
    monkeypatch.setattr(DbtCliInvocation, "run", lambda **given: started.update(given))
    opened((default.resources or {})["dbt"]).cli(["build"], manifest={})
    assert started["args"][-1] != "build", "the target follows"
    assert started["adapter"] is None


def test_a_wrong_setting_is_an_error_of_the_asset(tmp_path: Path) -> None:
    with pytest.raises(PlatformError, match="SAAS_WAREHOUSE_URL names snowflake"):
        opened(WarehouseResource(url="snowflake://account/db")).open()


#: The resources that each layer asks for, besides the timer of the work.
ASKED = {
    "synthetic": {"company", "io_manager"},
    "source": {"source", "company", "io_manager"},
    "raw": {"source", "warehouse", "io_manager"},
    "marts": {"dbt", "warehouse", "clock", "bookkeeping", "io_manager"},
    "dashboards": {"warehouse", "clock", "bookkeeping", "io_manager"},
}


def test_assets_ask_for_what_they_need(default: dg.Definitions) -> None:
    found: dict[str, set[str]] = {}
    for assets in default.assets or ():
        assert isinstance(assets, dg.AssetsDefinition)
        needed = set(assets.required_resource_keys) - {"work"}
        for key in assets.keys:
            layer = (
                key.path[0]
                if key.path[0] in ASKED and key.path[-1] != "truth"
                else key.to_user_string()
            )
            found.setdefault(layer, set()).update(needed)
    assert found == {
        **ASKED,
        "synthetic/truth": {"source", "company", "truth", "bookkeeping", "io_manager"},
        "models/churn_features": {"warehouse", "frames"},
        "models/churn_model": {"artefacts"},
        "models/churn_scores": {"warehouse", "frames"},
        "models/churn_evaluation": {"warehouse", "truth", "bookkeeping", "io_manager"},
    }


def test_only_evaluations_ask_for_the_truth(default: dg.Definitions) -> None:
    asking = [
        each.keys if isinstance(each, dg.AssetsDefinition) and each.keys else each.check_keys
        for each in (*(default.assets or ()), *(default.asset_checks or ()))
        if isinstance(each, dg.AssetsDefinition) and "truth" in each.required_resource_keys
    ]
    named = sorted(key.to_user_string() for keys in asking for key in keys)
    assert named == ["models/churn_evaluation", "synthetic/truth", "synthetic/truth:dirt_found"]
