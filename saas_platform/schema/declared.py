"""Tables of a database of the user's own, declared in `tables.yaml`.

Holds: the file's form, and its way to and from SQLAlchemy tables, which is what sync and proof know.
Does not hold: finding the tables (source/discovery.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import sqlalchemy as sa
import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from saas_platform.errors import PlatformError
from saas_platform.schema.any_value import AnyValue
from saas_platform.schema.arrow import version_of
from saas_platform.schema.slices import Slice, slice_of
from saas_platform.yaml_model import read_model

_DECIMAL = re.compile(r"decimal\((\d{1,2}), ?(\d{1,2})\)")
_TYPES: dict[str, type[sa.types.TypeEngine[Any]]] = {
    "integer": sa.BigInteger,
    "flag": sa.Boolean,
    "float": sa.Double,
    "any": AnyValue,
    "text": sa.String,
    "time": sa.DateTime,
    "date": sa.Date,
    "bytes": sa.LargeBinary,
}
#: What YAML reads the values of a type as.
_VALUES: dict[str, tuple[type, ...]] = {
    "integer": (int,),
    "float": (int, float),
    "text": (str,),
    "time": (datetime,),
    "date": (date,),
}
#: Columns of the mirror that are not the source's.
_OURS = "_sync_id"
_HEAD = """\
# Tables of the source that are mirrored, as `saas-platform doctor --discover` found them. Yours to edit:
#   key:     columns that tell a row from all others; [] where none do: then the table is compared as a
#            whole, and replaced where it differs. The table stops with a message where the source no
#            longer keeps it unique; `key_enforced: false` where it never did, and you know that it is.
#   version: a whole-number column that grows with every write (SQL Server: rowversion); null: the sync
#            compares digests, and copies the slices that differ.
#   slice:   a time or date column that cuts a large table by day or month; null: one slice.
#   type:    integer, flag, float, decimal(p, s), text, time, date, bytes; any: values of several types
#            in one column, each as the text of its literal. A value that is not of its type stops the
#            table with a message. `declared` is what the source's catalogue says; when it changes, the
#            table stops with a message.
#   pii:     name, email or free_text: values are masked in reports.
# The contract of a table, which each sync is held to (who breaks it is told, and nothing dropped):
#   unique:     lists of columns that no two rows share.
#   references: of columns of this table to the columns `to` of a `table`, whose values they are.
#   values, of a column:    all that it may hold.
#   plausible, of a column: [lowest, highest], null for no bound; beyond them is a warning.
# Leave out a table that you do not want, and the references to it; every column of a table is mirrored.
"""


class TablesError(PlatformError):
    """`tables.yaml` is wrong; the text names the place and says what would be right."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Column(_Part):
    type: Annotated[str, StringConstraints(strip_whitespace=True)]
    declared: str = ""
    nullable: bool = True
    pii: Literal["name", "email", "free_text"] | None = None
    values: tuple[Any, ...] = ()
    plausible: tuple[Any, Any] | None = None

    @model_validator(mode="after")
    def _known(self) -> _Column:
        match = _DECIMAL.fullmatch(self.type)
        if self.type not in _TYPES and (
            match is None or not 1 <= int(match[1]) <= 38 or int(match[2]) > int(match[1])
        ):
            known = ", ".join([*_TYPES, "decimal(p, s) with p up to 38"])
            raise ValueError(f"{self.type!r} is not a type: choose {known}")
        wanted = _VALUES.get("float" if match else self.type, ())
        bounds = [bound for bound in self.plausible or () if bound is not None]
        for value in (*self.values, *bounds):
            if type(value) not in wanted:
                raise ValueError(f"{value!r} in values or plausible is no {self.type}")
        if self.plausible is not None and not bounds:
            raise ValueError("plausible needs a lowest or a highest value")
        if len(bounds) == 2 and bounds[0] > bounds[1]:
            raise ValueError(
                f"plausible has {bounds[0]} before {bounds[1]}: the lowest comes first"
            )
        return self

    def build(self, name: str, *, in_key: bool, is_version: bool) -> sa.Column[Any]:
        match = _DECIMAL.fullmatch(self.type)
        made: Any = sa.Numeric(int(match[1]), int(match[2])) if match else _TYPES[self.type]()
        info: dict[str, Any] = {"declared": self.declared}
        if self.pii:
            info["pii"] = self.pii
        if is_version:
            info["row_version"] = True
        if self.values:
            info["values"] = self.values
        if self.plausible is not None:
            info["plausible"] = self.plausible
        return sa.Column(
            name,
            made,
            primary_key=in_key,
            autoincrement=False,
            nullable=self.nullable and not in_key,
            info=info,
        )


class _Slice(_Part):
    column: str
    grain: Literal["day", "month"] = "month"


class _Reference(_Part):
    columns: tuple[str, ...] = Field(min_length=1)
    table: str
    to: tuple[str, ...]


