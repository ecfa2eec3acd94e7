"""The two processes that run the tests side by side: what each of them runs, and the folder that they share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from xdist.scheduler import LoadFileScheduling

#: Folders whose tests all need a fixture that takes long, such as a built warehouse. One worker runs them all, so that
#: only one of them makes it. Those that take longest come first.
_OF_ONE_WORKER = ("end_to_end", "marts", "dashboard")
#: Tests in these folders that don't need it.
_FREE = ("test_own_", "test_steps_at_once", "test_wheel")


class ByFixture(LoadFileScheduling):
    """Let one worker run all tests of a file, or of a folder that shares what takes long to make."""

    def _split_scope(self, nodeid: str) -> str:
        """Return the name of the group of tests to which a test belongs."""
        file = super()._split_scope(nodeid)
        return file if _shared(file) is None else file.rpartition("/")[0]


def place(nodeid: str) -> int:
    """Return the place of a test in the order of a run, in which the largest groups come first.

    If a large group began last, one worker would run it while the other has nothing left to do.
    """
    folder = _shared(nodeid.partition("::")[0])
    return len(_OF_ONE_WORKER) if folder is None else _OF_ONE_WORKER.index(folder)


def _shared(file: str) -> str | None:
    """Return the name of the folder of a file of tests if one worker runs that folder; None if not."""
    *_, folder, name = file.rsplit("/", 2)
    return folder if folder in _OF_ONE_WORKER and not name.startswith(_FREE) else None


def shared_folder(factory: pytest.TempPathFactory) -> Path:
    """Return a folder that all workers of a run have in common."""
    own = factory.getbasetemp()
    # A worker's folder is in that of the run.
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "shared"
    folder.mkdir(exist_ok=True)
    return folder
