"""Fixtures: the marts of a small company, which are built once, their page, and a browser."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest

from saas_platform.dashboard import build_page
from saas_platform.dbt_runner import MartsTarget
from saas_platform.dbt_runner.project import options, run
from saas_platform.warehouse.duckdb.warehouse import DuckdbWarehouse
from saas_platform_tests.marts.conftest import simulate
from saas_platform_tests.marts.raw import load

if TYPE_CHECKING:
    from playwright.sync_api import Browser

AS_OF = datetime(2026, 1, 1)

#: Makes the tables that the trained models leave. Training real models takes longer than all of these tests.
MODELS = (
    "CREATE SCHEMA IF NOT EXISTS models",
    "CREATE TABLE models.churn_evaluation AS SELECT * FROM (VALUES"
    " ('auc', CAST(0.71 AS DOUBLE)), ('skill', 0.62)) AS t(metric, value)",
    "CREATE TABLE models.churn_calibration AS SELECT CAST(i AS INTEGER) AS bin,"
    " 0.004 * pow(1.4, i) AS predicted, 0.005 * pow(1.35, i) AS observed,"
    " 0.0045 * pow(1.38, i) AS true_hazard, CAST(300 AS BIGINT) AS accounts FROM range(10) AS r(i)",
)

#: Makes a warehouse with a copy of the marts, changed by the given SQL statements.
Changed = Callable[..., DuckdbWarehouse]


@pytest.fixture(scope="session")
def marts_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The warehouse file with all marts of a company of 200 accounts, built without dbt's tests.

    The tests of the marts run dbt's tests.
    """
    root = tmp_path_factory.mktemp("dashboard")
    path = root / "warehouse.duckdb"
    load(path, simulate(accounts=200))
    run(MartsTarget.duckdb(path), ["run", *options(AS_OF, root / "target", root / "logs")])
    return path


@pytest.fixture(scope="session")
def warehouse(marts_file: Path) -> DuckdbWarehouse:
    """The marts without the models. No test changes it."""
    return DuckdbWarehouse(marts_file)


@pytest.fixture
def changed(marts_file: Path, tmp_path: Path) -> Changed:
    """A function that copies the marts and runs the given statements on the copy."""

    def make(*statements: str) -> DuckdbWarehouse:
        path = Path(shutil.copy(marts_file, tmp_path / "changed.duckdb"))
        with duckdb.connect(str(path)) as connection:
            for statement in statements:
                connection.execute(statement)
        return DuckdbWarehouse(path)

    return make


@pytest.fixture(scope="session")
def complete_file(marts_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The warehouse file with the marts and the models."""
    path = Path(shutil.copy(marts_file, tmp_path_factory.mktemp("complete") / "complete.duckdb"))
    with duckdb.connect(str(path)) as connection:
        for statement in MODELS:
            connection.execute(statement)
    return path


@pytest.fixture(scope="session")
def page_path(complete_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built page of the marts and the models."""
    return build_page(DuckdbWarehouse(complete_file), tmp_path_factory.mktemp("page"), AS_OF).path


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium. Without an installed one, the test is skipped.

    While it is open, the thread has a running event loop, in which no other test can call `asyncio.run`.
    """
    names = ("chromium", "chromium-browser", "google-chrome")
    executable = next((path for name in names if (path := shutil.which(name))), None)
    if executable is None:
        pytest.skip(f"none of {', '.join(names)} is installed")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        launched = started.chromium.launch(
            executable_path=executable,
            args=[
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--no-first-run",
                "--disable-background-networking",
            ],
        )
        yield launched
        launched.close()
