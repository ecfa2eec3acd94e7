"""Discover the tables of any SQL Server database from its catalogue, which states every type.

The catalogue answers nearly everything. The rows of a table are scanned only for NULLs in a key, at most
once. Out of scope: what is proposed from what it finds (source/discovery.py).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from saas_platform.schema.collations import Fact, collation
from saas_platform.schema.source_names import source_column
from saas_platform.source.cursor import Cursor
from saas_platform.source.discovery import Seen, SeenReference, SeenTable, SeenUnique, propose
from saas_platform.source.interface import Discovery, SourceColumn, SourceError
from saas_platform.source.mssql import catalogue, catalogue_types
from saas_platform.source.mssql.address import EVERY_SCHEMA, Address
from saas_platform.source.mssql.connection import scalar
from saas_platform.source.mssql.errors import cursor_errors, to_user_error
from saas_platform.source.mssql.features import Features, rows
from saas_platform.source.mssql.profiling import TableLocation, TableRows
from saas_platform.source.mssql.special import Special, find_special

#: How many digits of a hash make names differ.
_DIGITS = 6


def schemas_to_read(cursor: Cursor, address: Address) -> list[str]:
    """Return the schemas of the URL as the catalogue spells them, or else that of the login.

    `*` means all schemas, of which that of the login comes first.

    Raises:
        SourceError: the database does not have one of the schemas.
    """
    own = str(scalar(cursor, "SELECT SCHEMA_NAME()"))
    if EVERY_SCHEMA in address.schemas:
        # The login's schema is included even if empty, because tables without a schema are sought there.
        return [own, *(name for name in catalogue.schemas(cursor) if name != own)]
    found: dict[str, None] = {}
    for name in address.schemas or [own]:
        schema = catalogue.spelt(cursor, name)
        if schema is None:
            there = (
                ", ".join(catalogue.schemas(cursor)) or "none with a table that this login can see"
            )
            raise SourceError(
                f"{address.label} has no schema {name}: name another by ?schema= in SAAS_SOURCE_URL"
                f" ({there})."
            )
        # A schema that is named twice, even in different case, counts once.
        found[schema] = None
    return list(found)


def discover(
    cursor: Cursor,
    address: Address,
    able: Features,
    schemas: Sequence[str],
    *,
    sample: bool = False,
    left_out: Collection[str] = (),
) -> Discovery:
    """Return the tables of the schemas with a proposal for each, and notes about them.

    Args:
        cursor: a cursor of the source.
        address: the address of the source.
        able: the features of the server.
        schemas: the schemas to read; the tables of the first one keep their names.
        sample: whether only the first rows of a table are read.
        left_out: the tables of the first schema that are the platform's own.
    """
    locations, notes = _locations(cursor, schemas, left_out)
    examiner = _Examiner(
        cursor, address, able, find_special(lambda sql: rows(cursor, sql)), sample, notes
    )
    seen = {}
    for location in locations:
        try:
            seen[location] = examiner.seen(location, locations)
        except SourceError as error:
            notes.append(f"{error} {location.mirror} is left out.")
        except cursor_errors() as error:
            reason = to_user_error(address, error, location.mirror, location.full_name)
            notes.append(f"{reason} {location.mirror} is left out.")
    tables, unlike = propose(found for found, _ in seen.values())
    notes += unlike
    for table, (location, (_, collations)) in zip(tables, seen.items(), strict=True):
        _mark(table, location, schemas[0], collations)
        number = examiner.number(location)
        notes += _kept_back(address, able, table, number)
        notes += examiner.special.notes(table, number)
    return Discovery(tuple(tables), tuple(notes))


def _locations(
    cursor: Cursor, schemas: Sequence[str], left_out: Collection[str]
) -> tuple[list[TableLocation], list[str]]:
    """Return the tables, and notes about names that a warehouse can't tell apart."""
    first, *others = schemas
    own = [name for name in catalogue.tables(cursor, first) if name not in left_out]
    locations = [TableLocation(first, name, name) for name in own]
    taken = {name.casefold() for name in own}
    for schema in others:
        for name in catalogue.tables(cursor, schema):
            mirror = mirror_name(schema, name, taken)
            taken.add(mirror.casefold())
            locations.append(TableLocation(schema, name, mirror))
    same = Counter(location.mirror.casefold() for location in locations)
    notes = [
        f"{location.full_name} has a name that differs from another table's only in case, which a warehouse"
        " does not distinguish: its mirror gets another name."
        for location in locations
        if same[location.mirror.casefold()] > 1
    ]
    return locations, notes


def mirror_name(schema: str, name: str, taken: Collection[str]) -> str:
    """Return the name of the mirror of a table in a further schema; `taken` has names in lower case.

    >>> mirror_name("sales", "orders", set()), mirror_name("sales", "orders", {"sales__orders"})
    ('sales__orders', 'sales__orders_9070a8')
    """
    plain = f"{schema}__{name}"
    if plain.casefold() not in taken:
        return plain
    return f"{plain}_{hashlib.sha256(f'{schema}.{name}'.encode()).hexdigest()[:_DIGITS]}"


