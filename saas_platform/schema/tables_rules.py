"""The rules of a contract that compare rows, as `tables.yaml` writes them: unique rules and references.

Contains: their form in the file, and what is wrong in a reference. Out of scope: the form of all else in the file
(schema/tables_file.py), and how the rules are checked (contracts/).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticKnownError

from saas_platform.schema.collations import BINARY, FACTS, is_collation

if TYPE_CHECKING:
    from saas_platform.schema.tables_file import DeclaredTable


class Part(BaseModel):
    """A part of the file. It has no other entries than the declared ones."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _known(word: str) -> str:
    if not is_collation(word):
        raise ValueError(not_a_collation(word))
    return word


def not_a_collation(word: str) -> str:
    """Return the message on a word that is not a collation."""
    return f"{word!r} is not a collation: choose {BINARY}, or some of {', '.join(FACTS)}, joined by _ in this order"


Names = Annotated[tuple[str, ...], Field(min_length=1)]
#: How a rule compares some of its columns, where that is not the collation of the column itself.
Collations = Annotated[
    dict[str, Annotated[str, AfterValidator(_known)]], Field(default_factory=dict)
]


class Unique(Part):
    columns: Names
    collation: Collations


def _as_entry(value: Any) -> Any:
    """Take a bare list for the columns of a rule that compares each column by its own collation."""
    if value == []:
        raise PydanticKnownError(
            "too_short", {"field_type": "List", "min_length": 1, "actual_length": 0}
        )
    if not isinstance(value, list | Mapping):
        raise PydanticKnownError("tuple_type", {})
    return {"columns": value} if isinstance(value, list) else value


UniqueField = Annotated[Unique, BeforeValidator(_as_entry)]


class Reference(Part):
    columns: Names
    table: str
    to: tuple[str, ...]
    #: Of columns of `to`.
    collation: Collations


def fault(
    name: str, table: DeclaredTable, reference: Reference, tables: Mapping[str, DeclaredTable]
) -> str | None:
    """Return what is wrong with a reference; None if nothing is."""
    refers = f"{name} references {reference.table}"
    parent = tables.get(reference.table)
    if parent is None:
        return f"{refers}, which is not one of the tables: remove the reference, or add the table"
    if len(reference.columns) != len(reference.to):
        return (
            f"{refers} with {len(reference.columns)} in `columns` and {len(reference.to)} in `to`: name as many"
            " in both"
        )
    for own, referenced in zip(reference.columns, reference.to, strict=True):
        if referenced not in parent.columns:
            return (
                f"{refers}.{referenced}, which is not one of its columns: choose from"
                f" {', '.join(parent.columns)}"
            )
        column, other = table.columns[own], parent.columns[referenced]
        if column.type != other.type:
            return (
                f"{refers}.{referenced}, of type {other.type}, by {own}, of type {column.type}: give both the same"
                " type, or remove the reference"
            )
        if column.mirror != other.mirror:
            return (
                f"{refers}.{referenced}, which is `mirror: {other.mirror}`, by {own}, which is"
                f" `mirror: {column.mirror}`: give both the same form, or they can't be joined"
            )
    for each in reference.collation:
        if each not in reference.to:
            return (
                f"{refers} with a collation of {each}, which is not in `to`: choose from"
                f" {', '.join(reference.to)}"
            )
    return None
