"""The form of `tables.yaml`: what the file may contain, and the messages on what is wrong in it.

Contains: the model of the file, and its rules. Out of scope: the way to SQLAlchemy tables and back
(schema/declared.py), and what a discovery changes in the file (schema/merging.py).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    BeforeValidator,
    Field,
    StringConstraints,
    model_validator,
)

from saas_platform.schema.collations import BINARY, is_collation
from saas_platform.schema.columns import Pii
from saas_platform.schema.kinds import KINDS, NAMED
from saas_platform.schema.mirror_names import folded
from saas_platform.schema.tables_rules import (
    Collations,
    Part,
    Reference,
    UniqueField,
    fault,
    not_a_collation,
)
from saas_platform.validation.yaml_file import MisplacedError, ValuePath

DECIMAL = re.compile(r"decimal\((\d{1,2}), ?(\d{1,2})\)")
#: The Python types as which YAML reads the values of a kind.
_VALUES: dict[str, tuple[type, ...]] = {kind.name: kind.yaml for kind in KINDS}
#: The form of a personal column in the mirror.
Form = Literal["keep", "mask", "hash", "drop"]

#: The names of schemas that a person may choose. The taken ones have another meaning in a warehouse.
_SCHEMA = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_TAKEN_SCHEMAS = frozenset(
    ("marts", "models", "main", "temp", "system", "information_schema", "pg_catalog")
)
_OTHER_SLICE = "choose another column, or `slice: null`"


class SourceName(Part):
    """A table's name in the source, and its schema there; the schema is None for the source's default one."""

    table: str
    schema_: str | None = Field(None, alias="schema")


def _whole(value: Any) -> Any:
    """Take a bare text for the table's whole name; a dot in it is a part of the name."""
    return {"table": value} if isinstance(value, str) else value


SourceNameField = Annotated[SourceName, BeforeValidator(_whole)]


class DeclaredColumn(Part):
    type: Annotated[str, StringConstraints(strip_whitespace=True)]
    declared: str = ""
    source: str | None = None
    nullable: bool = True
    pii: Pii | None = None
    mirror: Form = "keep"
    collation: str | None = None
    values: tuple[Any, ...] = ()
    plausible: tuple[Any, Any] | None = None

    @model_validator(mode="after")
    def _known(self) -> DeclaredColumn:
        match = DECIMAL.fullmatch(self.type)
        if self.type not in NAMED and (
            match is None or not 1 <= int(match[1]) <= 38 or int(match[2]) > int(match[1])
        ):
            known = ", ".join([*NAMED, "decimal(p, s) with p up to 38"])
            raise MisplacedError(f"{self.type!r} is not a type: choose {known}", "type")
        self._check_values("decimal" if match else self.type)
        if self.collation is not None and not is_collation(self.collation):
            raise MisplacedError(not_a_collation(self.collation), "collation")
        if self.mirror != "keep" and self.pii is None:
            raise MisplacedError(
                f"`mirror: {self.mirror}` is for personal data: name its kind with"
                f" `pii:` ({', '.join(get_args(Pii))}), or leave the column out with `skip:`",
                "mirror",
            )
        return self

    def _check_values(self, kind: str) -> None:
        wanted = _VALUES.get(kind, ())
        bounds = [bound for bound in self.plausible or () if bound is not None]
        for role, values in (("values", self.values), ("plausible", bounds)):
            if values and not wanted:
                raise MisplacedError(
                    f"{role} can't be given for a column of type {self.type}: remove it", role
                )
            for value in values:
                if isinstance(value, float) and not math.isfinite(value):
                    raise MisplacedError(
                        f"{value} in {role} is no value that a row can be compared with: remove it, or write null"
                        " for no bound",
                        role,
                    )
                if type(value) not in wanted:
                    raise MisplacedError(f"{value} in {role} is not of type {self.type}", role)
            if values and self.mirror != "keep":
                raise MisplacedError(
                    f"{role} can't be checked in a column that the mirror does not have in clear text"
                    f" (`mirror: {self.mirror}`): remove one of the two",
                    role,
                )
        if self.plausible is not None and not bounds:
            raise MisplacedError(
                "plausible has no bound: give a lowest or a highest value", "plausible"
            )
        if len(bounds) == 2 and bounds[0] > bounds[1]:
            raise MisplacedError(
                f"plausible has {bounds[0]} before {bounds[1]}: the lowest comes first", "plausible"
            )


