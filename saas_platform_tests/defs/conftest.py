"""Platforms as settings describe them; dbt's project is parsed once for all of them."""

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
    """The default settings, in a home with dbt's manifest; parsing takes longer than most tests."""
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
    """The definitions where the source is the user's own."""
    own = parsed.settings.model_copy(update={"synthetic": False})
    return build_definitions(Platform(own))


@pytest.fixture
def platform_of(tmp_path: Path) -> Callable[..., Platform]:
    """A platform of these settings; its home is the test's own."""

    def made(**values: Any) -> Platform:
        return Platform(Settings(_env_file=None, home=tmp_path / "home", **values))

    return made


@pytest.fixture
def parsed_platform_of(
    parsed: Platform, platform_of: Callable[..., Platform]
) -> Callable[..., Platform]:
    """As `platform_of`, with dbt's manifest in the home already."""

    def made(**values: Any) -> Platform:
        platform = platform_of(**values)
        shutil.copytree(parsed.home.dbt, platform.home.dbt)
        return platform

    return made


@pytest.fixture(scope="session")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with some rows in every table, and a warehouse that is up to date with them."""
    home = tmp_path_factory.mktemp("synced")
    source = SqliteSource(home / "source.db")
    source.create_schema()
    populate(source.path, 5)
    sync(source, DuckdbWarehouse(home / "warehouse.duckdb"), list(TABLES.values()))
    return home