@dataclass(frozen=True)
class _Examiner:
    """Examines one table after the other, and adds notes about them."""

    cursor: Cursor
    address: Address
    able: Features
    special: Special
    sample: bool
    notes: list[str]

    def number(self, location: TableLocation) -> int | None:
        """Return the table's object id; None if no table is special or protected, so that it is not needed."""
        if not self.able.protection and not self.special:
            return None
        return catalogue.object_id(self.cursor, location.schema, location.name)

    def seen(
        self, location: TableLocation, locations: list[TableLocation]
    ) -> tuple[SeenTable, dict[str, str]]:
        """Return the table and the collations of its columns. Raises SourceError if it can't be mirrored."""
        cursor, full_name, number = self.cursor, location.full_name, self.number(location)
        reason = self.special.unsupported_reason(location.mirror, number)
        if reason is not None:
            raise SourceError(reason)
        columns = catalogue.columns(cursor, full_name, internal=not self.able.internal_columns)
        reason = why_not(location.mirror, full_name, columns)
        if reason is not None:
            raise SourceError(reason)
        order = [column.name for column in columns]
        unique = [
            sorted(key, key=order.index)
            for key in catalogue.keys(cursor, full_name)
            if key.issubset(order)
        ]
        key = catalogue.primary_key(cursor, full_name)
        protected = set(self.able.protection.columns(number))
        stored = TableRows(cursor, location, columns, self.notes)
        kept = stored.unreadable(self.address, protected)
        nulls: set[str] = set()
        if not key:
            nulls = stored.with_null(unique, kept, sample=self.sample)
        in_key = set(key) or next(({*names} for names in unique if not nulls & {*names}), set())
        texts = stored.samples(kept)
        mirrors = {(each.schema, each.name): each.mirror for each in locations}
        found = SeenTable(
            location.mirror,
            {
                column.name: Seen(
                    column.type,
                    catalogue_types.portable(column.type, in_key=column.name in in_key),
                    nullable=column.nullable,
                    has_null=column.name in nulls,
                    is_version=column.type == "rowversion",
                    sample=texts.get(column.name, ()),
                )
                for column in columns
            },
            key=key,
            candidates=unique,
            unique=[SeenUnique(names) for names in unique],
            references=[
                SeenReference(own, mirrors[parent], referenced)
                for own, parent, referenced in catalogue.foreign_keys(cursor, full_name)
                if parent in mirrors
            ],
            rows=_rows(cursor, location, is_external=number in self.special.external),
        )
        return found, catalogue.collations(cursor, full_name)


def why_not(name: str, full_name: str, columns: Sequence[SourceColumn]) -> str | None:
    """Return why a table can't be mirrored if the catalogue shows it without columns or types; else None."""
    if not columns:
        return (
            f"{name} shows no columns to this login: have an administrator GRANT SELECT, VIEW DEFINITION ON"
            f" {full_name} to it."
        )
    for column in columns:
        if not catalogue_types.base_type(column.type):
            return f"{name}.{column.name} has a type that the catalogue does not name: grant VIEW DEFINITION on it."
    return None


def _rows(cursor: Cursor, location: TableLocation, *, is_external: bool) -> int:
    """Return the row count that the storage keeps. If it keeps none, or 0, count the rows.

    A 0 may be an outdated estimate. The rows of an external table are not counted, because all of them would
    have to be transferred.
    """
    if is_external:
        return 0
    try:
        kept = catalogue.row_count(cursor, location.full_name)
    except cursor_errors():  # some servers have no such view
        kept = None
    return kept or int(scalar(cursor, f"SELECT COUNT_BIG(*) FROM {location.full_name}"))


def _mark(table: sa.Table, location: TableLocation, first: str, collations: dict[str, str]) -> None:
    """Record names in the source and collations in `info`, because SQLAlchemy has no attributes for them."""
    if location.schema != first:
        table.info["source_schema"] = location.schema
    # The proposal assumed that the mirror and the source's table have one name. That is wrong in other schemas.
    table.info.pop("source_name", None)
    if table.name != location.name:
        table.info["source_name"] = location.name
    for column in table.columns:
        own = collations.get(source_column(column))
        if own is not None and isinstance(column.type, sa.String):
            column.info["collation"] = shared_collation(own)


def shared_collation(name: str) -> str:
    """Return a collation of SQL Server as `schema.collations` names it. None of them counts trailing blanks.

    >>> shared_collation("SQL_Latin1_General_CP1_CI_AS"), shared_collation("Latin1_General_BIN2")
    ('NOCASE_RTRIM', 'RTRIM')
    """
    found: list[Fact] = ["RTRIM"]
    parts = name.upper().split("_")
    if "CI" in parts:
        found.append("NOCASE")
    if "AI" in parts:
        found.append("NOACCENT")
    return collation(found)


def _kept_back(address: Address, able: Features, table: sa.Table, number: int | None) -> list[str]:
    """Return what the server hides of the table from this login, in sentences."""
    if not able.protection:
        return []
    notes = [f"{table.name}.{name} {why}." for name, why in able.protection.columns(number).items()]
    rest = sa.Table(table.name, sa.MetaData())
    policy = (
        able.protection.note(rest, number)
        if address.rows_as_seen
        else able.protection.unsupported_reason(rest, number, visible=False)
    )
    return [*notes, *([] if policy is None else [policy])]
