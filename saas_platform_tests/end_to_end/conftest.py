"""Run one small company through the whole chain once; each test works on a copy of its home."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from saas_platform.cli.app import app

#: A company that is small, but runs long enough to have churn, promo codes and an erasure.
SMALL = {"SAAS_ACCOUNTS": "150", "SAAS_START": "2024-01", "SAAS_AS_OF": "2024-07-15"}


@dataclass(frozen=True)
class Said:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def words(self) -> str:
        """Return the standard error on one line, because terminals wrap lines."""
        return " ".join(self.err.split())


def command(*words: str) -> Said:
    """Run `saas-platform` in this process."""
    result = CliRunner().invoke(app, list(words))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Said(result.exit_code, result.stdout, result.stderr)


def _settings(home: Path, patch: pytest.MonkeyPatch) -> None:
    for name, value in {**SMALL, "SAAS_HOME": str(home)}.items():
        patch.setenv(name, value)


@pytest.fixture(scope="session")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Said]:
    """Return a home in which `run` was run once, and what it printed."""
    home = tmp_path_factory.mktemp("first") / "home"
    with pytest.MonkeyPatch.context() as patch:
        _settings(home, patch)
        patch.chdir(home.parent)
        said = command("run", "--json")
    assert said.code == 0, said.err
    return home, said


@pytest.fixture
def home(first_run: tuple[Path, Said], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of that home, and point the settings to it."""
    copy = tmp_path / "copy"
    shutil.copytree(first_run[0], copy)
    _settings(copy, monkeypatch)
    return copy


@pytest.fixture
def settings_of(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Return a function that points the settings of the small company to another home."""
    return lambda home: _settings(home, monkeypatch)
