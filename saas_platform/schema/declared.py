"""Tables of a user's own database, as `tables.yaml` declares them.

Contains: the way from the file to SQLAlchemy tables, with which sync and proof work, and back. Out of scope: the
form of the file (schema/tables_file.py), and finding the tables (source/discovery.py).

What SQLAlchemy can't express is in `info`:

    of the metadata  `skipped`: the tables of the source that are left out on purpose
    of a rule        `collation` of a unique constraint or reference: how it compares some columns, if not by the
                     collation of the column itself
    of a table       `source_schema`, `source_name`: the names in the source, if the mirror has others
                     (schema/source_names.py); `target_schema`: the warehouse's schema, if it is not raw; `skipped`
                     and `dropped`: the source's columns that are left out on purpose, by `skip:` and by
                     `mirror: drop` (with what the file says of them); `slice`; `key_enforced`, if it is
                     false; `key_collation`, as the `collation` of a rule
    of a column      `declared`, `source_name`, `pii`, `collation`, `row_version`, `values`, `plausible`;
                     `mirror_form`: mask or hash (absent for keep), with `source_type`, because the mirror's column
                     is a text
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
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
from saas_platform.schema.slices import Slicing, slicing_of
from saas_platform.schema.source_names import source_column, source_table
from saas_platform.schema.standing import Field
from saas_platform.schema.tables_file import (
    DECIMAL,
    DeclaredColumn,
    DeclaredTable,
    TablesFile,
    path_words,
    source_place,
)
from saas_platform.validation.yaml_file import read_model

_HEAD = f"""\
# The tables of the source that are mirrored, as `saas-platform doctor --discover` found them.
# You can edit this file. A later discovery keeps your edits and shows what has changed in the source;
# with --yes it writes those changes here.
#
# For the file:
#   skip:    tables of the source that you do not want. There are no warnings about them. Remove
#            references to them.
#
# For a table (its name here is the name of its mirror):
#   source:  its name in the source, if that is different: orders, or {{schema: sales, table: orders}}.
#   schema:  the schema of the warehouse that it goes to; raw if not given.
#   skip:    columns of the source that you do not want. There are no warnings about them.
#   key:     columns that identify a row. [] if there are none: then the table is compared as a whole,
#            and replaced if it differs. If the source no longer keeps the key unique, the table stops
#            with a message. If the source never did, but you know that the key is unique, write
#            `key_enforced: false`.
#   version: an integer column that grows with every write (SQL Server: rowversion). null if there is
#            none: then the sync compares digests, and copies the slices that differ.
#   slice:   a time or date column by which a large table is divided into days or months. null: one
#            slice.
#
# For a column (its name here is its name in the mirror):
#   source:  its name in the source, if that is different.
#   type:    integer, flag, float, decimal(p, s), text, time, date, bytes, or any: values of several
#            types in one column, each as the text of its literal. A value that does not fit the type
#            stops the table with a message.
#   declared: the type in the source's catalogue. If it changes, the table stops with a message.
#   pii:     the kind of personal data in it ({", ".join(PII_KINDS[:5])},
#            {", ".join(PII_KINDS[5:])}). Reports mask its values.
#   mirror:  for personal data, its form in the mirror: keep (as it is), mask ('***'), hash (salted
#            with SAAS_HASH_SALT; equal values have equal hashes), or drop (the mirror lacks it).
#
# The contract, which `run` and Dagster check. They report the rows that break it, and drop none:
#   unique, of a table:     lists of columns; no two rows have the same values in all columns of a list.
#                           {{columns: [a], collation: {{a: BINARY}}}} compares a in another way than its
#                           column says. references may have such a `collation` for the columns `to`,
#                           and the key has `key_collation: {{a: BINARY}}`.
#   references, of a table: `columns` of this table hold values of the columns `to` of another `table`.
#   collation, of a column: which texts the source takes for equal in keys, unique and references:
#                           {", ".join(FACTS)}, joined by _.
#   values, of a column:    all values that it may hold.
#   plausible, of a column: [lowest, highest], null for no bound. A value outside gives a warning.
"""


class TablesError(PlatformError):
    """`tables.yaml` is wrong. The text names the place and the remedy."""


#: A table's schema and name in the source; the schema is None for the source's default one.
SourcePlace = tuple[str | None, str]


@dataclass(frozen=True)
class Declaration:
    """What `tables.yaml` declares."""

    #: By name, in the file's order.
    tables: Mapping[str, sa.Table]
    #: Tables of the source that are left out on purpose.
    skipped: frozenset[SourcePlace] = frozenset()

    @property
    def known(self) -> frozenset[SourcePlace]:
        """Return every table of the source that the file names, mirrored or skipped."""
        return self.skipped | {source_table(table) for table in self.tables.values()}


def read_tables(path: Path) -> dict[str, sa.Table]:
    """Read the declared tables, by name, in the file's order.

    Raises TablesError, which names line, table and column, for anything that is wrong in the file.
    """
    return dict(read_declaration(path).tables)


def read_declaration(path: Path) -> Declaration:
    """Read the file. Raises TablesError, which names line, table and column, for anything that is wrong in it."""
    file = read_model(TablesFile, path, TablesError, path_words=path_words)
    skipped = frozenset((each.schema_, each.table) for each in file.skip)
    metadata = sa.MetaData(info={"skipped": skipped})
    found = {name: _table(name, table, metadata) for name, table in file.tables.items()}
    for name, table in file.tables.items():
        for reference in table.references:
            parent = found[reference.table]
            refer(found[name], reference.columns, parent, reference.to, reference.collation)
    return Declaration(found, skipped)


def _table(name: str, entry: DeclaredTable, metadata: sa.MetaData) -> sa.Table:
    schema, source = source_place(name, entry)
    dropped = {
        own: Field(each, own, column.declared, "drop", column.pii, number)
        for number, (each, column) in enumerate(entry.columns.items())
        for own in [each if column.source is None else column.source]
        if column.mirror == "drop"
    }
    info: dict[str, Any] = {
        **({} if entry.key_enforced else {"key_enforced": False}),
        **({"key_collation": entry.key_collation} if entry.key_collation else {}),
        **(
            {} if entry.slice is None else {"slice": Slicing(entry.slice.column, entry.slice.grain)}
        ),
        **({} if schema is None else {"source_schema": schema}),
        **({} if source == name else {"source_name": source}),
        **({} if entry.schema_ is None else {"target_schema": entry.schema_}),
        **({"skipped": entry.skip} if entry.skip else {}),
        **({"dropped": dropped} if dropped else {}),
    }
    return sa.Table(
        name,
        metadata,
        *(
            _column(each, column, in_key=each in entry.key, is_version=each == entry.version)
            for each, column in entry.columns.items()
            if column.mirror != "drop"
        ),
        *(unique_rule(rule.columns, rule.collation) for rule in entry.unique),
        comment=f"Table {source} of the source",
        info=info,
    )


def _column(name: str, entry: DeclaredColumn, *, in_key: bool, is_version: bool) -> sa.Column[Any]:
    match = DECIMAL.fullmatch(entry.type)
    made: Any = sa.Numeric(int(match[1]), int(match[2])) if match else NAMED[entry.type]()
    formed = entry.mirror != "keep"
    info: dict[str, Any] = {
        "declared": entry.declared,
        **({} if entry.source in (None, name) else {"source_name": entry.source}),
        **({"pii": entry.pii} if entry.pii else {}),
        **({"mirror_form": entry.mirror, "source_type": made} if formed else {}),
        **({"row_version": True} if is_version else {}),
        **({} if entry.collation is None else {"collation": entry.collation}),
        # Both are about the original values, which a masked or hashed column does not have.
        **({"values": entry.values} if entry.values and not formed else {}),
        **({} if entry.plausible is None or formed else {"plausible": entry.plausible}),
    }
    return sa.Column(
        name,
        sa.String() if formed else made,
        primary_key=in_key,
        autoincrement=False,
        nullable=entry.nullable and not in_key,
        info=info,
    )


def unique_rule(columns: Sequence[str], collations: Mapping[str, str]) -> sa.UniqueConstraint:
    """Return the rule that no two rows share the columns, which compares some of them by other collations."""
    return sa.UniqueConstraint(*columns, info=_compared(collations))


def refer(
    table: sa.Table,
    columns: Sequence[str],
    parent: sa.Table,
    to: Sequence[str],
    collations: Mapping[str, str],
) -> None:
    """Declare that the columns hold values of the columns `to` of another table, or of the same one.

    Args:
        table: the table that refers.
        columns: its columns.
        parent: the table that is referred to.
        to: the columns of the parent.
        collations: how some of the columns `to` are compared, if not by their own collation.
    """
    # With Column objects, because a text such as `a.b.c` does not show which dot is part of a name.
    referenced = [parent.columns[name] for name in to]
    constraint = sa.ForeignKeyConstraint(columns, referenced, info=_compared(collations))
    table.append_constraint(constraint)


def _compared(collations: Mapping[str, str]) -> dict[str, Any]:
    return {"collation": dict(collations)} if collations else {}


def as_yaml(tables: Iterable[sa.Table], skipped: Iterable[SourcePlace] = ()) -> str:
    """Write the text of a `tables.yaml` that declares the tables."""
    left_out = [place_entry(place) for place in sorted(skipped, key=str)]
    entries = {
        **({"skip": left_out} if left_out else {}),
        "tables": {_plain(table.name): table_entry(table) for table in tables},
    }
    return _HEAD + yaml_text(entries)


class _Dumper(yaml.SafeDumper):
    """Writes line breaks and all other characters that a terminal would act on as escapes.

    YAML would read an unescaped line break of Unicode as a blank.
    """


def _written_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None if text.isprintable() else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _written_text)


def yaml_text(value: Any) -> str:
    """Write a value as the file has it; a mapping or list without others inside goes on one line."""
    text: str = yaml.dump(
        value,
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
    # Each alone, because a long or odd name becomes a key of several lines in a mapping.
    return f"{_in_one_line(name)}: {_in_one_line(value)}"


def _in_one_line(value: Any) -> str:
    text: str = yaml.dump(
        [value],
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=1 << 30,
        default_flow_style=True,
    )
    return text.strip()[1:-1]


def place_entry(place: SourcePlace) -> str | dict[str, str]:
    """Return a table of the source as `source:` and `skip:` write it."""
    schema, name = place
    return name if schema is None else {"schema": schema, "table": name}


def skip_tables(skipped: Collection[SourcePlace], more: Iterable[SourcePlace]) -> str:
    """Return the advice to skip more tables, with the line for them and for those that are skipped already."""
    line = yaml_line("skip", [place_entry(place) for place in (*sorted(skipped, key=str), *more)])
    return f"write `{line}` at the top of tables.yaml"


def folded_place(place: SourcePlace) -> SourcePlace:
    """Return the place in small letters, to compare it with that in a catalogue that ignores case."""
    schema, name = place
    return schema and schema.casefold(), name.casefold()


def table_entry(table: sa.Table) -> dict[str, Any]:
    """Return a table as the file writes it."""
    slicing, version = slicing_of(table), version_of(table)
    skipped = [*table.info.get("skipped", ()), *table.info.get("dropped", ())]
    place = source_table(table)
    return {
        **({} if place == (None, _plain(table.name)) else {"source": place_entry(place)}),
        **({"schema": table.info["target_schema"]} if "target_schema" in table.info else {}),
        # A written file has no line for a dropped column, so that it is skipped there.
        **({"skip": skipped} if skipped else {}),
        "key": [_plain(column.name) for column in table.primary_key.columns],
        **({} if table.info.get("key_enforced", True) else {"key_enforced": False}),
        **(
            {"key_collation": collations} if (collations := table.info.get("key_collation")) else {}
        ),
        "version": None if version is None else _plain(version),
        "slice": None
        if slicing is None
        else {"column": _plain(slicing.column), "grain": slicing.grain},
        **_contract(table),
        "columns": {_plain(column.name): column_entry(column) for column in table.columns},
    }


def column_entry(column: sa.Column[Any]) -> dict[str, Any]:
    """Return a column as the file writes it."""
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
    rules = [each for each in table.constraints if isinstance(each, sa.UniqueConstraint)]
    unique = [_unique_entry(each) for each in sorted(rules, key=_place_of_unique)]
    references = [
        {
            "columns": [_plain(column.name) for column in constraint.columns],
            "table": _plain(constraint.referred_table.name),
            "to": [_plain(element.column.name) for element in constraint.elements],
            **constraint.info,
        }
        for constraint in sorted(table.foreign_key_constraints, key=_place_of_reference)
    ]
    return {
        **({"unique": unique} if unique else {}),
        **({"references": references} if references else {}),
    }


def _unique_entry(constraint: sa.UniqueConstraint) -> Any:
    columns = [_plain(column.name) for column in constraint.columns]
    return {"columns": columns, **constraint.info} if constraint.info else columns


def _place_of_unique(constraint: sa.UniqueConstraint) -> tuple[list[str], list[tuple[str, str]]]:
    compared = constraint.info.get("collation", {})
    return [str(column.name) for column in constraint.columns], sorted(compared.items())


def _place_of_reference(constraint: sa.ForeignKeyConstraint) -> tuple[list[str], list[str]]:
    return list(constraint.column_keys), [each.target_fullname for each in constraint.elements]


def _plain(name: str) -> str:
    """Return a name as a plain text; SQLAlchemy's names have a class of their own, which YAML can't write."""
    return "".join(name)


def type_name(column: sa.Column[Any]) -> str:
    """Return the column's type as the file names it. Raises TypeError for a type that it can't name."""
    type_ = column.info.get("source_type", column.type)
    kind = kind_of_type(type_)
    if kind is None:
        raise TypeError(f"{column.table.name}.{column.name}: {type_!r} has no name in tables.yaml")
    if kind.name == "decimal":
        return sized("decimal({precision}, {scale})", type_)
    return kind.name if kind.in_file else "integer"
