"""Folders in which an operation begins. Each is made once and copied, in memory where the system allows it.

A killed process loses nothing that it has written, on a disk or in memory. These tests do not cover what a
power cut would lose.
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

from saas_platform_tests.faults.operations import Scenario

#: A copy of the folder in which a scenario begins.
Fresh = Callable[[Scenario], Path]


MEMORY = Path("/dev/shm")


@pytest.fixture(scope="session", autouse=True)
def _fork_server(pytestconfig: pytest.Config) -> None:
    """Start the fork server where it finds the tests' modules.

    Elsewhere it would silently import none of them, and each child would have to import them all.
    """
    with contextlib.chdir(pytestconfig.rootpath):
        forkserver.ensure_running()


@pytest.fixture(scope="session")
def memory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a folder for files that are soon deleted."""
    if not os.access(MEMORY, os.W_OK):
        yield tmp_path_factory.mktemp("memory")
        return
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def templates() -> dict[str, Path]:
    """Return the folders made so far, by the name of the function that made them."""
    return {}


@pytest.fixture
def fresh(templates: dict[str, Path], memory: Path) -> Iterator[Fresh]:
    """Return a function that copies the folder in which a scenario begins."""
    with tempfile.TemporaryDirectory(dir=memory) as copies:
        numbers = itertools.count(1)

        def copy(scenario: Scenario) -> Path:
            name = scenario.begins.__name__
            if name not in templates:
                templates[name] = memory / name
                templates[name].mkdir()
                scenario.begins(templates[name])
            return Path(shutil.copytree(templates[name], Path(copies) / str(next(numbers))))

        yield copy
