"""Render versions of rows as the Arrow table of a month.

Contains: the one rule for what a batch shows, which is the last version of each row in
[month start, cutoff). Out of scope: where the versions come from.
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
    """Versions of rows. The versions of one row are ordered by time.

    `values` has a numpy or Arrow array for each column. Timestamps are seconds. NULL is `NEVER` in a
    timestamp and -1 in a nullable integer column. `values` may omit `updated_at`.
    """

    key: Array
    updated_at: Array
    values: Mapping[str, Any]


def last_versions(versions: Versions, start: int, cutoff: int) -> Array:
    """Return the positions of the last version of each row in [start, cutoff), ordered by key."""
    inside = np.flatnonzero((versions.updated_at >= start) & (versions.updated_at < cutoff))
    keys = versions.key[inside]
    if (keys[1:] > keys[:-1]).all():
        return inside
    ordered = inside[np.argsort(keys, kind="stable")]
    keys = versions.key[ordered]
    return ordered[np.append(keys[1:] != keys[:-1], True)] if len(ordered) else ordered


def arrow_column(values: Any, field: pa.Field) -> pa.Array:
    """Return a column in its Arrow type, with NULL where the simulator has "none"."""
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
    """Return the Arrow table of a source table, built from all its columns."""
    schema = arrow_schema(TABLES[name])
    return pa.table([arrow_column(values[field.name], field) for field in schema], schema=schema)


def render(name: str, versions: Versions, start: int, cutoff: int) -> pa.Table:
    """Return the rows of a source table that were created or changed in [start, cutoff)."""
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
    """Return the texts of choice codes, with NULL for -1."""
    return pa.array(values, pa.string()).take(pa.array(code, pa.int64(), mask=code < 0))
