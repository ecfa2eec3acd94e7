"""Keep tables.yaml in step with the source that it is written from and with the mirrors in the warehouse.

Contains: writing the first file, merging a later discovery into it, and the warnings on tables and mirrors
that the file does not name. Out of scope: looking at a source (source/), merging the text
(schema/merging.py), and printing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from saas_platform.platform import Platform
from saas_platform.schema.arrow import version_of
from saas_platform.schema.declared import (
    Declaration,
    SourcePlace,
    TablesError,
    as_yaml,
    folded_place,
    read_declaration,
    skip_tables,
    type_name,
)
from saas_platform.schema.describing import counted
from saas_platform.schema.merging import merge
from saas_platform.schema.source_names import left_out, pair_names, source_column, source_table
from saas_platform.settings import SettingsError
from saas_platform.source.interface import NO_TABLES, Advice, Discovery, MisfitError, SourceSnapshot
from saas_platform.sync import leftover_sentence, leftovers, unnamed_tables


@dataclass(frozen=True)
class Declared:
    """What a discovery changed in tables.yaml, or would change."""

    #: How many tables the file declares.
    tables: int
    #: Remarks of the discovery on single tables.
    notes: tuple[str, ...]
    #: How the source differs from the existing file; empty for a first file.
    changes: tuple[str, ...]
    #: Columns that the discovery marks as personal, each with the reason.
    marked: tuple[str, ...]
    #: Whether the file was written.
    written: bool
    #: Whether a remark leaves something to decide.
    is_open: bool = False


def declare_tables(platform: Platform, *, sample: bool = False, write: bool = False) -> Declared:
    """Write a first `tables.yaml` from the user's database, or merge what is new into the existing one.

    Args:
        platform: the platform, whose settings name the database and the home of the file.
        sample: look only at the first rows of a table, where a server would have to read all of them.
        write: write the changes into an existing file; a first file is always written.

    Returns:
        What changed, or would change.

    Raises:
        SettingsError: the source is the synthetic company's, or none of its tables can
            be mirrored.
        TablesError: the file is wrong.
    """
    file = platform.home.tables
    if platform.settings.synthetic:
        raise SettingsError(
            "SAAS_SYNTHETIC is true, so the source is the synthetic company's: set it to false, and set"
            " SAAS_SOURCE_URL to your own database."
        )
    found = platform.database.discover(sample=sample)
    if not found.tables and not (found.notes and file.exists()):
        nothing = (
            "None of the source's tables can be mirrored: name another database in SAAS_SOURCE_URL."
        )
        raise SettingsError(" ".join([nothing, *found.notes]) if found.notes else NO_TABLES)
    if file.exists():
        return _merged(platform, file, found, sample=sample, write=write)
    _write(file, as_yaml(found.tables))
    columns = (column for table in found.tables for column in table.columns)
    return Declared(len(found.tables), found.notes, (), _marked(columns), written=True)


def _merged(
    platform: Platform, file: Path, found: Discovery, *, sample: bool, write: bool
) -> Declared:
    declaration = read_declaration(file)
    with platform.database.snapshot() as snapshot:
        present = snapshot.tables()
        views = {
            source_table(table) for table in declaration.tables.values() if snapshot.is_view(table)
        }
        ignore_case = snapshot.names_ignore_case()
        origins = snapshot.origins()
        unfit = set(_unfit(snapshot, declaration, found, sample=sample))
    text = file.read_text(encoding="utf-8")
    merged = merge(text, declaration, found.tables, present, views, unfit, ignore_case, origins)
    if not merged.tables:
        raise TablesError(
            f"Every table that {file} declares is gone from the source, and all others are skipped: name another"
            " database in SAAS_SOURCE_URL, or remove the file and discover again."
        )
    changed = bool(merged.changes) and write
    if changed:
        _write(file, merged.text)
    return Declared(
        len(declaration.tables),
        (*_needed(found, declaration, present), *merged.remarks),
        merged.changes,
        _marked(merged.added),
        written=changed,
        is_open=bool(merged.remarks),
    )


def _unfit(
    snapshot: SourceSnapshot, declaration: Declaration, found: Discovery, *, sample: bool
) -> Iterator[tuple[str, str]]:
    """Yield the columns, by table and name, whose values fit the proposed type, and not the one that the file declares.

    Only those are read for which discovery now proposes another type. After a sample, none is read: what the
    discovery saw decides.
    """
    proposals = {source_table(table): table for table in found.tables}
    for table in declaration.tables.values():
        if source_table(table) not in proposals:
            continue
        proposed = {source_column(each): each for each in proposals[source_table(table)].columns}
        wanted = {str(column.name): source_column(column) for column in table.columns}
        paired = pair_names(wanted, proposed, str.casefold)
        for column in table.columns:
            other = proposed.get(paired.get(str(column.name), ""))
            if other is None or type_name(other) == type_name(column):
                continue
            if sample:
                is_better = bool(other.info.get("by_values"))
            else:
                is_better = not _fits(snapshot, column) and _fits(snapshot, other)
            if is_better:
                yield table.name, column.name


def _fits(snapshot: SourceSnapshot, column: sa.Column[Any]) -> bool:
    """Return whether every value of the column fits the type that the file declares. Reads the whole column."""
    info = {name: said for name, said in column.table.info.items() if name.startswith("source_")}
    alone = sa.Column(column.name, column.type, info=column.info)
    table = sa.Table(column.table.name, sa.MetaData(), alone, info=info)
    try:
        for _ in snapshot.rows(table):
            pass
    except MisfitError:
        return False
    return True


def _needed(
    found: Discovery, declaration: Declaration, present: Collection[SourcePlace]
) -> Iterator[str]:
    """Yield the notes whose advice the file does not follow yet.

    A table of the source that discovery leaves out and that the file does not name would be warned of for ever, so its
    note has the line that skips it.
    """
    known = {folded_place(place) for place in declaration.known}
    unnamed = {place[1]: place for place in present if folded_place(place) not in known}
    skipped = {name.casefold() for _, name in declaration.skipped}
    tables = {source_table(table)[1]: table for table in declaration.tables.values()}

    def is_open(advice: Advice, place: tuple[str, str]) -> bool:
        name, column = place
        if name not in tables:
            return name.casefold() not in skipped
        if column.casefold() in left_out(tables[name]):
            return False
        declared = [
            each
            for each in tables[name].columns
            if source_column(each).casefold() == column.casefold()
        ]
        return not declared or advice.is_needed(declared[0])

    for note in found.notes:
        advice = found.advice.get(note)
        if advice is None or any(is_open(advice, place) for place in advice.columns):
            out = [unnamed[name] for name in advice.tables() if name in unnamed] if advice else []
            skip = f" To skip it: {skip_tables(declaration.skipped, out)}." if out else ""
            yield f"{note}{skip}"


def _write(file: Path, text: str) -> None:
    """Replace the file, but only if the new text can be read. Raises TablesError otherwise."""
    partial = file.with_suffix(".partial")
    ends = "\r\n" if file.exists() and b"\r\n" in file.read_bytes() else "\n"
    partial.write_text(text, encoding="utf-8", newline=ends)
    try:
        read_declaration(partial)
    except TablesError as error:
        raise TablesError(
            f"{file} is not changed, because it could not be read afterwards ({error}): edit it by hand."
        ) from None
    partial.replace(file)


def _marked(columns: Iterable[sa.Column[Any]]) -> tuple[str, ...]:
    return tuple(
        f"{column.table.name}.{column.name}: {column.info['pii']}, because {column.info['pii_why']}"
        for column in columns
        if "pii_why" in column.info
    )


def not_named(platform: Platform) -> tuple[str, ...]:
    """Return a sentence for each table of the user's database that `tables.yaml` does not name."""
    if platform.is_company:
        return ()
    with platform.source.snapshot() as snapshot:
        return unnamed_tables(snapshot, platform.declaration)


def versions_kept_by_hand(platform: Platform) -> tuple[str, ...]:
    """Return a sentence for each version column that the user's own programs maintain, and may get wrong.

    Raises SourceError if the source can't be read.
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
        f" {counted(unversioned, 'row')} without a version {'is' if unversioned == 1 else 'are'} read again by every sync."
        if unversioned
        else ""
    )
    return (
        f"{table.name}.{version} is a version that your own programs maintain, not the database: have them raise"
        " it with every change of a row. A sync misses a change that does not raise it. The next full proof"
        f" finds it (the job full_proof each night, or `saas-platform verify`).{without}"
    )


def left_behind(platform: Platform) -> tuple[str, ...]:
    """Return a sentence for each mirror whose table was removed from `tables.yaml`."""
    if platform.is_company:
        return ()
    found = leftovers(platform.warehouse, platform.tables.values())
    return tuple(map(leftover_sentence, found))


def unnamed_and_left_behind(platform: Platform) -> tuple[str, ...]:
    """Return warnings on tables that tables.yaml does not name, and on mirrors of tables removed from it."""
    return (*not_named(platform), *left_behind(platform))
