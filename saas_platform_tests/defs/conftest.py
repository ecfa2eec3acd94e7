"""Platforms as settings describe them; dbt's project is parsed once for all of them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from saas_platform.marts.manifest import manifest
from saas_platform.platform import Platform
from saas_platform.settings import Settings


@pytest.fixture(scope="session")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """dbt's manifest; parsing it takes longer than most tests."""
    return manifest(tmp_path_factory.mktemp("dbt"))


@pytest.fixture
def platform_of(tmp_path: Path) -> Callable[..., Platform]:
    """A platform of these settings; its home is the test's own."""

    def made(**values: Any) -> Platform:
        return Platform(Settings(_env_file=None, home=tmp_path / "home", **values))  # type: ignore[call-arg]

    return made


@pytest.fixture
def parsed_platform_of(
    parsed: Path, platform_of: Callable[..., Platform]
) -> Callable[..., Platform]:
    """As `platform_of`, with dbt's manifest in the home already."""

    def made(**values: Any) -> Platform:
        platform = platform_of(**values)
        platform.home.dbt.mkdir(parents=True, exist_ok=True)
        shutil.copy(parsed, platform.home.dbt)
        return platform

    return made
