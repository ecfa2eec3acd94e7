"""The forms that tables.yaml can give a personal column in the mirror: masked or hashed.

Contains: the forms, the source's types of such columns, and applying the forms to Arrow rows, as the load does.
Out of scope: the declaration (schema/tables_file.py), and the proof, whose SQL makes the same texts from canonical
cells (formed_source.py).

    mask   '***' for every value
    hash   the SHA-256 of the salt followed by the value's canonical text (`canonical.value_text`), both in UTF-8,
           as 64 lower-case hexadecimal digits; equal values have equal hashes, so hashed columns can be joined

NULL stays NULL. Both forms are texts, whatever the type of the column in the source is.
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
    """Return the column's form, `mask` or `hash`; None if the mirror has its values as they are."""
    form: str | None = column.info.get("mirror_form")
    return form


def in_source(table: sa.Table) -> sa.Table:
    """Return the table as its source has it, with the original types of masked and hashed columns.

    Names, key, slice and everything in `info` stay. References and unique rules are left out, because only the
    contract uses them.
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
    """Return rows of the source with the forms of the mirror applied; they may lack some of the columns.

    Only hashed columns use the salt.
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
    """Apply the column's form to each distinct value once, and look the others up."""
    coded = values.dictionary_encode()
    texts = [_formed(column, value, salt) for value in coded.dictionary.to_pylist()]
    return pa.array(texts, pa.string()).take(coded.indices)


def _formed(column: sa.Column, value: object, salt: str) -> str:
    match form_of(column):
        case "mask":
            return MASK
        case "hash":
            return hashlib.sha256((salt + value_text(column, value)).encode()).hexdigest()
    raise ValueError(
        f"{column.table.name}.{column.name} is neither masked nor hashed in the mirror"
    )
