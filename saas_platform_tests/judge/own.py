"""Run the commands on a user's own database, and judge the mirror by plain `sqlite3` and `duckdb`.

Contains: the commands under test, called through the package's own API, and the judge of what they did, which
shares no code with the package.
Out of scope: how a value must be mirrored (rules.py), and any database.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import sqlalchemy as sa
import yaml

from saas_platform.schema.declared import as_yaml, read_tables
from saas_platform.source.interface import Discovery
from saas_platform.source.sqlite import SqliteDatabase
from saas_platform.sync import (
    Difference,
    ProofReport,
    RepairReport,
    SyncReport,
    repair,
    sync,
    verify,
)
from saas_platform.warehouse.duckdb.warehouse import DuckdbWarehouse
from saas_platform_tests.judge.rules import (
    Normal,
    Right,
    Stops,
    Stored,
    Text,
    cut,
    is_shown,
    mirrored,
    names_literal,
    right,
)

#: A row: a value for each column, as `rules.mirrored` returns them.
Row = tuple[Normal, ...]
#: A function that changes the tables of tables.yaml.
Edit = Callable[[dict[str, Any]], None]
#: The loader of `yaml.safe_load`, in its C version if it is installed.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
#: The number of rows of a table that a report names.
_SAMPLES = 20


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@dataclass(frozen=True)
class Misfit:
    """A value that must stop its table, with the key of its row."""

    column: str
    kind: str
    value: Stored
    masked: bool
    #: The columns of the key that hold no personal data, with their values.
    key: Mapping[str, Stored]


@dataclass(frozen=True)
class Declared:
    """A table in tables.yaml, as plain YAML reads it."""

    name: str
    #: Its name in the source, and those of its columns.
    source: str
    sources: dict[str, str]
    key: tuple[str, ...]
    kinds: dict[str, str]
    nullable: dict[str, bool]
    masked: frozenset[str]


@dataclass
class Expected:
    """The right state of one table at present."""

    table: Declared
    source: list[dict[str, Stored]]
    rights: list[list[Right]]
    misfits: list[Misfit] = field(default_factory=list)

    @cached_property
    def stops(self) -> Stops:
        found = {each.stops for row in self.rights for each in row}
        if self.misfits or self.merged_key:
            return Stops.MUST
        return Stops.MAY if Stops.MAY in found else Stops.NEVER

    @cached_property
    def merged_key(self) -> bool:
        """Whether two keys of the source are the same in the mirror."""
        places = [list(self.table.kinds).index(name) for name in self.table.key]
        keys = Counter(tuple(row[place].value for place in places) for row in self.rights if places)
        return any(count > 1 for count in keys.values())

    @cached_property
    def rows(self) -> Counter[Row] | None:
        """The rows that the mirror must have; None if a value can't be mirrored."""
        if self.stops is Stops.MUST:
            return None
        return Counter(
            tuple(each.value for each in row if each.value is not None) for row in self.rights
        )


