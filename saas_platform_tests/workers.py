"""The two processes that run the tests side by side: what each of them runs, and the folder that they share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from xdist.scheduler import LoadFileScheduling

#: Folders whose tests all need a fixture that takes long, such as a built warehouse. One worker runs them all, so that
#: only one of them makes it.
_OF_ONE_WORKER = ("dashboard", "end_to_end", "marts")
#: Tests in these folders that don't need it.
_FREE = ("test_own_", "test_wheel")


class ByFixture(LoadFileScheduling):
    """Let one worker run all tests of a file, or of a folder that shares what takes long to make."""

    def _split_scope(self, nodeid: str) -> str:
        """Return the name of the group of tests to which a test belongs."""
        file = super()._split_scope(nodeid)
        folder, _, name = file.rpartition("/")
        is_shared = folder.rpartition("/")[2] in _OF_ONE_WORKER and not name.startswith(_FREE)
        return folder if is_shared else file


def shared_folder(factory: pytest.TempPathFactory) -> Path:
    """Return a folder that all workers of a run have in common."""
    own = factory.getbasetemp()
    # A worker's folder is in that of the run.
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "shared"
    folder.mkdir(exist_ok=True)
    return folder
