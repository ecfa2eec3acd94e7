"""Tables of a database of the user's own, declared in `tables.yaml`.

Holds: the way from the file to SQLAlchemy tables, which is what sync and proof know, and back. Does not
hold: the file's form (schema/tables_file.py), or finding the tables (source/discovery.py).

What SQLAlchemy has no word for stands in `info`. Of the metadata: `skipped`, the tables of the source that
are left out on purpose. Of a table: `source_schema` and `source_name` where the
source has others than the mirror (schema/source_names.py), `target_schema` where it is not raw, `skipped`,
the source's columns that are left out on purpose, `slice`, and `key_enforced` where it is false. Of a
column: `declared`, `source_name`, `pii`, `mirror_form` (mask or hash; keep has none) with `source_type`, as
the mirror's is a text, `row_version`, `values`, `plausible`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import yaml

from saas_platform.errors import PlatformError
from saas_platform.schema.arrow import version_of
from saas_platform.schema.collations import BINARY, FACTS
from saas_platform.schema.columns import PII_KINDS
from saas_platform.schema.kinds import NAMED, kind_of_type, sized
from saas_platform.schema.slices import Slice, slice_of
from saas_platform.schema.source_names import source_column, source_table
from saas_platform.schema.tables_file import (
    DECIMAL,
    Column,
    Table,
    TablesFile,
    place_words,
    source_place,
)
from saas_platform.validation.yaml_file import read_model

_HEAD = f"""\
# Tables of the source that are mirrored, as `saas-platform doctor --discover` found them. Yours to edit;
# discovering again keeps your edits, shows what the source has changed, and writes it with --yes.
# Of the file:
#   skip:    tables of the source that you do not want; nothing is said of them. Remove references to them.
# Of a table, whose name here is that of its mirror:
#   source:  its name in the source, where that is another one: orders, or {{schema: sales, table: orders}}.
#   schema:  the schema of the warehouse that it goes to; raw where there is none.
#   skip:    columns of the source that you do not want; nothing is said of them.
#   key:     columns that tell a row from all others; [] where none do: then the table is compared as a
#            whole, and replaced where it differs. The table stops with a message where the source no
#            longer keeps it unique; `key_enforced: false` where it never did, and you know that it is.
#   version: a whole-number column that grows with every write (SQL Server: rowversion); null: the sync
#            compares digests, and copies the slices that differ.
#   slice:   a time or date column that cuts a large table by day or month; null: one slice.
# Of a column, whose name here is that in the mirror:
#   source:  its name in the source, where that is another one.
#   type:    integer, flag, float, decimal(p, s), text, time, date, bytes; any: values of several types
#            in one column, each as the text of its literal. A value that is not of its type stops the
#            table with a message. `declared` is what the source's catalogue says; when it changes, the
#            table stops with a message.
#   pii:     what personal data it holds ({", ".join(PII_KINDS[:6])},
#            {", ".join(PII_KINDS[6:])}): values are masked in reports.
#   mirror:  of personal data, how it is in the mirror: keep (as it is), mask ('***'), hash (salted with
#            SAAS_HASH_SALT, equal where the values are equal), drop (not there).
# The contract of a table, which `run` and Dagster check (what breaks it is reported, and nothing dropped):
#   unique:     lists of columns that no two rows share.
#   references: of columns of this table to the columns `to` of a `table`, whose values they are.
#   collation, of a column: what the source takes for the same in keys, unique and references:
#                           {", ".join(FACTS)}, joined by _.
#   values, of a column:    all that it may hold.
#   plausible, of a column: [lowest, highest], null for no bound; beyond them is a warning.
"""


class TablesError(PlatformError):
    """`tables.yaml` is wrong; the text names the place and says what would be right."""


#: A table's schema and name in the source; None for the source's default schema.
SourcePlace = tuple[str | None, str]


@dataclass(frozen=True)
class Declaration:
    """What `tables.yaml` says."""

    #: By name, in the file's order.
    tables: Mapping[str, sa.Table]
    #: Tables of the source that are left out on purpose.
    skipped: frozenset[SourcePlace] = frozenset()

    @property
    def known(self) -> frozenset[SourcePlace]:
        """Every table of the source that the file names."""
        return self.skipped | {source_table(table) for table in self.tables.values()}


def read_tables(path: Path) -> dict[str, sa.Table]:
    """Read the declared tables, by name, in the file's order.

    Raises TablesError, naming line, table and column, for whatever is wrong in the file.
    """
    return dict(read_declaration(path).tables)


def read_declaration(path: Path) -> Declaration:
    """Read what the file says. Raises TablesError, naming line, table and column, for what is wrong in it."""
    file = read_model(TablesFile, path, TablesError, place_words=place_words)
    skipped = frozenset((each.schema_, each.table) for each in file.skip)
    metadata = sa.MetaData(info={"skipped": skipped})
    found = {name: _table(name, table, metadata) for name, table in file.tables.items()}
    for name, table in file.tables.items():
        for reference in table.references:
            refer(found[name], reference.columns, found[reference.table], reference.to)
    return Declaration(found, skipped)


def _table(name: str, told: Table, metadata: sa.MetaData) -> sa.Table:
    schema, source = source_place(name, told)
    dropped = {
        each if column.source is None else column.source
        for each, column in told.columns.items()
        if column.mirror == "drop"
    }
    skipped = frozenset(told.skip) | dropped
    info: dict[str, Any] = {
        **({} if told.key_enforced else {"key_enforced": False}),
        **({} if told.slice is None else {"slice": Slice(told.slice.column, told.slice.grain)}),
        **({} if schema is None else {"source_schema": schema}),
        **({} if source == name else {"source_name": source}),
        **({} if told.schema_ is None else {"target_schema": told.schema_}),
        **({"skipped": skipped} if skipped else {}),
    }
    return sa.Table(
        name,
        metadata,
        *(
            _column(each, column, in_key=each in told.key, is_version=each == told.version)
            for each, column in told.columns.items()
            if column.mirror != "drop"
        ),
        *(sa.UniqueConstraint(*names) for names in told.unique),
        comment=f"Table {source} of the source",
        info=info,
    )


def _column(name: str, told: Column, *, in_key: bool, is_version: bool) -> sa.Column[Any]:
    match = DECIMAL.fullmatch(told.type)
    made: Any = sa.Numeric(int(match[1]), int(match[2])) if match else NAMED[told.type]()
    formed = told.mirror != "keep"
    info: dict[str, Any] = {
        "declared": told.declared,
        **({} if told.source in (None, name) else {"source_name": told.source}),
        **({"pii": told.pii} if told.pii else {}),
        **({"mirror_form": told.mirror, "source_type": made} if formed else {}),
        **({"row_version": True} if is_version else {}),
        **({} if told.collation is None else {"collation": told.collation}),
        # They are about the values, which a mask or a hash is not.
        **({"values": told.values} if told.values and not formed else {}),
        **({} if told.plausible is None or formed else {"plausible": told.plausible}),
    }
    return sa.Column(
        name,
        sa.String() if formed else made,
        primary_key=in_key,
        autoincrement=False,
        nullable=told.nullable and not in_key,
        info=info,
    )


def refer(table: sa.Table, columns: Sequence[str], parent: sa.Table, to: Sequence[str]) -> None:
    """Declare that the columns hold values of those of another table, or of this one."""
    # By columns: a text that names one could not tell which dot is a part of the name.
    theirs = [parent.columns[name] for name in to]
    table.append_constraint(sa.ForeignKeyConstraint(columns, theirs))


def as_yaml(tables: Iterable[sa.Table], skipped: Iterable[SourcePlace] = ()) -> str:
    """Write the text of a `tables.yaml` that declares the tables."""
    left_out = [place_said(place) for place in sorted(skipped, key=str)]
    told = {
        **({"skip": left_out} if left_out else {}),
        "tables": {_plain(table.name): table_said(table) for table in tables},
    }
    return _HEAD + yaml_text(told)


class _Dumper(yaml.SafeDumper):
    """Writes breaks of Unicode as escapes, because YAML reads them as a blank wherever they stand as they are."""


def _written_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = '"' if _BREAKS.search(text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_BREAKS = re.compile("[\x85\u2028\u2029]")
_Dumper.add_representer(str, _written_text)


def yaml_text(said: Any) -> str:
    """Write a value as the file has it: what holds no further mapping or list on one line."""
    text: str = yaml.dump(
        said,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=1 << 30,
        default_flow_style=None,
    )
    return text


def yaml_line(name: str, value: Any) -> str:
    """Write a name and its value as one line of the file.

    >>> yaml_line("no", {"type": "text"})
    "'no': {type: text}"
    """
    text: str = yaml.dump(
        {name: value},
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=1 << 30,
        default_flow_style=True,
    )
    return text.strip()[1:-1]


def place_said(place: SourcePlace) -> str | dict[str, str]:
    """A table of the source as `source:` and `skip:` have it."""
    schema, name = place
    return name if schema is None else {"schema": schema, "table": name}


def folded_place(place: SourcePlace) -> SourcePlace:
    """The place for a catalogue that does not tell capitals from small letters."""
    schema, name = place
    return schema and schema.casefold(), name.casefold()


def table_said(table: sa.Table) -> dict[str, Any]:
    """What the file says of a table."""
    cut, version = slice_of(table), version_of(table)
    place = source_table(table)
    return {
        **({} if place == (None, _plain(table.name)) else {"source": place_said(place)}),
        **({"schema": table.info["target_schema"]} if "target_schema" in table.info else {}),
        **({"skip": sorted(table.info["skipped"])} if "skipped" in table.info else {}),
        "key": [_plain(column.name) for column in table.primary_key.columns],
        **({} if table.info.get("key_enforced", True) else {"key_enforced": False}),
        "version": None if version is None else _plain(version),
        "slice": None if cut is None else {"column": _plain(cut.column), "grain": cut.grain},
        **_contract(table),
        "columns": {_plain(column.name): column_said(column) for column in table.columns},
    }


def column_said(column: sa.Column[Any]) -> dict[str, Any]:
    """What the file says of a column."""
    source = source_column(column)
    return {
        **({} if source == _plain(column.name) else {"source": source}),
        "type": type_name(column),
        "declared": column.info.get("declared", ""),
        "nullable": bool(column.nullable),
        **({"pii": column.info["pii"]} if "pii" in column.info else {}),
        **({"mirror": column.info["mirror_form"]} if "mirror_form" in column.info else {}),
        **({"collation": column.info["collation"]} if _is_folded(column) else {}),
        **{
            rule: list(column.info[rule]) for rule in ("values", "plausible") if rule in column.info
        },
    }


def _is_folded(column: sa.Column[Any]) -> bool:
    return column.info.get("collation", BINARY) != BINARY


def _contract(table: sa.Table) -> dict[str, Any]:
    unique = sorted(
        [_plain(column.name) for column in constraint.columns]
        for constraint in table.constraints
        if isinstance(constraint, sa.UniqueConstraint)
    )
    references = [
        {
            "columns": [_plain(column.name) for column in constraint.columns],
            "table": _plain(constraint.referred_table.name),
            "to": [_plain(element.column.name) for element in constraint.elements],
        }
        for constraint in sorted(table.foreign_key_constraints, key=lambda c: list(c.column_keys))
    ]
    return {
        **({"unique": unique} if unique else {}),
        **({"references": references} if references else {}),
    }


def _plain(name: str) -> str:
    """SQLAlchemy's names are texts of its own class, which YAML does not know."""
    return "".join(name)


def type_name(column: sa.Column[Any]) -> str:
    """The column's type as the file names it."""
    type_ = column.info.get("source_type", column.type)
    kind = kind_of_type(type_)
    if kind is None:
        raise TypeError(f"{column.table.name}.{column.name}: {type_!r} has no name in tables.yaml")
    if kind.name == "decimal":
        return sized("decimal({precision}, {scale})", type_)
    return kind.name if kind.in_file else "integer"
