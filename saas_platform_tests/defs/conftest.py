"""Platforms as settings describe them; dbt's project is parsed once for all of them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from saas_platform.defs.build import build_definitions
from saas_platform.platform import Platform
from saas_platform.settings import Settings


@pytest.fixture(scope="session")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of dbt in a home whose definitions were built; parsing takes longer than most tests."""
    platform = Platform(Settings(_env_file=None, home=tmp_path_factory.mktemp("parsed")))
    build_definitions(platform)
    return platform.home.dbt


@pytest.fixture
def platform_of(tmp_path: Path) -> Callable[..., Platform]:
    """A platform of these settings; its home is the test's own."""

    def made(**values: Any) -> Platform:
        return Platform(Settings(_env_file=None, home=tmp_path / "home", **values))

    return made


@pytest.fixture
def parsed_platform_of(
    parsed: Path, platform_of: Callable[..., Platform]
) -> Callable[..., Platform]:
    """As `platform_of`, with dbt's manifest in the home already."""

    def made(**values: Any) -> Platform:
        platform = platform_of(**values)
        shutil.copytree(parsed, platform.home.dbt)
        return platform

    return made