class DeclaredSlicing(Part):
    column: str
    grain: Literal["day", "month"] = "month"


class DeclaredTable(Part):
    source: SourceNameField | None = None
    schema_: str | None = Field(None, alias="schema")
    skip: tuple[str, ...] = ()
    key: tuple[str, ...]
    key_enforced: bool = True
    version: str | None = None
    slice: DeclaredSlicing | None = None
    key_collation: Collations
    unique: tuple[UniqueField, ...] = ()
    references: tuple[Reference, ...] = ()
    columns: dict[str, DeclaredColumn] = Field(min_length=1)

    @model_validator(mode="after")
    def _together(self) -> DeclaredTable:
        for place, names in self._roles():
            for name in names:
                if name not in self.columns:
                    raise MisplacedError(
                        f"{place[0]} names {name}, which is not one of the table's columns: choose from"
                        f" {', '.join(self.columns)}",
                        *place,
                    )
        if len(set(self.key)) < len(self.key):
            raise MisplacedError("key names a column twice: name it once", "key")
        self._check_version()
        self._check_collations()
        self._check_forms()
        self._check_slice()
        self._check_names()
        self._check_schema()
        if all(column.mirror == "drop" for column in self.columns.values()):
            raise MisplacedError(
                "every column is dropped: leave the table out with `skip:`", "columns"
            )
        return self

    def _roles(self) -> Iterator[tuple[ValuePath, tuple[str, ...]]]:
        """Yield each place that names columns of the table, with the names."""
        yield ("key",), self.key
        if self.version is not None:
            yield ("version",), (self.version,)
        if self.slice is not None:
            yield ("slice", "column"), (self.slice.column,)
        for number, rule in enumerate(self.unique):
            yield ("unique", number), rule.columns
        for number, reference in enumerate(self.references):
            yield ("references", number, "columns"), reference.columns

    def _compared(self) -> Iterator[tuple[ValuePath, Mapping[str, str], tuple[str, ...]]]:
        """Yield each place that names collations of the table's columns, with these and the columns of the rule."""
        yield ("key_collation",), self.key_collation, self.key
        for number, rule in enumerate(self.unique):
            yield ("unique", number, "collation"), rule.collation, rule.columns

    def _check_collations(self) -> None:
        for place, named, columns in self._compared():
            for name in named:
                if name not in columns:
                    raise MisplacedError(
                        f"{place[-1]} names {name}, which is not one of the columns that it compares: choose from"
                        f" {', '.join(columns)}",
                        *place,
                    )
                self._check_hash(name, named[name], place[0])

    def _check_hash(self, name: str, collation: str | None, part: object) -> None:
        """Check that a hashed column is compared by bytes, because its hashes have nothing else in common."""
        if self.columns[name].mirror == "hash" and collation not in (None, BINARY):
            raise MisplacedError(
                "`mirror: hash` gives different hashes to texts that the source takes for equal"
                f" (collation {collation}), but {part} compares them: use keep",
                *("columns", name, "mirror"),
            )

    def _check_version(self) -> None:
        if self.version is None:
            return
        if self.columns[self.version].type != "integer":
            raise MisplacedError(
                f"version column {self.version} is not of type integer: choose another column, or"
                " `version: null`",
                "version",
            )
        if not self.key:
            raise MisplacedError(
                "version needs a key, because a table without one is replaced whole: give it a key, or"
                " write `version: null`",
                "version",
            )

    def _check_slice(self) -> None:
        if self.slice is None:
            return
        name = self.slice.column
        if self.columns[name].type not in ("time", "date"):
            raise MisplacedError(
                f"slice column {name} is not of type time or date: {_OTHER_SLICE}", "slice"
            )
        if self.columns[name].nullable:
            raise MisplacedError(f"slice column {name} is nullable: {_OTHER_SLICE}", "slice")
        if self.columns[name].pii is not None:
            raise MisplacedError(
                f"slice column {name} holds personal data ({self.columns[name].pii}), and reports show the names"
                f" of slices: {_OTHER_SLICE}",
                "slice",
            )

    def _check_forms(self) -> None:
        """Check that no form in the mirror takes away what the sync and the contract rely on."""
        why = {
            "mask": "would make all values of the column equal",
            "drop": "would leave the column out",
            "hash": "would destroy the order of the column's values",
        }
        for place, names in self._roles():
            for name in names:
                form = self.columns[name].mirror
                allowed = ("keep",) if place[0] in ("version", "slice") else ("keep", "hash")
                self._check_hash(name, self.columns[name].collation, place[0])
                if form not in allowed:
                    raise MisplacedError(
                        f"`mirror: {form}` {why[form]}, but {place[0]} needs it: use"
                        f" {' or '.join(allowed)}, or remove the column from {place[0]}",
                        *("columns", name, "mirror"),
                    )

    def _check_names(self) -> None:
        seen: dict[str, str] = {}
        sources: dict[str, str] = {}
        for name, column in self.columns.items():
            if not name.strip():
                raise MisplacedError(
                    f"a column has no name: give it one, with `source: {name!r}`", "columns", name
                )
            twin = seen.setdefault(folded(name), name)
            if twin != name:
                raise MisplacedError(
                    f"{twin} and {name} differ only by case, and a mirror can't have both: give one of"
                    f" them another name, with `source: {name}`",
                    *("columns", name),
                )
            source = name if column.source is None else column.source
            other = sources.setdefault(source, name)
            if other != name:
                raise MisplacedError(
                    f"{other} and {name} are the same column {source} of the source: remove one of them",
                    *("columns", name),
                )
            if source in self.skip:
                raise MisplacedError(
                    f"{source} is both in skip and among the columns: remove it from one of them",
                    "skip",
                )

    def _check_schema(self) -> None:
        chosen = self.schema_
        if chosen is None:
            return
        if not _SCHEMA.fullmatch(chosen) or folded(chosen) in _TAKEN_SCHEMAS:
            raise MisplacedError(
                f"schema {chosen} can't be used: choose a name of letters, digits and underscores, but none"
                f" of {', '.join(sorted(_TAKEN_SCHEMAS))}",
                "schema",
            )


