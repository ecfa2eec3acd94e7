"""Run one small company through the whole chain once. Each test works on a copy of its home."""

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

#: A company that is small, but long enough to have churn, promo codes and an erasure.
SMALL = {"SAAS_ACCOUNTS": "150", "SAAS_START": "2024-01", "SAAS_AS_OF": "2024-07-15"}


@dataclass(frozen=True)
class Output:
    """The output of a command and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def error_text(self) -> str:
        """Standard error on a single line, because terminals wrap lines."""
        return " ".join(self.err.split())


def command(*words: str) -> Output:
    """Run `saas-platform` in this process."""
    result = CliRunner().invoke(app, list(words))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Output(result.exit_code, result.stdout, result.stderr)


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
