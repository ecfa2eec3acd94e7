"""What the tables of any SQL Server database are, by its catalogue, which binds every type.

The catalogue answers nearly all; the rows of a table are looked at for the NULLs of a key alone, at most
once. Does not hold: what is proposed from it (source/discovery.py).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from saas_platform.schema.collations import Fact, collation
from saas_platform.schema.source_names import source_column
from saas_platform.source.discovery import Seen, SeenReference, SeenTable, propose
from saas_platform.source.interface import Discovery, SourceColumn, SourceError
from saas_platform.source.mssql import catalogue, kinds
from saas_platform.source.mssql.address import EVERY_SCHEMA, Address
from saas_platform.source.mssql.connection import scalar
from saas_platform.source.mssql.errors import cursor_errors, in_words
from saas_platform.source.mssql.features import Features
from saas_platform.source.mssql.sql import literal, qualified, quoted
from saas_platform.source.personal import SAMPLE

#: Rows that `sample` looks at.
SAMPLE_ROWS = 100_000
#: No personal datum that has a form of its own is longer.
_SAMPLE_CHARACTERS = 200
#: Names differ from each other by so many digits of a hash.
_DIGITS = 6


@dataclass(frozen=True)
class _Place:
    """A table in the source, and its name in the mirror."""

    schema: str
    name: str
    mirror: str

    @property
    def full_name(self) -> str:
        return qualified(self.schema, self.name)


def schemas_to_read(cursor: Any, address: Address) -> list[str]:
    """The schemas of the URL, else the login's own; of `*` all, the login's own first.

    Raises SourceError where the database has one of them not.
    """
    own = str(scalar(cursor, "SELECT SCHEMA_NAME()"))
    if EVERY_SCHEMA in address.schemas:
        # The login's own even where it is empty: tables that name no schema are looked for there.
        return [own, *(name for name in catalogue.schemas(cursor) if name != own)]
    wanted = address.schemas or [own]
    for name in wanted:
        if scalar(cursor, f"SELECT SCHEMA_ID({literal(name)})") is None:
            there = ", ".join(catalogue.schemas(cursor)) or "none with a table that this login sees"
            raise SourceError(
                f"{address.label} has no schema {name}: name another by ?schema= in SAAS_SOURCE_URL"
                f" ({there})."
            )
    return wanted


def discover(
    cursor: Any,
    address: Address,
    able: Features,
    schemas: Sequence[str],
    *,
    sample: bool = False,
    left_out: Collection[str] = (),
) -> Discovery:
    """The tables of the schemas, with what is proposed for each, and what is to be said of them.

    The tables of the first schema keep their names. `sample`: no more than the first rows of a table are
    looked at. `left_out`: tables of the first schema that are the platform's own.
    """
    places, notes = _places(cursor, schemas, left_out)
    seen = {}
    for place in places:
        try:
            seen[place] = _seen(cursor, place, places, sample, notes)
        except SourceError as error:
            notes.append(f"{error} {place.mirror} is left out.")
        except cursor_errors() as error:
            said = in_words(address, error, place.mirror, place.full_name)
            notes.append(f"{said} {place.mirror} is left out.")
    tables = propose(found for found, _ in seen.values())
    for table, (place, (_, collations)) in zip(tables, seen.items(), strict=True):
        _mark(table, place, schemas[0], collations)
        notes += _kept_back(cursor, address, able, table, place)
    return Discovery(tuple(tables), tuple(notes))


def _places(
    cursor: Any, schemas: Sequence[str], left_out: Collection[str]
) -> tuple[list[_Place], list[str]]:
    """The tables, and what is to be said of their names."""
    first, *others = schemas
    own = [name for name in catalogue.tables(cursor, first) if name not in left_out]
    places = [_Place(first, name, name) for name in own]
    taken = {name.casefold() for name in own}
    for schema in others:
        for name in catalogue.tables(cursor, schema):
            mirror = mirror_name(schema, name, taken)
            taken.add(mirror.casefold())
            places.append(_Place(schema, name, mirror))
    same = Counter(place.mirror.casefold() for place in places)
    notes = [
        f"{place.full_name} has a name that differs from another table's by case alone, which a warehouse"
        " takes for the same: in the mirror it has another one."
        for place in places
        if same[place.mirror.casefold()] > 1
    ]
    return places, notes


def mirror_name(schema: str, name: str, taken: Collection[str]) -> str:
    """The mirror's name of a table of a further schema; `taken` has names in small letters.

    >>> mirror_name("sales", "orders", set()), mirror_name("sales", "orders", {"sales__orders"})
    ('sales__orders', 'sales__orders_9070a8')
    """
    plain = f"{schema}__{name}"
    if plain.casefold() not in taken:
        return plain
    return f"{plain}_{hashlib.sha256(f'{schema}.{name}'.encode()).hexdigest()[:_DIGITS]}"


def _seen(
    cursor: Any, place: _Place, places: list[_Place], sample: bool, notes: list[str]
) -> tuple[SeenTable, dict[str, str]]:
    """The table, and the collations of its columns."""
    columns = catalogue.columns(cursor, place.full_name)
    if not columns:
        raise SourceError(
            f"{place.mirror} shows no columns to this login: have an administrator GRANT SELECT, VIEW"
            f" DEFINITION ON {place.full_name} to it."
        )
    order = [column.name for column in columns]
    unique = [sorted(key, key=order.index) for key in catalogue.keys(cursor, place.full_name)]
    key = catalogue.primary_key(cursor, place.full_name)
    with_null = set() if key else _with_null(cursor, place, columns, unique, sample, notes)
    in_key = set(key) or next(({*names} for names in unique if not with_null & {*names}), set())
    samples = _samples(cursor, place, columns, notes)
    mirrors = {(each.schema, each.name): each.mirror for each in places}
    found = SeenTable(
        place.mirror,
        {
            column.name: Seen(
                column.type,
                portable(place.mirror, column.name, column.type, in_key=column.name in in_key),
                nullable=column.nullable,
                has_null=column.name in with_null,
                is_version=column.type == "rowversion",
                sample=samples.get(column.name, ()),
            )
            for column in columns
        },
        key=key,
        candidates=unique,
        unique=unique,
        references=[
            SeenReference(mine, mirrors[parent], theirs)
            for mine, parent, theirs in catalogue.foreign_keys(cursor, place.full_name)
            if parent in mirrors
        ],
        rows=_rows(cursor, place),
    )
    return found, catalogue.collations(cursor, place.full_name)


def portable(
    table: str, column: str, declared: str, *, in_key: bool = False
) -> sa.types.TypeEngine[Any]:
    """The type in which the values travel. Raises SourceError for a type that has no name here."""
    if not kinds.base_type(declared):
        raise SourceError(
            f"{table}.{column} has a type that the catalogue does not name: grant VIEW DEFINITION on it."
        )
    return kinds.portable(declared, in_key=in_key)


def _rows(cursor: Any, place: _Place) -> int:
    """By what the storage keeps; counted where it keeps nothing, or none, which may be an old estimate."""
    try:
        kept = catalogue.row_count(cursor, place.full_name)
    except cursor_errors():  # some servers have no such view
        kept = None
    return kept or int(scalar(cursor, f"SELECT COUNT_BIG(*) FROM {place.full_name}"))


def _with_null(
    cursor: Any,
    place: _Place,
    columns: Sequence[SourceColumn],
    unique: Sequence[Sequence[str]],
    sample: bool,
    notes: list[str],
) -> set[str]:
    """Of the columns that could be a key but may be NULL, those that are; by one look at the table.

    None is needed where a unique set has no column that may be NULL.
    """
    nullable = {column.name for column in columns if column.nullable}
    if not unique or any(not nullable & {*names} for names in unique):
        return {name for names in unique for name in names if name in nullable}
    asked = [c.name for c in columns if c.name in nullable & {n for names in unique for n in names}]
    cursor.execute(nulls_query(place.full_name, asked, sample))
    found = cursor.fetchone()
    extent = f"its first {SAMPLE_ROWS:,} rows were" if sample else "it was"
    notes.append(
        f"{place.mirror} has no primary key, so that {extent} read once for NULL in"
        f" {', '.join(asked)}, of its unique columns."
    )
    return {name for name, is_there in zip(asked, found, strict=True) if is_there}


def _samples(
    cursor: Any, place: _Place, columns: Sequence[SourceColumn], notes: list[str]
) -> dict[str, list[Any]]:
    """Some short texts of each column that has any, by which personal data is found."""
    texts = [c.name for c in columns if kinds.base_type(c.type) in kinds.TEXTS]
    if not texts:
        return {}
    # Longer ones are left out, not cut, which could part a surrogate pair.
    values = ", ".join(
        f"CASE WHEN LEN(CONVERT(NVARCHAR(MAX), {quoted(name)})) <= {_SAMPLE_CHARACTERS}"
        f" THEN CONVERT(NVARCHAR(4000), {quoted(name)}) END AS c{number}"
        for number, name in enumerate(texts)
    )
    try:
        rows = cursor.execute(f"SELECT TOP {SAMPLE} {values} FROM {place.full_name}").fetchall()
    except UnicodeDecodeError:
        notes.append(
            f"{place.mirror} holds a text that is no UTF-16, which its sync will stop at: personal data was"
            " looked for by the names of its columns alone."
        )
        return {}
    return {name: [row[n] for row in rows if row[n] is not None] for n, name in enumerate(texts)}


def nulls_query(full_name: str, names: Sequence[str], sample: bool) -> str:
    """For each column whether it is NULL in a row: one scan."""
    asked = ", ".join(
        f"MAX(CASE WHEN r.{quoted(name)} IS NULL THEN 1 ELSE 0 END) AS c{place}"
        for place, name in enumerate(names)
    )
    rows = full_name
    if sample:
        listed = ", ".join(map(quoted, names))
        rows = f"(SELECT TOP {SAMPLE_ROWS} {listed} FROM {full_name})"
    return f"SELECT {asked} FROM {rows} r"


def _mark(table: sa.Table, place: _Place, first: str, collations: dict[str, str]) -> None:
    """What SQLAlchemy has no word for."""
    if place.schema != first:
        table.info["source_schema"] = place.schema
    # What was proposed for is the name in `place`, which is no name of the source for a further schema.
    table.info.pop("source_name", None)
    if table.name != place.name:
        table.info["source_name"] = place.name
    for column in table.columns:
        own = collations.get(source_column(column))
        if own is not None and isinstance(column.type, sa.String):
            column.info["collation"] = shared_collation(own)


def shared_collation(name: str) -> str:
    """A collation of SQL Server in the words of `schema.collations`; blanks at the end count in none.

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


def _kept_back(
    cursor: Any, address: Address, able: Features, table: sa.Table, place: _Place
) -> list[str]:
    """What the server keeps of the table from this login, in sentences."""
    if not able.protection:
        return []
    number = catalogue.object_id(cursor, place.schema, place.name)
    notes = [f"{table.name}.{name} {why}." for name, why in able.protection.columns(number).items()]
    rest = sa.Table(table.name, sa.MetaData())
    policy = (
        able.protection.note(rest, number)
        if address.rows_as_seen
        else able.protection.objection(rest, number, visible=False)
    )
    return [*notes, *([] if policy is None else [policy])]