class TablesFile(Part):
    skip: tuple[SourceNameField, ...] = ()
    tables: dict[str, DeclaredTable] = Field(min_length=1)

    @model_validator(mode="after")
    def _apart(self) -> TablesFile:
        """Check that no two tables share a mirror or a table of the source, and that no table is skipped too."""
        seen: dict[str, str] = {}
        sources: dict[tuple[str | None, str], str] = {}
        for name, table in self.tables.items():
            if not name.strip():
                raise MisplacedError(
                    f"a table has no name: give it one, with `source: {name!r}`", "tables", name
                )
            twin = seen.setdefault(folded(name), name)
            if twin != name:
                raise MisplacedError(
                    f"{twin} and {name} differ only by case, and a warehouse can't have both: give one of"
                    f" them another name, with `source: {name}`",
                    *("tables", name),
                )
            place = source_place(name, table)
            other = sources.setdefault(place, name)
            if other != name:
                lacks = next(
                    (each for each in (other, name) if self.tables[each].source is None), None
                )
                own = (
                    ""
                    if lacks is None
                    else f"write under {lacks} by `source:` where it is now, or "
                )
                raise MisplacedError(
                    f"{other} and {name} are the same table of the source: {own}remove one of them",
                    *("tables", name),
                )
        for number, each in enumerate(self.skip):
            there = sources.get((each.schema_, each.table))
            if there is not None:
                raise MisplacedError(
                    f"{there} is both in skip and among the tables: remove it from one of them",
                    *("skip", number),
                )
        return self

    @model_validator(mode="after")
    def _refer(self) -> TablesFile:
        for name, table in self.tables.items():
            for number, reference in enumerate(table.references):
                found = fault(name, table, reference, self.tables)
                if found is not None:
                    raise MisplacedError(found, "tables", name, "references", number)
        return self


def source_place(name: str, table: DeclaredTable) -> tuple[str | None, str]:
    """Return the schema and the name in the source of a table that has this name in the file."""
    return (None, name) if table.source is None else (table.source.schema_, table.source.table)


def path_words(place: ValuePath) -> tuple[str, str]:
    """Describe a place in the file: its table and column, and the name of the entry there.

    >>> place_words(("tables", "orders", "columns", "total", "type"))
    ('table orders, column total', 'type')
    """
    rest, around = list(place), []
    for heading, word in (("tables", "table"), ("columns", "column")):
        if len(rest) > 1 and rest[0] == heading:
            around.append(f"{word} {rest[1] or repr('')}")
            rest = rest[2:]
    return ", ".join(around), ".".join(str(part) for part in rest) or "it"