class _Table(_Part):
    key: tuple[str, ...]
    key_enforced: bool = True
    version: str | None = None
    slice: _Slice | None = None
    unique: tuple[Annotated[tuple[str, ...], Field(min_length=1)], ...] = ()
    references: tuple[_Reference, ...] = ()
    columns: dict[str, _Column] = Field(min_length=1)

    @model_validator(mode="after")
    def _together(self) -> _Table:
        cut = [] if self.slice is None else [self.slice.column]
        for role, names in (
            ("key", self.key),
            ("version", [self.version]),
            ("slice", cut),
            *(("unique", names) for names in self.unique),
            *(("references", reference.columns) for reference in self.references),
        ):
            for name in names:
                if name is not None and name not in self.columns:
                    raise ValueError(
                        f"{role} names {name}, which is none of its columns"
                        f" ({', '.join(self.columns)})"
                    )
        if len(set(self.key)) < len(self.key):
            raise ValueError("key names a column twice")
        if self.version is not None and self.columns[self.version].type != "integer":
            raise ValueError(f"version {self.version} must be of type integer")
        if self.version is not None and not self.key:
            raise ValueError("version needs a key: without one the table is replaced whole")
        if self.slice is not None:
            column = self.columns[self.slice.column]
            if column.type not in ("time", "date"):
                raise ValueError(f"slice column {self.slice.column} must be of type time or date")
            if column.nullable:
                raise ValueError(f"slice column {self.slice.column} must not be nullable")
        if _OURS in self.columns:
            raise ValueError(f"a column {_OURS} can't be mirrored: the mirror has its own")
        return self

    @property
    def info(self) -> dict[str, Any]:
        """What SQLAlchemy has no word for."""
        found: dict[str, Any] = {} if self.key_enforced else {"key_enforced": False}
        if self.slice is not None:
            found["slice"] = Slice(self.slice.column, self.slice.grain)
        return found


class _File(_Part):
    tables: dict[str, _Table] = Field(min_length=1)

    @model_validator(mode="after")
    def _refer(self) -> _File:
        for name, table in self.tables.items():
            for reference in table.references:
                self._check(name, reference)
        return self

    def _check(self, name: str, reference: _Reference) -> None:
        says = f"{name} references {reference.table}"
        parent = self.tables.get(reference.table)
        if parent is None:
            raise ValueError(
                f"{says}, which is none of the tables: remove the reference, or add it"
            )
        if len(reference.columns) != len(reference.to):
            raise ValueError(f"{says} with {len(reference.columns)} columns to {len(reference.to)}")
        for mine, theirs in zip(reference.columns, reference.to, strict=True):
            if theirs not in parent.columns:
                raise ValueError(f"{says}.{theirs}, which is none of its columns")
            types = self.tables[name].columns[mine].type, parent.columns[theirs].type
            if types[0] != types[1]:
                raise ValueError(f"{says}.{theirs}, a {types[1]}, by {mine}, a {types[0]}")


def read_tables(path: Path) -> dict[str, sa.Table]:
    """The declared tables, by name, in the file's order.

    Raises TablesError, naming the place, for whatever is wrong in the file.
    """
    metadata = sa.MetaData()
    declared = read_model(_File, path, TablesError).tables
    found = {
        name: sa.Table(
            name,
            metadata,
            *(
                column.build(each, in_key=each in table.key, is_version=each == table.version)
                for each, column in table.columns.items()
            ),
            *(sa.UniqueConstraint(*names) for names in table.unique),
            comment=f"Table {name} of the source",
            info=table.info,
        )
        for name, table in declared.items()
    }
    for name, table in declared.items():
        for reference in table.references:
            refer(found[name], reference.columns, found[reference.table], reference.to)
    return found


def refer(table: sa.Table, columns: Sequence[str], parent: sa.Table, to: Sequence[str]) -> None:
    """Declare that the columns hold values of those of another table, or of this one."""
    # By columns: a text that names one could not tell which dot is a part of the name.
    theirs = [parent.columns[name] for name in to]
    table.append_constraint(sa.ForeignKeyConstraint(columns, theirs))


def as_yaml(tables: Iterable[sa.Table]) -> str:
    """The text of a `tables.yaml` that declares the tables."""
    told = {"tables": {_plain(table.name): _told(table) for table in tables}}
    return _HEAD + yaml.safe_dump(
        told, sort_keys=False, allow_unicode=True, width=120, default_flow_style=None
    )


def _told(table: sa.Table) -> dict[str, Any]:
    cut, version = slice_of(table), version_of(table)
    return {
        "key": [_plain(column.name) for column in table.primary_key.columns],
        **({} if table.info.get("key_enforced", True) else {"key_enforced": False}),
        "version": None if version is None else _plain(version),
        "slice": None if cut is None else {"column": _plain(cut.column), "grain": cut.grain},
        **_contract(table),
        "columns": {
            _plain(column.name): {
                "type": _type_name(column),
                "declared": column.info.get("declared", ""),
                "nullable": bool(column.nullable),
                **({"pii": column.info["pii"]} if "pii" in column.info else {}),
                **{
                    rule: list(column.info[rule])
                    for rule in ("values", "plausible")
                    if rule in column.info
                },
            }
            for column in table.columns
        },
    }


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


def _type_name(column: sa.Column[Any]) -> str:
    match column.type:
        case sa.Float():
            return "float"
        case sa.Numeric(precision=int(precision), scale=int(scale)):
            return f"decimal({precision}, {scale})"
    return next(name for name, kind in _TYPES.items() if isinstance(column.type, kind))
