"""Tests the semantic models: dbt accepts them, and what they say about the marts is true."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from saas_platform.dbt_runner import PROJECT_DIR
from saas_platform_tests.marts.conftest import Build, Marts

SEMANTIC = yaml.safe_load((PROJECT_DIR / "models/marts/semantic.yml").read_text())
METRICS = {metric["name"]: metric for metric in SEMANTIC["metrics"]}
AGGREGATES = {
    "sum": "sum({})",
    "average": "avg({})",
    "count": "count({})",
    "sum_boolean": "sum(CASE WHEN {} THEN 1 ELSE 0 END)",
}


def _column(part: dict) -> str:
    return part.get("expr", part["name"])


def _time(model: dict) -> str:
    """Return the time column over which the measures of the model are summed."""
    name = model["defaults"]["agg_time_dimension"]
    return next(_column(part) for part in model["dimensions"] if part["name"] == name)


#: Each measure with its table, its time column and its SQL.
MEASURES = {
    measure["name"]: SimpleNamespace(
        table=model["model"].removeprefix("ref('").removesuffix("')"),
        time=_time(model),
        sql=AGGREGATES[measure["agg"]].format(_column(measure)),
    )
    for model in SEMANTIC["semantic_models"]
    for measure in model["measures"]
}


def _value(marts: Marts, metric: str, where: str) -> Any:
    """Compute a metric from the columns of the marts, following only its description."""
    params = METRICS[metric]["type_params"]
    if METRICS[metric]["type"] == "ratio":
        numerator, denominator = (
            float(_value(marts, params[part], where)) for part in ("numerator", "denominator")
        )
        return numerator / denominator
    if METRICS[metric]["type"] == "derived":
        inputs = {name: _value(marts, name, where) for name in params["metrics"]}
        return eval(params["expr"], {}, inputs)
    measure = MEASURES[params["measure"]]
    sql = f"SELECT {measure.sql} AS value FROM {measure.table} WHERE {where.format(measure.time)}"
    return marts.row(sql)["value"]


def test_dbt_has_every_metric(hand_written_build: Build, dbt_paths: tuple[Path, Path]) -> None:
    manifest = yaml.safe_load((dbt_paths[0] / "semantic_manifest.json").read_text())
    assert {metric["name"] for metric in manifest["metrics"]} == set(METRICS)
    assert len(manifest["semantic_models"]) == len(SEMANTIC["semantic_models"])
    (spine,) = manifest["project_configuration"]["time_spines"]
    assert spine["primary_column"]["name"] == "date_day"


@pytest.mark.parametrize("name", MEASURES)
def test_each_measure_uses_existing_columns(marts: Marts, name: str) -> None:
    measure = MEASURES[name]
    assert "value" in marts.row(f"SELECT {measure.sql} AS value FROM {measure.table}")
    assert marts.rows(f"SELECT {measure.time} FROM {measure.table} LIMIT 1")


@pytest.mark.parametrize("model", SEMANTIC["semantic_models"], ids=lambda model: model["name"])
def test_each_dimension_and_entity_is_a_column(marts: Marts, model: dict) -> None:
    table = model["model"].removeprefix("ref('").removesuffix("')")
    parts = [*model["dimensions"], *model.get("entities", [])]
    columns = ", ".join(map(_column, parts))
    assert marts.rows(f"SELECT {columns} FROM {table} LIMIT 1")


def test_every_measure_is_used_by_a_metric() -> None:
    used = {m["type_params"].get("measure") for m in METRICS.values()}
    assert used >= set(MEASURES)


@pytest.mark.parametrize(
    ("metric", "mart", "column"),
    [
        ("mrr", "mrr_monthly", "closing_mrr"),
        ("arr", "mrr_monthly", "arr"),
        ("nrr", "mrr_monthly", "nrr"),
        ("grr", "mrr_monthly", "grr"),
        ("quick_ratio", "mrr_monthly", "quick_ratio"),
        ("net_revenue", "revenue_monthly", "net_revenue"),
        ("decline_rate", "billing_health", "decline_rate"),
    ],
)
def test_a_metric_equals_the_marts_column(
    simulated: Marts, metric: str, mart: str, column: str
) -> None:
    found = _value(simulated, metric, "{} = DATE '2025-06-01'")
    expected = simulated.row(f"SELECT {column} AS value FROM {mart} WHERE month = '2025-06-01'")
    assert found == pytest.approx(expected["value"])
