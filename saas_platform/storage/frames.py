"""Store Parquet files under a URL, which is a local folder or a bucket (`gs://`, `s3://`).

Steps hand data to one another through these files, so that they can run on different machines.
"""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.fs as fs
import pyarrow.parquet as pq

from saas_platform.errors import PlatformError


class FrameStoreError(PlatformError):
    """A file is missing or can't be written."""


@dataclass(frozen=True)
class Written:
    """The size of a file, and the SHA-256 of its bytes."""

    bytes: int
    digest: str


class FrameStore:
    """Named Arrow tables, each in one Parquet file. A name may contain slashes."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._files, self._root = fs.FileSystem.from_uri(self.url)

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}.parquet"

    def write(self, name: str, table: pa.Table) -> Written:
        """Replace the file of that name, completely or not at all.

        Raises FrameStoreError if the file can't be written.
        """
        path = self._path(name)
        folder, _, last = path.rpartition("/")
        unfinished = f"{folder}/.{last}.{uuid.uuid4().hex}"
        try:
            self._files.create_dir(folder, recursive=True)
            pq.write_table(table, unfinished, filesystem=self._files, compression="zstd")
            self._files.move(unfinished, path)
        except OSError as error:
            raise FrameStoreError(
                f"{self.url}/{name}.parquet can't be written ({error}): free some space or give"
                " your user write permission on it."
            ) from error
        return self.written(name)

    def written(self, name: str) -> Written:
        """Return the size and the digest that the file of that name has now."""
        with self._files.open_input_stream(self._path(name)) as stream:
            content = stream.read()
        return Written(len(content), hashlib.sha256(content).hexdigest())

    def read(self, name: str) -> pa.Table:
        """Read the table of that name. Raises FrameStoreError if it was never written."""
        try:
            return pq.read_table(self._path(name), filesystem=self._files)
        except FileNotFoundError:
            raise FrameStoreError(
                f"{self.url}/{name}.parquet is missing: materialise the asset that writes it first."
            ) from None

    def names(self) -> list[str]:
        """Return the names of all tables that were written, sorted."""
        found = self._files.get_file_info(
            fs.FileSelector(self._root, recursive=True, allow_not_found=True)
        )
        paths = (info.path.removeprefix(f"{self._root}/") for info in found if info.is_file)
        return sorted(path.removesuffix(".parquet") for path in paths if path.endswith(".parquet"))

    def state(self, name: str) -> str | None:
        """Return a text that changes with the file of that name; None if there is none."""
        return self.written(name).digest if self.has(name) else None

    def has(self, name: str) -> bool:
        """Return whether a table of that name was written."""
        return self._files.get_file_info(self._path(name)).type == fs.FileType.File
