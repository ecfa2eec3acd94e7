"""Folders in which an act begins, made once and copied: in memory where there is such a place.

A killed process loses nothing that it has written, on a disk or in memory. What a power cut would lose is
tested by nobody here.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from multiprocessing import forkserver
from pathlib import Path

import pytest

from saas_platform_tests.faults.acts import Scene

#: A copy of the folder in which a scene begins.
Fresh = Callable[[Scene], Path]


MEMORY = Path("/dev/shm")


@pytest.fixture(scope="session", autouse=True)
def _fork_server(pytestconfig: pytest.Config) -> None:
    """Started where it finds the tests' modules: else it imports none, silently, and each child all of them."""
    with contextlib.chdir(pytestconfig.rootpath):
        forkserver.ensure_running()


@pytest.fixture(scope="session")
def memory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for files that are soon deleted."""
    if not os.access(MEMORY, os.W_OK):
        yield tmp_path_factory.mktemp("memory")
        return
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def templates() -> dict[str, Path]:
    """Folders by the name of what made them."""
    return {}


@pytest.fixture
def fresh(templates: dict[str, Path], memory: Path) -> Iterator[Fresh]:
    with tempfile.TemporaryDirectory(dir=memory) as copies:
        numbers = itertools.count(1)

        def copy(scene: Scene) -> Path:
            name = scene.begins.__name__
            if name not in templates:
                templates[name] = memory / name
                templates[name].mkdir()
                scene.begins(templates[name])
            return Path(shutil.copytree(templates[name], Path(copies) / str(next(numbers))))

        yield copy
