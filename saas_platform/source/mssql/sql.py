"""The T-SQL of names, literals, slices and values as rows are read, shared by reading and writing.

It uses only what limited TDS servers run too. Out of scope: whole statements (queries.py), and what a proof
reads (canonical.py), which shares no expression with this module.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import sqlalchemy as sa

from saas_platform.schema import slicing_of
from saas_platform.schema.kinds import KindName, decimal_sizes, kind_of
from saas_platform.schema.slices import WHOLE
from saas_platform.schema.source_names import source_column, source_table
from saas_platform.source.interface import SourceError
from saas_platform.source.mssql import catalogue_types

#: For each type of the catalogue, SQL for its exact number, timestamp, text or bytes. Types that are not
#: listed are read as they are.
_CONVERSIONS = {
    "timestamp": "CONVERT(BIGINT, {})",
    "rowversion": "CONVERT(BIGINT, {})",
    # Ticks of 1/300 s have no exact microseconds, so that the milliseconds which the server shows count.
    "datetime": "CONVERT(DATETIME2(3), {})",
    "smalldatetime": "CONVERT(DATETIME2(0), {})",
    "datetimeoffset": "CONVERT(NVARCHAR(40), {}, 121)",
    "time": "CONVERT(NVARCHAR(20), {}, 121)",
    "uniqueidentifier": "UPPER(CONVERT(NVARCHAR(36), {}))",
    "xml": "CONVERT(NVARCHAR(MAX), {})",
    "hierarchyid": "{}.ToString()",
    "json": "CONVERT(NVARCHAR(MAX), {})",
    "vector": "CONVERT(NVARCHAR(MAX), {})",
    "text": "CONVERT(VARCHAR(MAX), {})",
    "ntext": "CONVERT(NVARCHAR(MAX), {})",
    "money": "CONVERT(DECIMAL(19, 4), {})",
    "smallmoney": "CONVERT(DECIMAL(10, 4), {})",
    "real": "CONVERT(FLOAT, {})",
    "image": "CONVERT(VARBINARY(MAX), {})",
}
#: SQL that cuts a timestamp to microseconds. CONVERT alone would round, and fail at the last one of the type.
_CUT = "CONVERT(DATETIME2(6), CONVERT(VARCHAR(26), {}, 121), 121)"
#: The same for columns that tables.yaml declares as text, although their types have other portable types.
_AS_TEXT = {
    **dict.fromkeys(
        ("bit", "tinyint", "smallint", "int", "bigint", "decimal", "numeric"),
        "CONVERT(NVARCHAR(41), {})",
    ),
    "money": "CONVERT(NVARCHAR(41), CONVERT(DECIMAL(19, 4), {}))",
    "smallmoney": "CONVERT(NVARCHAR(41), CONVERT(DECIMAL(10, 4), {}))",
    # Style 3 is the only one with all 17 digits.
    "float": "CONVERT(NVARCHAR(40), {}, 3)",
    "real": "CONVERT(NVARCHAR(40), {}, 3)",
    "date": "CONVERT(NVARCHAR(10), {}, 23)",
    "datetime": "CONVERT(NVARCHAR(23), {}, 121)",
    "smalldatetime": "CONVERT(NVARCHAR(19), {}, 120)",
    "datetime2": "CONVERT(NVARCHAR(27), {}, 121)",
    "geography": "N'SRID=' + CONVERT(NVARCHAR(11), {0}.STSrid) + N';' + {0}.ToString()",
    "geometry": "N'SRID=' + CONVERT(NVARCHAR(11), {0}.STSrid) + N';' + {0}.ToString()",
}
#: Other collations treat a full-width apostrophe as equal to the apostrophe.
_ESCAPED = "REPLACE(CONVERT(NVARCHAR(MAX), {}) COLLATE Latin1_General_BIN2, N'''', N'''''')"
#: For each base type of a sql_variant, SQL for the literal; it names the type if the text does not show it.
_VARIANT = {
    **dict.fromkeys(("tinyint", "smallint", "int", "bigint"), "CONVERT(NVARCHAR(20), {})"),
    **dict.fromkeys(("decimal", "numeric"), "CONVERT(NVARCHAR(41), {})"),
    "bit": "N'bit ' + CONVERT(NVARCHAR(1), {})",
    **dict.fromkeys(
        ("money", "smallmoney"), "N'money ' + CONVERT(NVARCHAR(41), CONVERT(DECIMAL(19, 4), {}))"
    ),
    "float": "CONVERT(NVARCHAR(40), CONVERT(FLOAT, {}), 3)",
    "real": "N'real ' + CONVERT(NVARCHAR(40), CONVERT(FLOAT, {}), 3)",
    **dict.fromkeys(("char", "varchar"), f"N'''' + {_ESCAPED} + N''''"),
    **dict.fromkeys(("nchar", "nvarchar"), f"N'N''' + {_ESCAPED} + N''''"),
    **dict.fromkeys(
        ("binary", "varbinary"), "CONVERT(NVARCHAR(MAX), CONVERT(VARBINARY(8000), {}), 1)"
    ),
    "uniqueidentifier": "N'uniqueidentifier ''' + UPPER(CONVERT(NVARCHAR(36), {})) + N''''",
    "date": "N'date ''' + CONVERT(NVARCHAR(10), CONVERT(DATE, {}), 23) + N''''",
    "time": "N'time ''' + CONVERT(NVARCHAR(16), CONVERT(TIME(7), {}), 121) + N''''",
    "datetime": "N'datetime ''' + CONVERT(NVARCHAR(23), CONVERT(DATETIME, {}), 121) + N''''",
    "smalldatetime": "N'datetime ''' + CONVERT(NVARCHAR(23), CONVERT(DATETIME, {}), 121) + N''''",
    "datetime2": "N'datetime2 ''' + CONVERT(NVARCHAR(27), CONVERT(DATETIME2(7), {}), 121) + N''''",
    "datetimeoffset": (
        "N'datetimeoffset ''' + CONVERT(NVARCHAR(34), CONVERT(DATETIMEOFFSET(7), {}), 121) + N''''"
    ),
}


def quoted(name: str) -> str:
    """Return an identifier, quoted for T-SQL.

    >>> quoted("odd]name")
    '[odd]]name]'
    """
    return "[" + name.replace("]", "]]") + "]"


def qualified(schema: str, name: str) -> str:
    """Return the quoted name of a table with its schema."""
    return f"{quoted(schema)}.{quoted(name)}"


def table_sql(table: sa.Table, schema: str) -> str:
    """Return the quoted name of the table in the source; `schema` applies to a table that names none."""
    own, name = source_table(table)
    return qualified(own or schema, name)


def column_sql(column: sa.Column, qualifier: str = "") -> str:
    """Return the quoted name of the column in the source."""
    return qualifier + quoted(source_column(column))


def literal(text: str) -> str:
    """Return the literal of a Unicode text."""
    return "N'" + text.replace("'", "''") + "'"


def value(column: sa.Column, qualifier: str = "") -> str:
    """Return SQL for the exact value of a column, in the column's declared portable type.

    Raises:
        SourceError: the declared type can't hold every value of the type in the source.
    """
    reason = catalogue_types.unsupported_reason(column)
    if reason is not None:
        raise SourceError(reason)
    return _VALUE[kind_of(column).name](column, column_sql(column, qualifier))


def _converted(column: sa.Column, name: str) -> str:
    return _CONVERSIONS.get(catalogue_types.type_of(column), "{}").format(name)


def _integer(column: sa.Column, name: str) -> str:
    is_bit = catalogue_types.type_of(column) == "bit"
    return f"CONVERT(BIGINT, {name})" if is_bit else _converted(column, name)


def _decimal(column: sa.Column, name: str) -> str:
    precision, scale = decimal_sizes(column.type)
    if "declared" in column.info and (precision, scale) != catalogue_types.decimal_size(column):
        return f"CONVERT(DECIMAL({precision}, {scale}), {name})"
    return _converted(column, name)


def _time(column: sa.Column, name: str) -> str:
    is_cut = catalogue_types.has_seven_digits(column)
    return _CUT.format(name) if is_cut else _converted(column, name)


def _text(column: sa.Column, name: str) -> str:
    template = _AS_TEXT.get(catalogue_types.type_of(column))
    return _converted(column, name) if template is None else template.format(name)


def _bytes(column: sa.Column, name: str) -> str:
    if catalogue_types.type_of(column) in catalogue_types.BYTES:
        return _converted(column, name)
    return f"CONVERT(VARBINARY(MAX), {name})"


def _variant(name: str) -> str:
    kind = f"CONVERT(NVARCHAR(128), SQL_VARIANT_PROPERTY({name}, 'BaseType'))"
    cases = " ".join(f"WHEN N'{each}' THEN {how.format(name)}" for each, how in _VARIANT.items())
    return f"CASE {kind} {cases} END"


#: For each kind, makes the SQL for the value from the column and the SQL of its name.
_VALUE: Mapping[KindName, Callable[[sa.Column, str], str]] = {
    "flag": _converted,
    "integer": _integer,
    "integer32": _integer,
    "float": _converted,
    "decimal": _decimal,
    "time": _time,
    "date": _converted,
    "any": lambda _, name: _variant(name),
    "text": _text,
    "bytes": _bytes,
}


def slice_id(table: sa.Table, qualifier: str = "") -> str:
    """Return SQL for the slice id of a row."""
    slicing = slicing_of(table)
    if slicing is None:
        return f"'{WHOLE}'"
    return f"CONVERT(VARCHAR({slicing.id_length}), {column_sql(table.columns[slicing.column], qualifier)}, 23)"
