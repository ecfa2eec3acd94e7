"""Google's analyzer, compiled once and kept in HOME: that takes most of a minute. Run by `make emulator`.

To be imported before the analyzer, which takes the module's class as it finds it.
"""

from __future__ import annotations

import os
from importlib.metadata import version
from pathlib import Path
from typing import Any

import wasmtime


class KeptModule(wasmtime.Module):
    """A module that is compiled where it has not been."""

    @classmethod
    def from_file(cls, engine: wasmtime.Engine, path: str | os.PathLike[str]) -> Any:
        kept = Path.home() / f"analyzer-{version('zetasql')}-{version('wasmtime')}"
        if not kept.exists():
            made = wasmtime.Module(engine, Path(path).read_bytes()).serialize()
            # Another process may read it as soon as it is there.
            partial = kept.with_name(f"{kept.name}.{os.getpid()}")
            partial.write_bytes(made)
            partial.replace(kept)
        return wasmtime.Module.deserialize_file(engine, str(kept))


wasmtime.Module = KeptModule

if __name__ == "__main__":
    from zetasql.core.local_service import ZetaSqlLocalService

    ZetaSqlLocalService.get_instance()
