"""Fixtures: a source with some rows in every table, and an empty warehouse next to it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from saas_platform.source.sqlite import SqliteSource
from saas_platform.warehouse.duckdb.warehouse import DuckdbWarehouse
from saas_platform_tests.rows import populate

ROWS = 8


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of an empty source. Tests copy it, because creating one takes longer than most tests."""
    path = tmp_path_factory.mktemp("template") / "source.db"
    SqliteSource(path).create_schema()
    return path


@pytest.fixture
def empty_source(template: Path, tmp_path: Path) -> SqliteSource:
    return SqliteSource(Path(shutil.copy(template, tmp_path / "source.db")))


@pytest.fixture
def source(empty_source: SqliteSource) -> SqliteSource:
    populate(empty_source.path, ROWS)
    return empty_source


@pytest.fixture
def warehouse(tmp_path: Path) -> DuckdbWarehouse:
    return DuckdbWarehouse(tmp_path / "warehouse.duckdb", wait_seconds=2)
