"""The fixtures for a SQL Server, shared with the tests of all sources."""

from __future__ import annotations

from pathlib import Path

import pytest

from saas_platform.source.mssql import bulk_load, connection
from saas_platform.warehouse.duckdb.warehouse import DuckdbWarehouse
from saas_platform_tests.source.conftest import mssql, mssql_backend

__all__ = ["mssql", "mssql_backend"]


@pytest.fixture(params=["as installed", "pyodbc alone"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run the test with mssql-python, if it is installed, and without it."""
    if request.param == "pyodbc alone":
        monkeypatch.setattr(connection, "mssql_python", lambda: None)
        monkeypatch.setattr(bulk_load, "mssql_python", lambda: None)
    return str(request.param)


@pytest.fixture
def warehouse(tmp_path: Path) -> DuckdbWarehouse:
    return DuckdbWarehouse(tmp_path / "warehouse.duckdb")
