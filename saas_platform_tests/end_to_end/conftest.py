"""Run one small company through the whole chain once. Each test works on a copy of its home."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from saas_platform_tests.end_to_end.command_line import Output, command
from saas_platform_tests.end_to_end.own import SHOP, Own

#: A company that is small, but long enough to have churn, promo codes and an erasure.
SMALL = {"SAAS_ACCOUNTS": "150", "SAAS_START": "2024-01", "SAAS_AS_OF": "2024-07-15"}


def _settings(home: Path, patch: pytest.MonkeyPatch) -> None:
    for name, value in {**SMALL, "SAAS_HOME": str(home)}.items():
        patch.setenv(name, value)


@pytest.fixture(scope="session")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Output]:
    """A home in which `run` was called once, and the output of that run."""
    home = tmp_path_factory.mktemp("first") / "home"
    with pytest.MonkeyPatch.context() as patch:
        _settings(home, patch)
        patch.chdir(home.parent)
        output = command("run", "--json")
    assert output.code == 0, output.err
    return home, output


@pytest.fixture
def home(first_run: tuple[Path, Output], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that home, set as SAAS_HOME."""
    copy = tmp_path / "copy"
    shutil.copytree(first_run[0], copy)
    _settings(copy, monkeypatch)
    return copy


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
