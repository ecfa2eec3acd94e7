"""Tests running dbt in this process."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from saas_platform.dbt_runner import PROJECT_DIR, MartsError, MartsTarget, build
from saas_platform_tests.marts.raw import RawCompany, load


@pytest.mark.slow
def test_an_empty_company_builds(tmp_path: Path, dbt_paths: tuple[Path, Path]) -> None:
    path = tmp_path / "warehouse.duckdb"
    load(path, RawCompany().tables())
    build(MartsTarget.duckdb(path), datetime(2026, 1, 1), *dbt_paths)
    with duckdb.connect(str(path)) as connection:
        assert connection.execute("SELECT count(*) FROM marts.mrr_monthly").fetchone() == (0,)


@pytest.mark.slow
def test_a_failed_test_is_named_and_the_file_is_closed(
    tmp_path: Path, dbt_paths: tuple[Path, Path]
) -> None:
    company = RawCompany()
    company.account(1)
    company.account(1)
    path = tmp_path / "warehouse.duckdb"
    load(path, company.tables())
    with pytest.raises(MartsError, match="one_row_per_account_in_dim_account"):
        build(MartsTarget.duckdb(path), datetime(2026, 1, 1), *dbt_paths, select=["+dim_account"])
    duckdb.connect(str(path)).close()


@pytest.mark.slow
def test_a_null_that_the_contract_forbids_is_named(
    tmp_path: Path, dbt_paths: tuple[Path, Path]
) -> None:
    company = RawCompany()
    company.promo_code(1, "acquisition", 40)
    path = tmp_path / "warehouse.duckdb"
    load(path, company.tables())
    with duckdb.connect(str(path)) as connection:
        connection.execute("UPDATE raw.promo_codes SET campaign = NULL")
    with pytest.raises(MartsError, match=r"(?s)dim_promo_code .*NOT NULL.*campaign"):
        build(
            MartsTarget.duckdb(path), datetime(2026, 1, 1), *dbt_paths, select=["+dim_promo_code"]
        )


@pytest.mark.slow
def test_a_missing_table_is_named(tmp_path: Path, dbt_paths: tuple[Path, Path]) -> None:
    path = tmp_path / "warehouse.duckdb"
    duckdb.connect(str(path)).close()
    with pytest.raises(MartsError, match="stg_plans"):
        build(MartsTarget.duckdb(path), datetime(2026, 1, 1), *dbt_paths, select=["stg_plans"])


@pytest.mark.slow
def test_the_as_of_in_mid_month_ends_time_there(
    tmp_path: Path, dbt_paths: tuple[Path, Path]
) -> None:
    company = RawCompany()
    company.account(1, "2025-01-02")
    path = tmp_path / "warehouse.duckdb"
    load(path, company.tables())
    build(
        MartsTarget.duckdb(path),
        datetime(2025, 2, 15),
        *dbt_paths,
        select=["+mrr_monthly", "+user_growth_daily"],
    )
    with duckdb.connect(str(path)) as connection:
        months = connection.execute("SELECT is_complete FROM marts.mrr_monthly ORDER BY month")
        assert months.fetchall() == [(True,), (False,)]
        last = connection.execute("SELECT max(date_day)::text FROM marts.user_growth_daily")
        assert last.fetchone() == ("2025-02-14",)


def test_a_model_that_does_not_parse_is_named_and_dbt_prints_nothing(
    tmp_path: Path,
    dbt_paths: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    project = tmp_path / "project"
    shutil.copytree(PROJECT_DIR, project)
    (project / "models" / "marts" / "broken.sql").write_text("select {{")
    monkeypatch.setattr("saas_platform.dbt_runner.project.PROJECT_DIR", project)
    target = MartsTarget.duckdb(tmp_path / "warehouse.duckdb")
    with pytest.raises(MartsError, match=r"broken \(models/marts/broken\.sql\)"):
        build(target, datetime(2026, 1, 1), *dbt_paths)
    assert capfd.readouterr() == ("", "")
