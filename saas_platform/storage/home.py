"""Describe the layout of SAAS_HOME and lock it for one writing command at a time.

This is the only module that knows where files lie in SAAS_HOME.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from saas_platform.errors import PlatformError

_LOCK = "run.lock"
_MOMENT_SECONDS = 1.0


class HomeError(PlatformError):
    """SAAS_HOME can't be used."""


@dataclass(frozen=True)
class Home:
    """The layout of SAAS_HOME."""

    root: Path

    @property
    def dagster(self) -> Path:
        """Dagster's own home."""
        return self.root / "dagster"

    @property
    def dbt(self) -> Path:
        """The manifest, the target folder and the logs of dbt."""
        return self.root / "dbt"

    @property
    def dashboard(self) -> Path:
        """The folder of the built page."""
        return self.root / "dashboard"

    @property
    def frames(self) -> Path:
        """The Parquet files by which the assets hand data to one another. The folder has the name that existing homes have."""
        return self.root / "staging"

    @property
    def truth_files(self) -> Path:
        """The Parquet files with the simulator's truth."""
        return self.root / "truth"

    @property
    def artefacts(self) -> Path:
        """The fitted models."""
        return self.root / "artefacts"

    @property
    def source(self) -> Path:
        """The SQLite database that is the source if the settings name none."""
        return self.root / "source.db"

    @property
    def warehouse(self) -> Path:
        """The DuckDB database that is the warehouse if the settings name none."""
        return self.root / "warehouse.duckdb"

    @property
    def run_log(self) -> Path:
        """What Dagster wrote while a command ran."""
        return self.root / "run.log"

    @property
    def unended(self) -> Path:
        """The mark that a command runs, which stays if the command is killed."""
        return self.root / "run.unended"

    @property
    def tables(self) -> Path:
        """The file that declares the tables of the user's own database."""
        return self.root / "tables.yaml"

    def created(self, *, with_source: bool) -> list[Path]:
        """Return everything that the platform may have created here; the source only if it is ours."""
        source = [
            self.source.with_name(self.source.name + suffix)
            for suffix in ("", "-wal", "-shm", "-journal")
        ]
        return [
            *(source if with_source else ()),
            *(self.warehouse.with_name(self.warehouse.name + suffix) for suffix in ("", ".wal")),
            *(self.run_log, self.unended),
            *(self.frames, self.truth_files, self.artefacts),
            *(self.dbt, self.dashboard, self.dagster),
        ]

    @property
    def is_known(self) -> bool:
        """Whether the platform has used the folder as its home: as a command, in Dagster's UI, or to load definitions."""
        config = self.dagster / "dagster.yaml"
        return (
            (self.root / _LOCK).exists()
            or (config.is_file() and "saas-platform" in config.read_text(errors="replace"))
            or any(self.dbt.glob("manifest-*.json"))
        )

    def _check_owner(self) -> None:
        """Raise HomeError if the folder has others' folders with our names, which `reset` would delete."""
        ours = (self.frames, self.truth_files, self.artefacts, self.dbt, self.dashboard)
        foreign = [path.name for path in (*ours, self.dagster) if path.exists()]
        if foreign and not self.is_known:
            raise HomeError(
                f"SAAS_HOME {self.root} holds {', '.join(foreign)}, which saas-platform did not make and would"
                " overwrite: set SAAS_HOME to a new folder."
            )

    def create(self) -> None:
        """Create the folder.

        Raises HomeError if the folder is somebody else's, or can't be created or written to.
        """
        self._check_owner()
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
        """Lock the home for one writing command. Raises HomeError if another command holds the lock."""
        self.create()
        lock = FileLock(self.root / _LOCK)
        try:
            # A sensor that looks whether a command runs holds the lock for a moment.
            lock.acquire(timeout=_MOMENT_SECONDS)
        except Timeout:
            raise HomeError(
                f"Another saas-platform command is running on SAAS_HOME {self.root}:"
                " wait for it to end, or use another SAAS_HOME."
            ) from None
        try:
            yield
        finally:
            lock.release()
