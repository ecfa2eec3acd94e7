"""What was dropped, truncated or edited by hand above raw is built again, and nothing that it does not concern."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from saas_platform.platform import Platform
from saas_platform.refresh.products import products
from saas_platform.refresh.staleness import stale_products, staleness
from saas_platform_tests.end_to_end.command_line import command

Damage = Callable[[Path], None]


def sql(*statements: str) -> Damage:
    def damage(home: Path) -> None:
        with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
            for statement in statements:
                connection.execute(statement)

    return damage


def cut(name: str, size: int) -> Damage:
    def damage(home: Path) -> None:
        path = home / name
        path.write_bytes(path.read_bytes()[:size])

    return damage


def gone(name: str) -> Damage:
    def damage(home: Path) -> None:
        path = home / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()

    return damage


def zeroed(name: str) -> Damage:
    def damage(home: Path) -> None:
        path = home / name
        path.write_bytes(bytes(path.stat().st_size))

    return damage


MISSING, CHANGED = "is missing", "was changed after it was built"
#: What somebody did, the products that are stale by it with the words that say why, and some that are not stale.
DAMAGES: dict[str, tuple[Damage, dict[str, str], set[str]]] = {
    "a table is dropped": (
        sql("DROP TABLE marts.mrr_monthly"),
        {"marts/mrr_monthly": MISSING, "dashboards/page": "is built from marts/mrr_monthly"},
        {"marts/churn_monthly", "marts/account_months", "models/churn_model"},
    ),
    "rows are changed": (
        sql("UPDATE marts.churn_monthly SET churned_customers = churned_customers + 1000"),
        {"marts/churn_monthly": CHANGED, "marts/report_churn": "is built from marts/churn_monthly"},
        {"marts/mrr_monthly", "models/churn_features"},
    ),
    "one value is changed by a cent, in a table rebuilt by month": (
        sql(
            "UPDATE marts.account_months SET closing_mrr = closing_mrr + 0.01 WHERE rowid ="
            " (SELECT min(rowid) FROM marts.account_months)"
        ),
        {"marts/account_months": CHANGED},
        {"marts/dim_plan", "marts/stg_accounts"},
    ),
    "rows are deleted": (
        sql("DELETE FROM marts.account_month_features WHERE rowid % 7 = 0"),
        {
            "marts/account_month_features": CHANGED,
            "models/churn_features": "is built from marts/account_month_features",
        },
        {"marts/mrr_monthly"},
    ),
    "a table is emptied": (
        sql("TRUNCATE marts.dim_date"), {"marts/dim_date": CHANGED}, {"marts/dim_plan"}
    ),
    "a view has another query": (
        sql("CREATE OR REPLACE VIEW marts.report_churn AS SELECT * FROM marts.churn_monthly LIMIT 1"),
        {"marts/report_churn": CHANGED},
        {"marts/churn_monthly"},
    ),
    "a view becomes a table": (
        sql(
            "CREATE TABLE copied AS FROM marts.report_mix", "DROP VIEW marts.report_mix",
            "CREATE TABLE marts.report_mix AS FROM copied", "DROP TABLE copied",
        ),
        {"marts/report_mix": CHANGED},
        {"marts/mrr_monthly"},
    ),
    "the schema of the models is dropped": (
        sql("DROP SCHEMA models CASCADE"),
        {"models/churn_scores": MISSING, "models/churn_evaluation": MISSING},
        {"marts/mrr_monthly", "models/churn_model"},
    ),
    "a table of the evaluation is dropped": (
        sql("DROP TABLE models.churn_calibration"),
        {"models/churn_evaluation": MISSING},
        {"models/churn_scores"},
    ),
    "scores are changed": (
        sql("UPDATE models.churn_scores SET probability = 0.5"),
        {"models/churn_scores": CHANGED},
        {"models/churn_model", "marts/mrr_monthly"},
    ),
    "the model is cut short": (
        cut("artefacts/models/churn_model.joblib", 100),
        {"models/churn_model": CHANGED, "models/churn_scores": "is built from models/churn_model"},
        {"models/churn_features", "marts/account_month_features"},
    ),
    "the model is deleted": (
        gone("artefacts"), {"models/churn_model": MISSING}, {"models/churn_features"}
    ),
    "the features are deleted": (
        gone("staging/models"),
        {"models/churn_features": MISSING, "models/churn_scores": MISSING},
        {"marts/account_month_features"},
    ),
    "the truth is zeroed": (
        zeroed("truth/account_months.parquet"),
        {"synthetic/truth": CHANGED, "models/churn_evaluation": "is built from synthetic/truth"},
        {"models/churn_model", "marts/mrr_monthly"},
    ),
    "the truth is deleted": (gone("truth"), {"synthetic/truth": MISSING}, {"models/churn_scores"}),
    "the page is deleted": (
        gone("dashboard/index.html"), {"dashboards/page": MISSING}, {"marts/mrr_monthly"}
    ),
    "the page is cut to half": (
        cut("dashboard/index.html", 50_000), {"dashboards/page": CHANGED}, {"marts/mrr_monthly"}
    ),
}  # fmt: skip


@pytest.mark.few
@pytest.mark.parametrize(("damage", "stale", "fresh"), DAMAGES.values(), ids=DAMAGES)
def test_damage_is_noticed_and_what_it_does_not_concern_stays(
    home: Path, damage: Damage, stale: dict[str, str], fresh: set[str]
) -> None:
    platform = Platform.load()
    assert stale_products(platform) == {}
    damage(home)
    found = stale_products(platform)
    assert {name: found[name].words for name in stale if name in found} == stale
    assert not fresh & found.keys()
    dashboards = {"dashboards/page"} if any(name.startswith("marts/") for name in stale) else set()
    assert dashboards <= found.keys()


def content(home: Path) -> dict[str, list[tuple[object, ...]]]:
    """Return the rows of every table and view of the marts and models, by plain DuckDB."""
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        names = connection.execute(
            "SELECT table_schema, table_name FROM information_schema.tables"
            " WHERE table_schema IN ('marts', 'models') AND NOT starts_with(table_name, '_')"
        ).fetchall()
        return {
            f"{schema}.{name}": sorted(
                connection.execute(f"FROM {schema}.{name}").fetchall(), key=repr
            )
            for schema, name in names
        }


@pytest.mark.slow
def test_run_repairs_all_damage_at_once(home: Path) -> None:
    before = content(home)
    page, model = (
        (home / "dashboard/index.html").read_bytes(),
        home / "artefacts/models/churn_model.joblib",
    )
    fitted = model.read_bytes()
    chosen = (
        "a table is dropped", "one value is changed by a cent, in a table rebuilt by month", "a view becomes a table",
        "rows are changed", "a table of the evaluation is dropped", "the model is cut short", "the truth is zeroed",
        "the page is deleted",
    )  # fmt: skip
    for name in chosen:
        DAMAGES[name][0](home)
    output = command("run", "--json")
    assert output.code == 0, output.err
    did = json.loads(output.out)["did"]
    assert [line.partition(":")[0] for line in did] == [
        "synthetic", "marts", "models", "dashboards"
    ]  # fmt: skip
    assert content(home) == before
    assert model.read_bytes() == fitted
    assert (home / "dashboard/index.html").read_bytes() == page
    assert "nothing to do" in command("run").err


@pytest.mark.slow
def test_a_build_that_fails_is_asked_for_again(home: Path) -> None:
    """A mart whose test failed, and what is built from it, stay stale although its rows are there."""
    sql("UPDATE raw.plans SET tier = 'nobody' WHERE plan_id = 1", "DROP TABLE marts.dim_plan")(home)
    for _ in range(2):
        output = command("run")
        assert output.code == 2
        assert "tier_is_known_in_dim_plan" in output.err
    found = stale_products(Platform.load())
    assert found["marts/dim_plan"].is_own
    assert "marts/dim_promo_code" not in found


@pytest.mark.slow
def test_what_decides_no_result_makes_nothing_stale(home: Path, dbt_project: Path) -> None:
    def add(name: str, text: str) -> None:
        path = dbt_project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text((path.read_text() if path.exists() else "") + text)

    add("target/manifest.json", "{}")
    add("logs/dbt.log", "x")
    add("analyses/company_by_country.sql", "-- a comment\n")
    add("tests/users_add_up.sql", "-- a comment\n")
    add("models/marts/unit_tests.yml", "# a comment\n")
    add("models/marts/schema.yml", "# a comment\n")
    add("README.md", "x")
    assert stale_products(Platform.load()) == {}
    add("models/marts/mrr_monthly.sql", "-- a comment\n")
    found = stale_products(Platform.load())
    assert found["marts/mrr_monthly"].words == "has other code now"
    assert "marts/churn_monthly" not in found
    add("macros/money.sql", "\n{% macro unused() %}{% endmacro %}\n")
    assert stale_products(Platform.load()).keys() == found.keys()
    text = (dbt_project / "macros/money.sql").read_text()
    (dbt_project / "macros/money.sql").write_text(text.replace("100", "100.0", 1))
    assert len(stale_products(Platform.load())) > len(found)


def test_an_earlier_record_of_whole_layers_leads_to_one_build_of_all(home: Path) -> None:
    sql(
        "CREATE OR REPLACE TABLE marts._builds (layer VARCHAR, fingerprint VARCHAR, inputs VARCHAR, built_at TIMESTAMP)"
    )(home)
    platform = Platform.load()
    found = staleness(platform, platform.settings.last_month)
    assert set(found.products) == set(products(platform))
    assert "was never built" in found.reasons[0]