class Own:
    """A SQLite file, a tables.yaml and a warehouse in one folder."""

    def __init__(self, folder: Path, sql: str | Iterable[str], edit: Edit | None = None) -> None:
        self.folder = folder
        self.path = folder / "own.db"
        self.file = folder / "tables.yaml"
        self.warehouse = DuckdbWarehouse(folder / "warehouse.duckdb", wait_seconds=2)
        self.source = SqliteDatabase(self.path)
        self._read: tuple[str, Mapping[str, sa.Table]] | None = None
        self._declared: tuple[str, dict[str, Declared]] | None = None
        self.execute(sql)
        self.discovery = self.declare(edit)

    def execute(self, sql: str | Iterable[str]) -> None:
        """Run a script, or single statements, by plain sqlite3."""
        with closing(sqlite3.connect(self.path)) as connection:
            if isinstance(sql, str):
                connection.executescript(sql)
            else:
                for statement in sql:
                    connection.execute(statement)
            connection.commit()

    def fill(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        with closing(sqlite3.connect(self.path)) as connection:
            connection.executemany(statement, rows)
            connection.commit()

    def declare(self, edit: Edit | None = None) -> Discovery:
        """Write tables.yaml as discovery proposes it, then edit it as a person would."""
        found = self.source.discover()
        self.file.write_text(as_yaml(found.tables), encoding="utf-8")
        if edit is not None:
            self.edit(edit)
        return found

    def edit(self, change: Edit) -> None:
        declarations = yaml.load(self.file.read_text(encoding="utf-8"), _Loader)
        change(declarations["tables"])
        self.file.write_text(
            yaml.safe_dump(declarations, sort_keys=False, allow_unicode=True), encoding="utf-8"
        )

    # The commands under test.

    def tables(self) -> Collection[sa.Table]:
        text = self.file.read_text(encoding="utf-8")
        if self._read is None or self._read[0] != text:
            self._read = (text, read_tables(self.file))
        return self._read[1].values()

    # Use one session for all tables, because opening a warehouse takes longer than syncing four rows.

    def sync(self) -> dict[str, SyncReport]:
        with self.warehouse.session():
            found = sync(self.source, self.warehouse, self.tables())
        return {report.table: report for report in found}

    def verify(self, level: Any = "digest") -> dict[str, ProofReport]:
        with self.warehouse.session():
            found = verify(self.source, self.warehouse, self.tables(), level)
        return {report.table: report for report in found}

    def repair(self) -> dict[str, RepairReport]:
        with self.warehouse.session():
            found = repair(self.source, self.warehouse, self.tables())
        return {report.table: report for report in found}

    # What the judge sees.

    def declared(self) -> dict[str, Declared]:
        text = self.file.read_text(encoding="utf-8")
        if self._declared is None or self._declared[0] != text:
            self._declared = (text, _declared(yaml.load(text, _Loader)["tables"]))
        return self._declared[1]

    def expected(self, names: Collection[str] | None = None) -> dict[str, Expected]:
        """Return the right state of each of the declared tables; None means all tables."""
        with closing(sqlite3.connect(self.path)) as connection:
            connection.text_factory = Text
            return {
                name: _expected(connection, table)
                for name, table in self.declared().items()
                if names is None or name in names
            }

    def mirror(self, names: Collection[str] | None = None) -> dict[str, Counter[Row]]:
        """Return the mirror's rows of each of those declared tables that have a mirror; None means all tables."""
        if not self.warehouse.path.exists():
            return {}
        with duckdb.connect(str(self.warehouse.path), read_only=True) as connection:
            present = {
                name
                for (name,) in connection.execute(
                    "SELECT table_name FROM information_schema.tables WHERE table_schema = 'raw'"
                ).fetchall()
            }
            found = {}
            for name, table in self.declared().items():
                if name in present and (names is None or name in names):
                    asked = ", ".join(map(quoted, table.kinds))
                    rows = connection.execute(f"SELECT {asked} FROM raw.{quoted(name)}").fetchall()
                    found[name] = Counter(
                        tuple(map(mirrored, table.kinds.values(), row)) for row in rows
                    )
        return found

    def in_mirror(self, sql: str) -> None:
        """Change the mirror by hand."""
        with duckdb.connect(str(self.warehouse.path)) as connection:
            connection.execute(sql)

    # The judge's verdict.

    def faults_of_sync(
        self, reports: Mapping[str, SyncReport], before: Mapping[str, Counter[Row]]
    ) -> list[str]:
        """Return what a sync did wrong, in sentences. `before` is the mirror before the sync."""
        found = []
        expected, after = self.expected(), self.mirror()
        if reports.keys() != expected.keys():
            found.append(f"the sync reports {sorted(reports)}, but {sorted(expected)} are declared")
        for name, report in reports.items():
            wanted = expected[name]
            if report.error is not None:
                found += _faults_of_stop(wanted, report.error)
                if after.get(name, Counter()) != before.get(name, Counter()):
                    found.append(f"{name} stopped, and its mirror changed all the same")
                continue
            if wanted.stops is Stops.MUST:
                found.append(
                    f"{name} did not stop: {_why_it_stops(wanted)}; {_verdict(report.proof)}"
                )
            elif report.proof is None or not report.proof.proven:
                found.append(f"{name} is not proven: {report.proof}")
            if wanted.rows is not None and after.get(name) != wanted.rows:
                found.append(f"{name}: {_unequal(wanted.rows, after.get(name, Counter()))}")
        return found

    def faults_of_verify(self, reports: Mapping[str, ProofReport]) -> list[str]:
        """Return what a proof reports wrongly about the mirror's present state."""
        found = []
        expected, mirror = self.expected(reports), self.mirror(reports)
        for name, report in reports.items():
            wanted = expected[name]
            equal = wanted.rows is not None and mirror.get(name) == wanted.rows
            if equal and not report.proven:
                # The mirror is equal, but the table may stop.
                if wanted.stops is not Stops.MAY:
                    found.append(
                        f"{name} is equal, verify {report.level} reports {_verdict(report)}"
                    )
            elif not equal and report.proven:
                found.append(f"{name} is not equal, verify {report.level} reports proven")
            elif not equal and name in mirror:
                found += _faults_of_differences(wanted, mirror[name], report)
        return found

    def judged(self) -> list[str]:
        """Sync, then verify at both levels; return everything that is wrong."""
        before = self.mirror()
        reports = self.sync()
        found = self.faults_of_sync(reports, before)
        for level in ("digest", "rows"):
            found += self.faults_of_verify(self.verify(level))
        return found


def _declared(declarations: Mapping[str, Any]) -> dict[str, Declared]:
    return {
        name: Declared(
            name,
            table.get("source", name),
            {column: each.get("source", column) for column, each in table["columns"].items()},
            tuple(table["key"]),
            {column: each["type"] for column, each in table["columns"].items()},
            {
                column: each.get("nullable", True) and column not in table["key"]
                for column, each in table["columns"].items()
            },
            frozenset(c for c, each in table["columns"].items() if each.get("pii")),
        )
        for name, table in declarations.items()
    }


def _expected(connection: sqlite3.Connection, table: Declared) -> Expected:
    asked = ", ".join(map(quoted, table.sources.values()))
    rows = [
        dict(zip(table.kinds, row, strict=True))
        for row in connection.execute(f"SELECT {asked} FROM {quoted(table.source)}")
    ]
    expected = Expected(table, rows, [])
    for row in rows:
        rights = []
        for column, kind in table.kinds.items():
            found = right(kind, table.nullable[column], row[column])
            rights.append(found)
            if found.stops is Stops.MUST:
                key = {name: row[name] for name in table.key if name not in table.masked}
                misfit = Misfit(column, kind, row[column], column in table.masked, key)
                expected.misfits.append(misfit)
        expected.rights.append(rights)
    return expected


def _faults_of_stop(wanted: Expected, error: str) -> list[str]:
    name, error = wanted.table.name, cut(error, most=len(error))
    if cut(name) not in error:
        return [f"the error of {name} does not name it: {error}"]
    if wanted.stops is Stops.NEVER:
        return [f"{name} stopped, and holds nothing that should stop it: {error}"]
    if wanted.stops is Stops.MAY or (wanted.merged_key and not wanted.misfits):
        return []
    if not any(_is_named(misfit, error) for misfit in wanted.misfits):
        return [f"the error of {name} names no misfit of {_why_it_stops(wanted)}: {error}"]
    return []


def _is_named(misfit: Misfit, error: str) -> bool:
    """Return whether the sentence names the column, key and value; personal ones must be masked."""
    if cut(misfit.column) not in error:
        return False
    if misfit.value is not None and names_literal(error, misfit.value) is misfit.masked:
        return False
    return all(
        cut(column) in error and _reads(value, error) for column, value in misfit.key.items()
    )


def _reads(value: Stored, sentence: str) -> bool:
    """Return whether the value of a key is in the sentence, as a text or as a literal."""
    if isinstance(value, Text) and value.valid() is not None:
        return cut(value.decode()) in sentence
    return names_literal(sentence, value)


def _faults_of_differences(
    wanted: Expected, mirror: Counter[Row], report: ProofReport
) -> list[str]:
    """Check that the report of a table that differs names the rows, the columns and the source's values."""
    name, differences = wanted.table.name, report.differences
    if differences is None:
        if report.problems and all(name in problem for problem in report.problems):
            return []
        return [f"verify {report.level} reports that {name} differs, but not where: {report}"]
    if not wanted.table.key or wanted.merged_key:
        return []
    keys = _keyed(wanted)
    theirs = {_key(wanted.table, row): row for row in mirror}
    missing = keys.keys() - theirs.keys()
    extra = theirs.keys() - keys.keys()
    different = {
        key: tuple(
            column
            for column, each, mine in zip(
                wanted.table.kinds, keys[key][1], theirs[key], strict=True
            )
            if each.value != mine
        )
        for key in keys.keys() & theirs.keys()
    }
    different = {key: columns for key, columns in different.items() if columns}
    counted = (differences.missing, differences.extra, differences.different)
    found = []
    if counted != (len(missing), len(extra), len(different)):
        found.append(
            f"{name}: verify {report.level} counts {counted} missing, extra, different rows;"
            f" right is {(len(missing), len(extra), len(different))}"
        )
    if set(differences.columns) != {column for columns in different.values() for column in columns}:
        found.append(f"{name}: verify {report.level} names the columns {differences.columns}")
    if len(differences.samples) != min(sum(counted), _SAMPLES):
        found.append(f"{name}: {len(differences.samples)} samples of {sum(counted)} rows")
    for key, columns in different.items():
        row = keys[key][0]
        like = [
            s for s in differences.samples if s.kind == "different" and _has_key(wanted, s, row)
        ]
        if not like and sum(counted) <= _SAMPLES:
            found.append(
                f"{name}: verify {report.level} does not name the row {row}: {differences}"
            )
        found += [
            each for sample in like for each in _faults_of_sample(wanted, sample, row, columns)
        ]
    return found


def _keyed(wanted: Expected) -> dict[Row, tuple[dict[str, Stored], list[Right]]]:
    """Return the source's rows by their keys. A key that is a misfit equals no key of the mirror."""
    places = [list(wanted.table.kinds).index(name) for name in wanted.table.key]
    return {
        tuple(
            rights[place].value or ("misfit", wanted.table.key[n], row[wanted.table.key[n]])
            for n, place in enumerate(places)
        ): (row, rights)
        for row, rights in zip(wanted.source, wanted.rights, strict=True)
    }


def _key(table: Declared, row: Row) -> Row:
    return tuple(row[list(table.kinds).index(name)] for name in table.key)


def _has_key(wanted: Expected, sample: Difference, row: Mapping[str, Stored]) -> bool:
    return all(
        is_shown(sample.key[name], wanted.table.kinds[name], row[name])
        for name in wanted.table.key
        if name not in wanted.table.masked
    )


def _faults_of_sample(
    wanted: Expected, sample: Difference, row: Mapping[str, Stored], columns: Sequence[str]
) -> list[str]:
    name, table = wanted.table.name, wanted.table
    if tuple(each.column for each in sample.columns) != tuple(columns):
        return [f"{name}: {columns} differ in the row {row}, not {sample.columns}"]
    return [
        f"{name}.{each.column} holds {row[each.column]!r} in the source, the report shows {each.source!r}"
        for each in sample.columns
        if each.column not in table.masked
        and not is_shown(each.source, table.kinds[each.column], row[each.column])
    ]


def _unequal(wanted: Counter[Row], found: Counter[Row]) -> str:
    lacks, has = list((wanted - found).items())[:3], list((found - wanted).items())[:3]
    return f"the mirror lacks {lacks} and has {has}, of {wanted.total()} rows"


def _why_it_stops(wanted: Expected) -> str:
    if wanted.misfits:
        first = wanted.misfits[0]
        return f"{first.column} ({first.kind}) holds {first.value!r} at {dict(first.key)}"
    return "two keys that are the same in the mirror"


def _verdict(proof: ProofReport | None) -> str:
    return "no proof" if proof is None else f"{proof.verdict} {proof.problems} {proof.differences}"
