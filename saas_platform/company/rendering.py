"""From versions of rows to the Arrow table of a month.

Holds: the one rule of what a batch shows: of each row the last version in [month start, cutoff).
Does not hold: where versions come from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from saas_platform.company.columns import Array
from saas_platform.company.timestamps import NEVER
from saas_platform.schema import TABLES, arrow_schema


@dataclass
class Versions:
    """Versions of rows; those of one row stand in order of time.

    `values` holds a numpy or Arrow array per column; moments are seconds, `NEVER` is NULL, and so is
    -1 in any nullable integer column. `updated_at` need not be repeated in `values`.
    """

    key: Array
    updated_at: Array
    values: Mapping[str, Any]


def last_versions(versions: Versions, start: int, cutoff: int) -> Array:
    """Positions of the last version of each row in [start, cutoff), ordered by key."""
    inside = np.flatnonzero((versions.updated_at >= start) & (versions.updated_at < cutoff))
    keys = versions.key[inside]
    if (keys[1:] > keys[:-1]).all():
        return inside
    ordered = inside[np.argsort(keys, kind="stable")]
    keys = versions.key[ordered]
    return ordered[np.append(keys[1:] != keys[:-1], True)] if len(ordered) else ordered


def arrow_column(values: Any, field: pa.Field) -> pa.Array:
    """One column in its Arrow type, with NULL where the simulator says "none"."""
    if isinstance(values, pa.Array):
        return values.cast(field.type)
    if pa.types.is_timestamp(field.type):
        micros = pa.array(values * 1_000_000, pa.int64(), mask=values == NEVER)
        return micros.cast(field.type)
    if pa.types.is_integer(field.type) and field.nullable:
        return pa.array(values, field.type, mask=values == -1)
    if values.dtype == object:
        return pa.array(values, field.type, from_pandas=True)
    return pa.array(values, field.type)


def table_of(name: str, values: Mapping[str, Any]) -> pa.Table:
    """The Arrow table of a source table from all its columns."""
    schema = arrow_schema(TABLES[name])
    return pa.table([arrow_column(values[field.name], field) for field in schema], schema=schema)


def render(name: str, versions: Versions, start: int, cutoff: int) -> pa.Table:
    """The rows of a source table that came to be or changed in [start, cutoff)."""
    shown = last_versions(versions, start, cutoff)
    values = {**versions.values, "updated_at": versions.updated_at}
    if not np.array_equal(shown, np.arange(len(versions.key))):
        index = pa.array(shown)
        values = {
            column: taken.take(index) if isinstance(taken, pa.Array) else taken[shown]
            for column, taken in values.items()
        }
    return table_of(name, values)


def choices(values: tuple[str, ...], code: Array) -> pa.Array:
    """Texts of choice codes; -1 is NULL."""
    return pa.array(values, pa.string()).take(pa.array(code, pa.int64(), mask=code < 0))
