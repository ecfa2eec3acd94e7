"""Store fitted models as files under a URL, which is a local folder or a bucket."""

from __future__ import annotations

import hashlib
from io import BytesIO
from typing import Any

import joblib
import pyarrow.fs as fs


class Artefacts:
    """Named Python objects in joblib's format. Load only files that this platform wrote."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._files, self._root = fs.FileSystem.from_uri(self.url)

    def write(self, name: str, thing: Any) -> tuple[int, str]:
        """Replace the object of that name. Returns its size in bytes and the SHA-256 of those bytes."""
        content = BytesIO()
        joblib.dump(thing, content, compress=3)
        path = self._path(name)
        self._files.create_dir(path.rpartition("/")[0], recursive=True)
        with self._files.open_output_stream(path) as stream:
            stream.write(content.getvalue())
        return len(content.getvalue()), hashlib.sha256(content.getvalue()).hexdigest()

    def read(self, name: str) -> Any:
        """Load the object of that name."""
        with self._files.open_input_stream(self._path(name)) as stream:
            return joblib.load(BytesIO(stream.read()))

    def state(self, name: str) -> str | None:
        """Return the SHA-256 of the object's file; None if there is none."""
        if self._files.get_file_info(self._path(name)).type != fs.FileType.File:
            return None
        with self._files.open_input_stream(self._path(name)) as stream:
            return hashlib.sha256(stream.read()).hexdigest()

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}.joblib"
