"""The layout of SAAS_HOME, and the lock that one writing command holds on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from saas_platform.errors import PlatformError


class HomeError(PlatformError):
    """SAAS_HOME can't be used."""


@dataclass(frozen=True)
class Home:
    """The layout of SAAS_HOME."""

    root: Path

    @property
    def dagster(self) -> Path:
        return self.root / "dagster"

    @property
    def dbt(self) -> Path:
        return self.root / "dbt"

    @property
    def dashboard(self) -> Path:
        return self.root / "dashboard"

    @property
    def staging(self) -> Path:
        return self.root / "staging"

    @property
    def tables(self) -> Path:
        """The declared tables of a database of the user's own."""
        return self.root / "tables.yaml"

    def create(self) -> None:
        """Make the folder. Raises HomeError where that, or writing in it, is not possible."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            probe = self.root / ".writable"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise HomeError(
                f"SAAS_HOME {self.root} can't be written ({error.strerror}): give your user write"
                " permission on it, or set SAAS_HOME to another folder."
            ) from None

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the home for one writing command. Raises HomeError where another one runs."""
        self.create()
        lock = FileLock(self.root / "run.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise HomeError(
                f"Another saas-platform command is running on SAAS_HOME {self.root}:"
                " wait for it to end, or use another SAAS_HOME."
            ) from None
        try:
            yield
        finally:
            lock.release()
