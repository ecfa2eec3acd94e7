"""IO managers, which pass a frame or a fitted model from one asset to the next by way of a storage URL.

A product is recorded as complete here and not by its asset, because it is complete only with its file.
"""

from typing import Any

import dagster as dg
import pandas as pd
import pyarrow as pa
from pydantic import Field

from saas_platform.refresh.bookkeeping import Bookkeeping
from saas_platform.storage.artefacts import Artefacts
from saas_platform.storage.frames import FrameStore


def _name(context: dg.InputContext | dg.OutputContext) -> str:
    return "/".join(context.asset_key.path)


class FrameFiles(dg.ConfigurableIOManager):
    """Stores frames as Parquet files."""

    url: str = Field(description="URL of the folder or bucket")
    bookkeeping: dg.ResourceDependency[Bookkeeping]

    def handle_output(self, context: dg.OutputContext, obj: pd.DataFrame) -> None:
        table = pa.Table.from_pandas(obj, preserve_index=False)
        written = FrameStore(self.url).write(_name(context), table)
        self.bookkeeping.record([_name(context)], self.bookkeeping.given())
        context.add_output_metadata(
            {
                "dagster/row_count": len(obj),
                "bytes": written.bytes,
                "digest": written.digest,
            }
        )

    def load_input(self, context: dg.InputContext) -> pd.DataFrame:
        return FrameStore(self.url).read(_name(context)).to_pandas()


class ArtefactFiles(dg.ConfigurableIOManager):
    """Stores fitted models as joblib files."""

    url: str = Field(description="URL of the folder or bucket")
    bookkeeping: dg.ResourceDependency[Bookkeeping]

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        size, content = Artefacts(self.url).write(_name(context), obj)
        self.bookkeeping.record([_name(context)], self.bookkeeping.given())
        context.add_output_metadata({"bytes": size, "digest": content, "dagster/uri": self.url})

    def load_input(self, context: dg.InputContext) -> Any:
        return Artefacts(self.url).read(_name(context))
