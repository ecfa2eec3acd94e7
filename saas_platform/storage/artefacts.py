"""Fitted models as files under a URL: a local folder or a bucket."""

from __future__ import annotations

import hashlib
from io import BytesIO
from typing import Any

import joblib
import pyarrow.fs as fs


class Artefacts:
    """Python objects by name, in joblib's form; load only what this platform wrote."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._files, self._root = fs.FileSystem.from_uri(self.url)

    def write(self, name: str, thing: Any) -> tuple[int, str]:
        """Replace the object of that name; gives its bytes and their SHA-256."""
        content = BytesIO()
        joblib.dump(thing, content, compress=3)
        path = f"{self._root}/{name}.joblib"
        self._files.create_dir(path.rpartition("/")[0], recursive=True)
        with self._files.open_output_stream(path) as stream:
            stream.write(content.getvalue())
        return len(content.getvalue()), hashlib.sha256(content.getvalue()).hexdigest()

    def read(self, name: str) -> Any:
        with self._files.open_input_stream(f"{self._root}/{name}.joblib") as stream:
            return joblib.load(BytesIO(stream.read()))
