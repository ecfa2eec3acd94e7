"""Fixtures for platforms with given settings. The dbt project is parsed once for all of them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from saas_platform.defs.build import build_definitions
from saas_platform.platform import Platform
from saas_platform.schema import TABLES
from saas_platform.settings import Settings
from saas_platform.source.sqlite import SqliteSource
from saas_platform.sync import sync
from saas_platform.warehouse.duckdb.warehouse import DuckdbWarehouse
from saas_platform_tests.rows import populate


@pytest.fixture(scope="session")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> Platform:
    """A platform with the default settings and dbt's manifest. Parsing takes longer than most tests."""
    home = tmp_path_factory.mktemp("parsed")
    platform = Platform(Settings(_env_file=None, home=home, synthetic=True))
    build_definitions(platform)
    return platform


@pytest.fixture(scope="session")
def default(parsed: Platform) -> dg.Definitions:
    """The definitions of the default settings."""
    return build_definitions(parsed)


@pytest.fixture(scope="session")
def mirror_only(parsed: Platform) -> dg.Definitions:
    """The definitions for a source that belongs to the user."""
    own = parsed.settings.model_copy(update={"synthetic": False})
    return build_definitions(Platform(own))


@pytest.fixture
def platform_of(tmp_path: Path) -> Callable[..., Platform]:
    """Return a function that makes a platform with the given settings in the test's own home."""

    def made(**values: Any) -> Platform:
        return Platform(Settings(_env_file=None, home=tmp_path / "home", **values))

    return made


@pytest.fixture
def parsed_platform_of(
    parsed: Platform, platform_of: Callable[..., Platform]
) -> Callable[..., Platform]:
    """Like `platform_of`, but dbt's manifest is already in the home."""

    def made(**values: Any) -> Platform:
        platform = platform_of(**values)
        shutil.copytree(parsed.home.dbt, platform.home.dbt)
        return platform

    return made


@pytest.fixture(scope="session")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with some rows in every table of the source and a warehouse that is up to date."""
    home = tmp_path_factory.mktemp("synced")
    source = SqliteSource(home / "source.db")
    source.create_schema()
    populate(source.path, 5)
    sync(source, DuckdbWarehouse(home / "warehouse.duckdb"), list(TABLES.values()))
    return home
