"""Personal columns in the form that tables.yaml gives them in the mirror: masked, or hashed.

Holds: the forms, the types that the source has under them, and their making from Arrow rows, which is the
load's. Does not hold: the declaration (schema/tables_file.py), or the proof, whose SQL makes the same texts
from canonical cells (formed_source.py).

    mask   '***' for every value
    hash   the SHA-256 of the salt and the value's canonical text (`canonical.value_text`), both in UTF-8,
           as 64 lower-case hexadecimal digits: equal where the values are equal, so that it joins

NULL stays NULL. Both are texts, whatever the type of the column in the source.
"""

from __future__ import annotations

import hashlib
from functools import partial
from typing import TypeVar

import pyarrow as pa
import sqlalchemy as sa

from saas_platform.schema.canonical import value_text

MASK = "***"

Rows = TypeVar("Rows", pa.RecordBatch, pa.Table, pa.RecordBatchReader)


def form_of(column: sa.Column) -> str | None:
    """`mask` or `hash`; None where the mirror has the column's values as they are."""
    form: str | None = column.info.get("mirror_form")
    return form


def in_source(table: sa.Table) -> sa.Table:
    """The table as its source has it: a masked or hashed column has the type of its values.

    Names, key, slice and everything in `info` stay; references and unique rules are left out, as they are
    the contract's.
    """
    if all(form_of(column) is None for column in table.columns):
        return table
    return sa.Table(
        table.name,
        sa.MetaData(),
        *(
            sa.Column(
                column.name,
                column.info.get("source_type", column.type),
                primary_key=column.primary_key,
                autoincrement=False,
                nullable=column.nullable,
                comment=column.comment,
                info=column.info,
            )
            for column in table.columns
        ),
        comment=table.comment,
        info=table.info,
    )


def applied(rows: Rows, table: sa.Table, salt: str) -> Rows:
    """The rows of the source, whole or only some of their columns, with the forms of the mirror.

    A salt is needed only where a column is hashed.
    """
    formed = {
        place: table.columns[name]
        for place, name in enumerate(rows.schema.names)
        if name in table.columns and form_of(table.columns[name]) is not None
    }
    if not formed:
        return rows
    schema = rows.schema
    for place in formed:
        schema = schema.set(place, schema.field(place).with_type(pa.string()))
    batch = partial(_batch, formed=formed, schema=schema, salt=salt)
    if isinstance(rows, pa.RecordBatch):
        return batch(rows)
    batches = rows.to_batches() if isinstance(rows, pa.Table) else rows
    if isinstance(rows, pa.Table):
        return pa.Table.from_batches(map(batch, batches), schema=schema)
    return pa.RecordBatchReader.from_batches(schema, map(batch, batches))


def _batch(
    rows: pa.RecordBatch, *, formed: dict[int, sa.Column], schema: pa.Schema, salt: str
) -> pa.RecordBatch:
    arrays = [
        _array(array, formed[place], salt) if place in formed else array
        for place, array in enumerate(rows.columns)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _array(values: pa.Array, column: sa.Column, salt: str) -> pa.Array:
    """Each different value is formed once; the rest is a look-up."""
    coded = values.dictionary_encode()
    texts = [_formed(column, value, salt) for value in coded.dictionary.to_pylist()]
    return pa.array(texts, pa.string()).take(coded.indices)


def _formed(column: sa.Column, value: object, salt: str) -> str:
    match form_of(column):
        case "mask":
            return MASK
        case "hash":
            return hashlib.sha256((salt + value_text(column, value)).encode()).hexdigest()
    raise ValueError(f"{column.table.name}.{column.name} has no form of its own in the mirror")
