"""Record what each product above raw was last built from, in a table next to the marts.

The record is in the warehouse and not in a file, so that a deleted warehouse or another machine is noticed.
Out of scope: deciding from the record what is stale (staleness.py, mart_months.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

import pyarrow as pa

from saas_platform.warehouse.interface import MARTS, Warehouse

_TABLE = "_builds"
_SCHEMA = pa.schema(
    [
        pa.field("product", pa.string(), nullable=False),
        pa.field("code", pa.string(), nullable=False),
        pa.field("inputs", pa.string(), nullable=False),
        pa.field("version", pa.string(), nullable=False),
        pa.field("state", pa.string(), nullable=False),
        pa.field("built_at", pa.timestamp("us"), nullable=False),
        pa.field("forgotten", pa.string(), nullable=False),
    ]
)


@dataclass(frozen=True)
class Build:
    """The last complete build of a product.

    Attributes:
        product: the product's name.
        code: the fingerprint of the code that built it.
        inputs: the version of each input that it was built from, as JSON.
        version: the version of what was built; equal contents have equal versions, if that can be known. Of a build
            that failed it is the attempt (attempts.py).
        state: what the storage said of the product when it was complete (states.py).
        built_at: when the build was complete, in UTC.
        forgotten: why the build does not count, in words that follow the product's name; empty if it counts.
    """

    product: str
    code: str
    inputs: str
    version: str
    state: str
    built_at: datetime
    forgotten: str = ""

    @classmethod
    def now(
        cls, product: str, code: str, inputs: Mapping[str, str], version: str, state: str
    ) -> Build:
        """Return the build of a product that is complete now.

        Args:
            product: the product's name.
            code: the fingerprint of the code that built it.
            inputs: the version of each input.
            version: the version of what was built.
            state: its state.
        """
        at = datetime.now(UTC).replace(tzinfo=None)
        return cls(product, code, json.dumps(inputs, sort_keys=True), version, state, at)


def last_builds(warehouse: Warehouse) -> dict[str, Build]:
    """Return the last build of each product that has one, even if it is forgotten, by the product's name."""
    if not warehouse.table_exists(MARTS, _TABLE):
        return {}
    rows = warehouse.query(f"SELECT * FROM {MARTS}.{_TABLE}")
    if not _is_known(rows.schema):
        return {}
    return {row["product"]: Build(**row) for row in rows.to_pylist()}


def record_builds(warehouse: Warehouse, builds: Iterable[Build]) -> None:
    """Record builds. Call this after the products are complete. Two processes may record at once."""
    rows = pa.Table.from_pylist([asdict(each) for each in builds], schema=_SCHEMA)
    if warehouse.table_exists(MARTS, _TABLE):
        present = warehouse.query(f"SELECT * FROM {MARTS}.{_TABLE} LIMIT 0").schema
        if not _is_known(present):
            warehouse.replace_table(MARTS, _TABLE, rows)
            return
    if rows.num_rows:
        warehouse.merge_rows(MARTS, _TABLE, "product", rows)


def forget_builds(
    warehouse: Warehouse, products: Mapping[str, str], attempts: Mapping[str, str] | None = None
) -> None:
    """Let the builds of products no longer count.

    Args:
        warehouse: the warehouse. Without any record in it, nothing counts anyway.
        products: for each product the words that say why, after its name.
        attempts: for each product that failed, the attempt at which it did.
    """
    if products and warehouse.table_exists(MARTS, _TABLE):
        failed = attempts or {}
        forgotten = [
            replace(Build.now(name, "", {}, failed.get(name, ""), ""), forgotten=why)
            for name, why in products.items()
        ]
        record_builds(warehouse, forgotten)


def _is_known(schema: pa.Schema) -> bool:
    """Return whether the table has the columns of this version. An earlier one recorded whole layers."""
    return {*schema.names} == {*_SCHEMA.names}
