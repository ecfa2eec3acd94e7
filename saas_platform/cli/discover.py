"""tables.yaml and what it stands between: the source that it is written from, and the mirrors in raw.

Holds: the first file, the merge of a later discovery into it, and what neither side has a name for. Does not
hold: the looking at a source (source/), the merge of the text (schema/merging.py), or printing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from saas_platform.platform import Platform
from saas_platform.schema.arrow import version_of
from saas_platform.schema.declared import TablesError, as_yaml, read_declaration
from saas_platform.schema.merging import merge
from saas_platform.settings import SettingsError
from saas_platform.source.interface import Discovery
from saas_platform.sync import leftover_sentence, leftovers, unnamed_tables


@dataclass(frozen=True)
class Declared:
    """What a discovery did to tables.yaml, or would do."""

    #: How many tables the file declares.
    tables: int
    #: What discovery has to say of single tables.
    notes: tuple[str, ...]
    #: How the source differs from a file that was there; empty for a first one.
    changes: tuple[str, ...]
    #: Columns that it marks as personal, and why.
    marked: tuple[str, ...]
    written: bool


def declare_tables(platform: Platform, *, sample: bool = False, write: bool = False) -> Declared:
    """Write a first `tables.yaml` from the user's database; merge into one that is there, where `write` says so.

    `sample`: look at the first rows of a table alone, where a server would have to read them all.

    Raises SettingsError where the source is ours to write or has no tables, TablesError for a file that is
    wrong.
    """
    file = platform.home.tables
    if platform.settings.synthetic:
        raise SettingsError(
            "SAAS_SYNTHETIC is true, so that the source is the synthetic company's: set it to false,"
            " and SAAS_SOURCE_URL to your own database."
        )
    found = platform.database.discover(sample=sample)
    if not found.tables:
        nothing = "The source has no tables: name another database in SAAS_SOURCE_URL."
        raise SettingsError(" ".join([nothing, *found.notes]))
    if file.exists():
        return _merged(platform, file, found, write=write)
    _write(file, as_yaml(found.tables))
    columns = (column for table in found.tables for column in table.columns)
    return Declared(len(found.tables), found.notes, (), _marked(columns), written=True)


def _merged(platform: Platform, file: Path, found: Discovery, *, write: bool) -> Declared:
    declaration = read_declaration(file)
    with platform.database.snapshot() as snapshot:
        present = snapshot.tables()
    merged = merge(file.read_text(encoding="utf-8"), declaration, found.tables, present)
    changed = bool(merged.changes) and write
    if changed:
        _write(file, merged.text)
    return Declared(
        len(declaration.tables), found.notes, merged.changes, _marked(merged.added), written=changed
    )


def _write(file: Path, text: str) -> None:
    """Put the file in its place only where it can be read. Raises TablesError."""
    partial = file.with_suffix(".partial")
    partial.write_text(text, encoding="utf-8")
    try:
        read_declaration(partial)
    except TablesError as error:
        raise TablesError(
            f"{file} is not changed, as it could not be read after that ({error}): edit it by hand."
        ) from None
    partial.replace(file)


def _marked(columns: Iterable[sa.Column[Any]]) -> tuple[str, ...]:
    return tuple(
        f"{column.table.name}.{column.name}: {column.info['pii']}, as {column.info['pii_why']}"
        for column in columns
        if "pii_why" in column.info
    )


def not_named(platform: Platform) -> tuple[str, ...]:
    """A sentence for each table of the user's database that `tables.yaml` does not name."""
    if platform.is_company:
        return ()
    with platform.source.snapshot() as snapshot:
        return unnamed_tables(snapshot, platform.declaration)


def versions_kept_by_hand(platform: Platform) -> tuple[str, ...]:
    """A sentence for each declared version that the database does not keep itself, and so may be wrong.

    Raises SourceError where the source can't be read.
    """
    if platform.is_company:
        return ()
    with platform.source.snapshot() as snapshot:
        return tuple(
            _version_sentence(table, version, snapshot.unversioned(table))
            for table in platform.tables.values()
            if (version := version_of(table)) is not None
            and table.columns[version].info.get("declared", "").casefold() != "rowversion"
        )


def _version_sentence(table: sa.Table, version: str, unversioned: int) -> str:
    without = (
        f"; {unversioned:,} rows have none now, and are read at every sync" if unversioned else ""
    )
    return (
        f"{table.name}.{version} is a version that your own programs keep, not the database{without}: a change"
        " that does not raise it is found by the digests of the next full proof (the job full_proof, each"
        " night, or `saas-platform verify`), not by the sync before it."
    )


def left_behind(platform: Platform) -> tuple[str, ...]:
    """A sentence for each mirror whose table was taken out of `tables.yaml`."""
    if platform.is_company:
        return ()
    found = leftovers(platform.warehouse, platform.tables.values())
    return tuple(map(leftover_sentence, found))
