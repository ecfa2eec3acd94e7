"""What the UI shows of the columns of each asset before it is materialised: names, descriptions and types."""

from __future__ import annotations

from collections.abc import Callable

import dagster as dg
import pytest
import yaml

from saas_platform.dbt_runner import PROJECT_DIR
from saas_platform.defs.build import build_definitions
from saas_platform.platform import Platform
from saas_platform.schema import TABLES

#: A fitted model and a page have no columns.
WITHOUT = {"models/churn_model", "dashboards/page"}


def _specs(definitions: dg.Definitions) -> dict[str, dg.AssetSpec]:
    return {s.key.to_user_string(): s for s in definitions.resolve_all_asset_specs()}


def _schemas(definitions: dg.Definitions) -> dict[str, dg.TableSchema]:
    """Return the columns of each asset, and of the other tables of an asset that has several."""
    return {
        f"{name}.{key}": schema
        for name, spec in _specs(definitions).items()
        for key, schema in spec.metadata.items()
        if isinstance(schema, dg.TableSchema)
    }


def _faults(definitions: dg.Definitions) -> list[str]:
    lacking = [
        f"{name}.{column.name}"
        for name, schema in _schemas(definitions).items()
        for column in schema.columns
        if not column.description or not column.type or "?" in column.type
    ]
    shown = _schemas(definitions)
    return lacking + [
        name
        for name in _specs(definitions).keys() - WITHOUT
        if not shown.get(f"{name}.dagster/column_schema", dg.TableSchema([])).columns
    ]


@pytest.mark.parametrize("which", ["default", "mirror_only"])
def test_every_column_has_a_description_and_a_type(
    request: pytest.FixtureRequest, which: str
) -> None:
    definitions = request.getfixturevalue(which)
    assert _faults(definitions) == []
    assert sum(len(each.columns) for each in _schemas(definitions).values()) > 800


def test_a_column_without_a_description_is_seen() -> None:
    schema = dg.TableSchema([dg.TableColumn("a", "int64")])
    nameless = dg.AssetSpec("one", metadata={"dagster/column_schema": schema})
    assert _faults(dg.Definitions([nameless, dg.AssetSpec("two")])) == [
        "one.dagster/column_schema.a",
        "two",
    ]


def test_features_are_described_as_in_their_mart(default: dg.Definitions) -> None:
    described = yaml.safe_load((PROJECT_DIR / "models/marts/schema.yml").read_text())["models"]
    (mart,) = (each for each in described if each["name"] == "account_month_features")
    words = {column["name"]: column["description"] for column in mart["columns"]}
    for name in ("churn_features", "churn_scores"):
        for column in _specs(default)[f"models/{name}"].metadata["dagster/column_schema"].columns:
            if column.name not in ("probability", "is_holdout"):
                assert column.description == words[column.name]


def test_a_column_that_the_contract_requires_is_never_null(default: dg.Definitions) -> None:
    schema = _specs(default)["marts/dim_account"].metadata["dagster/column_schema"]
    nullable = {column.name: column.constraints.nullable for column in schema.columns}
    assert (nullable["account_id"], nullable["churned_at"]) == (False, True)


@pytest.mark.slow
def test_types_of_bigquery_have_its_names(
    platform_of: Callable[..., Platform], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", "http://127.0.0.1:9050")
    definitions = build_definitions(platform_of(warehouse_url="bigquery://acme?location=EU"))
    schemas = _schemas(definitions)
    types = {
        column.type
        for name, schema in schemas.items()
        if name.startswith(("raw/", "marts/", "models/churn_scores", "models/churn_evaluation"))
        for column in schema.columns
    }
    assert types == {"INT64", "STRING", "BOOL", "NUMERIC", "DATE", "TIMESTAMP", "FLOAT64"}
    assert {c.type for c in schemas["models/churn_features.dagster/column_schema"].columns} == {
        "int64", "string", "double", "bool", "timestamp[ns]",
    }  # fmt: skip


@pytest.mark.parametrize("group", ["synthetic", "source", "raw"])
def test_columns_are_those_of_the_schema(default: dg.Definitions, group: str) -> None:
    specs = _specs(default)
    found = {key.path[1] for key in (s.key for s in specs.values()) if key.path[0] == group}
    assert found - {"truth"} == set(TABLES)
    for name, table in TABLES.items():
        schema = specs[f"{group}/{name}"].metadata["dagster/column_schema"]
        assert isinstance(schema, dg.TableSchema)
        assert [column.name for column in schema.columns] == [c.name for c in table.columns]
        assert all(column.description for column in schema.columns), name


@pytest.mark.parametrize(
    ("asset", "types"),
    [
        ("synthetic/plans", {"plan_id": "int64", "name": "string", "created_at": "timestamp[us]"}),
        ("source/plans", {"plan_id": "INTEGER", "name": "VARCHAR(64)", "created_at": "DATETIME"}),
        ("raw/plans", {"plan_id": "BIGINT", "name": "VARCHAR", "created_at": "TIMESTAMP"}),
        (
            "marts/stg_plans",
            {"plan_id": "BIGINT", "seat_price": "DECIMAL(18,2)", "trial_days": "INTEGER"},
        ),
        ("marts/mrr_monthly", {"month": "DATE", "arr": "DECIMAL(18,2)", "quick_ratio": "DOUBLE"}),
        (
            "models/churn_features",
            {"account_id": "int64", "mrr": "double", "month": "timestamp[ns]"},
        ),
        ("models/churn_scores", {"account_id": "BIGINT", "is_holdout": "BOOLEAN"}),
        ("models/churn_evaluation", {"metric": "VARCHAR", "value": "DOUBLE"}),
        ("synthetic/truth", {"month": "date32[day]", "voluntary_hazard": "double"}),
    ],
)
def test_types_are_those_of_the_engine(
    default: dg.Definitions, asset: str, types: dict[str, str]
) -> None:
    schema = _specs(default)[asset].metadata["dagster/column_schema"]
    assert isinstance(schema, dg.TableSchema)
    found = {column.name: column.type for column in schema.columns}
    assert {name: found[name] for name in types} == types
