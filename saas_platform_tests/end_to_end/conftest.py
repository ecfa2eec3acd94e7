"""Run one small company through the whole chain once. Each test begins with its home as it was then."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from dagster._core.storage.event_log.sqlite import sqlite_event_log

from saas_platform.dbt_runner.project import PROJECT_DIR
from saas_platform_tests.end_to_end.command_line import Output, command
from saas_platform_tests.end_to_end.own import SHOP, Own
from saas_platform_tests.end_to_end.warm_dbt import warm_dbt

#: A company that is small, but long enough to have churn, promo codes and an erasure.
SMALL = {"SAAS_ACCOUNTS": "150", "SAAS_START": "2024-01", "SAAS_AS_OF": "2024-07-15"}


def _settings(home: Path, patch: pytest.MonkeyPatch) -> None:
    for name, value in {**SMALL, "SAAS_HOME": str(home)}.items():
        patch.setenv(name, value)


@pytest.fixture(scope="session", autouse=True)
def _dbt_is_warm() -> Iterator[None]:
    """Fork dbt from a process that has imported it."""
    with warm_dbt():
        yield


@pytest.fixture(scope="session", autouse=True)
def _one_engine_for_each_log() -> Iterator[None]:
    """Let Dagster use one engine for each of its SQLite files. It makes one for each event, and compiles all SQL again."""
    made: dict[str, sa.Engine] = {}

    def engine(url: str, **options: Any) -> sa.Engine:
        if url not in made:
            made[url] = sa.create_engine(url, **options)
        return made[url]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite_event_log, "create_engine", engine)
        yield


@dataclass(frozen=True)
class FirstRun:
    """The first run: its home, a copy of that home as it was then, and what the run printed."""

    home: Path
    saved: Path
    output: Output


@pytest.fixture(scope="session")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> FirstRun:
    """A run in a new home."""
    folder = tmp_path_factory.mktemp("first")
    home = folder / "home"
    with pytest.MonkeyPatch.context() as patch:
        _settings(home, patch)
        patch.chdir(home.parent)
        output = command("run", "--json")
    assert output.code == 0, output.err
    saved = folder / "saved"
    shutil.copytree(home, saved)
    return FirstRun(home, saved, output)


@pytest.fixture
def clean_home(first_run: FirstRun, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of the first run, as it was after that run, set as SAAS_HOME.

    It always has the same path. dbt parses the whole project again when the path of the warehouse changes.
    """
    # A test may have removed it.
    shutil.rmtree(first_run.home, ignore_errors=True)
    shutil.copytree(first_run.saved, first_run.home)
    _settings(first_run.home, monkeypatch)
    return first_run.home


@pytest.fixture
def home(clean_home: Path) -> Path:
    """The home on which the tests of a file work; another one in a file that says so."""
    return clean_home


@pytest.fixture
def dbt_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the dbt project, which the commands use and a test may change."""
    project = tmp_path / "marts"
    shutil.copytree(PROJECT_DIR, project)
    for module in (
        "dbt_runner.manifest",
        "dbt_runner.project",
        "defs.dbt_translator",
        "defs.resources",
        "refresh.code",
    ):
        monkeypatch.setattr(f"saas_platform.{module}.PROJECT_DIR", project)
    return project


@pytest.fixture
def settings_of(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Point the settings of the small company at another home."""
    return lambda home: _settings(home, monkeypatch)


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> type[Own]:
    """Set the settings for the user's own database and return the class that creates it."""
    monkeypatch.setenv("SAAS_SYNTHETIC", "false")
    monkeypatch.setenv("SAAS_SOURCE_URL", f"sqlite:///{tmp_path / 'own.db'}")
    return Own


@pytest.fixture
def own(make: type[Own], tmp_path: Path) -> Own:
    found = make(tmp_path, SHOP)
    assert command("doctor", "--discover").code == 0
    return found
