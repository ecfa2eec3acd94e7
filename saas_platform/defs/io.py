"""IO managers, which pass a frame or a fitted model from one asset to the next by way of a storage URL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dagster as dg
import pandas as pd
import pyarrow as pa

from saas_platform.defs.metadata import frame_schema
from saas_platform.storage.artefacts import Artefacts
from saas_platform.storage.frames import FrameStore

#: Records that the product of that name is complete, which it is only with its file.
Record = Callable[[str], None]


def _name(context: dg.InputContext | dg.OutputContext) -> str:
    return "/".join(context.asset_key.path)


class FrameIO(dg.IOManager):
    """Stores frames as Parquet files."""

    def __init__(self, frames: FrameStore, record: Record) -> None:
        self._frames = frames
        self._record = record

    def handle_output(self, context: dg.OutputContext, obj: pd.DataFrame) -> None:
        table = pa.Table.from_pandas(obj, preserve_index=False)
        written = self._frames.write(_name(context), table)
        self._record(_name(context))
        context.add_output_metadata(
            {
                "dagster/row_count": len(obj),
                "dagster/column_schema": frame_schema(table.schema),
                "bytes": written.bytes,
                "digest": written.digest,
            }
        )

    def load_input(self, context: dg.InputContext) -> pd.DataFrame:
        return self._frames.read(_name(context)).to_pandas()


class ArtefactIO(dg.IOManager):
    """Stores fitted models as joblib files."""

    def __init__(self, artefacts: Artefacts, record: Record) -> None:
        self._artefacts = artefacts
        self._record = record

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        size, content = self._artefacts.write(_name(context), obj)
        self._record(_name(context))
        context.add_output_metadata(
            {"bytes": size, "digest": content, "dagster/uri": self._artefacts.url}
        )

    def load_input(self, context: dg.InputContext) -> Any:
        return self._artefacts.read(_name(context))
