"""Tests schema.yml, which describes the marts: it names every column and the parts of every ratio."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from saas_platform.dbt_runner import PROJECT_DIR
from saas_platform_tests.marts.conftest import Marts


def _described(layer: str) -> list[dict]:
    return yaml.safe_load((PROJECT_DIR / "models" / layer / "schema.yml").read_text())["models"]


LAYERS = {layer: _described(layer) for layer in ("staging", "intermediate", "marts", "reports")}
MODELS = LAYERS["marts"]
NAMES = [model["name"] for model in MODELS]
REPORTS = LAYERS["reports"]
PUBLIC = MODELS + REPORTS
EVERY = [model for models in LAYERS.values() for model in models]
SQL = sorted((PROJECT_DIR / "models").rglob("*.sql")) + sorted(
    [*(PROJECT_DIR / "tests").glob("*.sql"), *(PROJECT_DIR / "analyses").glob("*.sql")]
)


def _types(marts: Marts, table: str) -> dict[str, str]:
    return {
        row["column_name"]: row["data_type"]
        for row in marts.rows(
            "SELECT column_name, data_type FROM duckdb_columns()"
            f" WHERE schema_name = 'marts' AND table_name = '{table}' ORDER BY column_index"
        )
    }


@pytest.mark.parametrize("layer", LAYERS)
def test_every_model_is_described_with_its_grain(layer: str) -> None:
    found = [model["name"] for model in LAYERS[layer]]
    assert sorted(found) == sorted(p.stem for p in (PROJECT_DIR / "models" / layer).glob("*.sql"))
    assert all("one row per" in model["description"] for model in LAYERS[layer])


def test_dbt_enforces_the_types() -> None:
    project = yaml.safe_load((PROJECT_DIR / "dbt_project.yml").read_text())
    for layer in ("marts", "reports"):
        assert project["models"]["saas_marts"][layer]["+contract"] == {"enforced": True}
    assert all(column["data_type"] for model in PUBLIC for column in model["columns"])


def test_marts_are_tables_and_the_schema_has_nothing_foreign(marts: Marts) -> None:
    found = marts.rows(
        "SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = 'marts'"
    )
    types = {row["table_name"]: row["table_type"] for row in found}
    assert all(types[name] == "BASE TABLE" for name in NAMES)
    assert all(types[model["name"]] == "VIEW" for model in REPORTS)
    rest = set(types) - {model["name"] for model in PUBLIC}
    assert all(name.startswith(("stg_", "int_")) for name in rest)


@pytest.mark.parametrize("report", REPORTS, ids=[model["name"] for model in REPORTS])
def test_a_report_has_rows_of_its_grain(simulated: Marts, report: dict) -> None:
    grain = ", ".join(report["config"]["meta"]["grain"])
    found = simulated.row(
        f"SELECT count(*) AS n, count(DISTINCT ({grain})) AS keys FROM {report['name']}"
    )
    assert found["n"] == found["keys"] > 0


def test_reports_add_up_to_their_marts(simulated: Marts) -> None:
    for sums in (
        "SELECT sum(closing_mrr) AS total FROM {}",
        "SELECT sum(arr) AS total FROM {}",
    ):
        report, mart = (
            simulated.row(sums.format(name)) for name in ("report_revenue", "mrr_monthly")
        )
        assert report == mart
    mix, revenue = (
        simulated.row(f"SELECT sum({mrr}) AS total FROM {name}")
        for mrr, name in (("mrr", "report_mix"), ("closing_mrr", "report_revenue"))
    )
    assert mix == revenue


@pytest.mark.parametrize("model", EVERY, ids=[model["name"] for model in EVERY])
def test_columns_are_those_of_the_table_in_its_order(marts: Marts, model: dict) -> None:
    assert [column["name"] for column in model["columns"]] == list(_types(marts, model["name"]))
    assert all(column["description"] for column in model["columns"])


@pytest.mark.parametrize("model", PUBLIC, ids=[model["name"] for model in PUBLIC])
def test_types_fit_what_schema_yml_says(marts: Marts, model: dict) -> None:
    types = _types(marts, model["name"])
    for column in model["columns"]:
        name, meta = column["name"], column.get("config", {}).get("meta", {})
        is_money = meta.get("unit") == "USD"
        assert is_money == (types[name] == "DECIMAL(18,2)"), name
        if types[name] == "DOUBLE":
            assert {"numerator", "denominator", "unit"} <= set(meta), name
        # Arrow receives 128-bit integers as floats.
        assert types[name] != "HUGEINT", name


@pytest.mark.parametrize("path", SQL, ids=lambda path: path.stem)
def test_models_contain_no_syntax_of_one_engine(path: Path) -> None:
    text = re.sub(r"--.*", "", path.read_text())
    for trap in (
        r"::",
        r"//",
        r"\bfilter\s*\(",
        r"\binterval\s+'?\d",
        r"\bdate_trunc\s*\(\s*'",
        r"\b(epoch|strftime|list_|struct_|exclude|unnest|generate_series|try_cast)\b",
        r"\bgroup by all\b",
        r"(?<!\.)\bdate_?diff\s*\(",
    ):
        code = text.replace("dbt.datediff", "").replace("dbt.date_trunc", "")
        assert not re.search(trap, code), (path.name, trap)
