"""The judge's sentences about what a command did wrong with a table.

It shares no code with the package. Out of scope: running the commands (own.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from saas_platform.sync import Difference, ProofReport
from saas_platform_tests.judge.expected import Declared, Expected, Misfit, Row
from saas_platform_tests.judge.rules import (
    Right,
    Stops,
    Stored,
    Text,
    is_shown,
    names_literal,
    shortened,
)

#: The number of rows of a table that a report names.
_SAMPLES = 20


def faults_of_stop(wanted: Expected, error: str) -> list[str]:
    name, error = wanted.table.name, shortened(error, most=len(error))
    if shortened(name) not in error:
        return [f"the error of {name} does not name it: {error}"]
    if wanted.stops is Stops.NEVER:
        return [f"{name} stopped, and holds nothing that should stop it: {error}"]
    if wanted.stops is Stops.MAY or (wanted.merged_key and not wanted.misfits):
        return []
    if not any(_is_named(misfit, error) for misfit in wanted.misfits):
        return [f"the error of {name} names no misfit of {why_it_stops(wanted)}: {error}"]
    return []


def _is_named(misfit: Misfit, error: str) -> bool:
    """Return whether the sentence names the column, key and value; personal ones must be masked."""
    if shortened(misfit.column) not in error:
        return False
    if misfit.value is not None and names_literal(error, misfit.value) is misfit.masked:
        return False
    return all(
        shortened(column) in error and _reads(value, error) for column, value in misfit.key.items()
    )


def _reads(value: Stored, sentence: str) -> bool:
    """Return whether the value of a key is in the sentence, as a text or as a literal."""
    if isinstance(value, Text) and value.valid() is not None:
        return shortened(value.decode()) in sentence
    return names_literal(sentence, value)


def faults_of_differences(wanted: Expected, mirror: Counter[Row], report: ProofReport) -> list[str]:
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


def unequal_rows(wanted: Counter[Row], found: Counter[Row]) -> str:
    lacks, has = list((wanted - found).items())[:3], list((found - wanted).items())[:3]
    return f"the mirror lacks {lacks} and has {has}, of {wanted.total()} rows"


def why_it_stops(wanted: Expected) -> str:
    if wanted.misfits:
        first = wanted.misfits[0]
        return f"{first.column} ({first.kind}) holds {first.value!r} at {dict(first.key)}"
    return "two keys that are the same in the mirror"


def verdict_of(proof: ProofReport | None) -> str:
    return "no proof" if proof is None else f"{proof.verdict} {proof.problems} {proof.differences}"
