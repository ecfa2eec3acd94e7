"""Google's analyzer, compiled once and kept in HOME, because compiling takes most of a minute.

`make emulator` runs this file. It must be imported before the analyzer, because it replaces a class that the
analyzer imports.
"""

from __future__ import annotations

import os
from importlib.metadata import version
from pathlib import Path
from typing import Any

import wasmtime


class KeptModule(wasmtime.Module):
    """A WebAssembly module that is compiled only if no compiled copy is kept."""

    @classmethod
    def from_file(cls, engine: wasmtime.Engine, path: str | os.PathLike[str]) -> Any:
        kept = Path.home() / f"analyzer-{version('zetasql')}-{version('wasmtime')}"
        if not kept.exists():
            made = wasmtime.Module(engine, Path(path).read_bytes()).serialize()
            # Another process may read the file as soon as it exists, so it must be complete by then.
            partial = kept.with_name(f"{kept.name}.{os.getpid()}")
            partial.write_bytes(made)
            partial.replace(kept)
        return wasmtime.Module.deserialize_file(engine, str(kept))


wasmtime.Module = KeptModule

if __name__ == "__main__":
    from zetasql.core.local_service import ZetaSqlLocalService

    ZetaSqlLocalService.get_instance()
