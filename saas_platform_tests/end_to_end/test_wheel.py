"""The wheel has everything in it: in an environment of its own, the commands work in an empty folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

_REPOSITORY = Path(__file__).parents[2]
#: What a wheel is built from.
_SOURCES = ("saas_platform", "pyproject.toml", "setup.py", "README.md", "LICENSE")
_COMPANY = {"SAAS_ACCOUNTS": "60", "SAAS_START": "2024-01", "SAAS_AS_OF": "2024-03-01"}

Run = Callable[..., subprocess.CompletedProcess[str]]


def install(environment: Path, *what: str) -> None:
    """Install into an environment with uv; with pip where uv can't reach an index that only pip knows."""
    python = str(environment / "bin" / "python")
    words = ["install", "--quiet", "--constraint", str(_REPOSITORY / "constraints.txt"), *what]
    uv = subprocess.run(
        [sys.executable, "-m", "uv", "pip", *words, "--python", python], check=False
    )
    if uv.returncode:
        subprocess.run([sys.executable, "-m", "pip", "--python", python, *words], check=True)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with nothing but the wheel and what it requires."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in _SOURCES:
        copy = shutil.copytree if (_REPOSITORY / name).is_dir() else shutil.copy
        copy(_REPOSITORY / name, source / name)
    for name in ("build", "installed"):
        subprocess.run(
            [sys.executable, "-m", "venv", "--without-pip", str(folder / name)], check=True
        )
    install(folder / "build", "setuptools")
    subprocess.run(
        [folder / "build" / "bin" / "python", "setup.py", "--quiet", "bdist_wheel"],
        cwd=source,
        check=True,
    )
    (wheel,) = (source / "dist").glob("*.whl")
    install(folder / "installed", str(wheel))
    return folder / "installed"


@pytest.fixture
def run(environment: Path, tmp_path: Path) -> Run:
    """Run a program of that environment in an empty folder."""
    place = tmp_path / "place"
    place.mkdir()
    others = {name: value for name, value in os.environ.items() if not name.startswith("SAAS_")}

    def run(program: str, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [environment / "bin" / program, *words],
            cwd=place,
            env={**others, **_COMPANY},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_the_wheel_runs_in_an_empty_folder(run: Run, tmp_path: Path) -> None:
    first = run("saas-platform", "run")
    assert first.returncode == 0, first.stderr
    assert "dagster dev -m saas_platform.definitions" in first.stdout
    assert (tmp_path / "place" / ".saas" / "dashboard" / "index.html").stat().st_size > 100_000
    assert [path.name for path in (tmp_path / "place").iterdir()] == [".saas"]

    second = run("saas-platform", "run")
    assert second.returncode == 0, second.stderr
    assert "nothing to do" in second.stderr
    loaded = run("python", "-c", "import saas_platform.definitions")
    assert loaded.returncode == 0, loaded.stderr
