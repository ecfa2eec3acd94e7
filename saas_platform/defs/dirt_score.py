"""Score how much of the dirt (errors injected by SAAS_DIRT) the source's intake and the contracts found.

Only this module and the evaluation of the churn model read what the simulator keeps to itself.
"""

from collections.abc import Iterator, Sequence

import dagster as dg

from saas_platform.contracts import offenders
from saas_platform.contracts.score import FOUND_BY_RULE, KindScore, Spot, score
from saas_platform.defs.failures import raise_failures
from saas_platform.defs.raw import GROUP as RAW
from saas_platform.defs.resources import SourceDatabase, TruthFiles
from saas_platform.defs.synthetic import PLANTED, TRUTH
from saas_platform.defs.timing import WorkTimer
from saas_platform.defs.warehouse import WarehouseResource
from saas_platform.schema import TABLES
from saas_platform.source.interface import WritableSource
from saas_platform.storage.frames import FrameStore
from saas_platform.warehouse.interface import Warehouse

DIRT_FOUND = "dirt_found"


def dirt_score() -> dg.AssetChecksDefinition:
    """Return a check on the truth. It runs after raw has been synced with the source."""

    @dg.asset_check(
        name=DIRT_FOUND,
        asset=TRUTH,
        pool="source",
        additional_deps=[[RAW, name] for name in TABLES],
        description="The intake of the source and the contracts of raw found all of the injected"
        " dirt and reported nothing else.",
    )
    def dirt_found(
        source: SourceDatabase,
        warehouse: WarehouseResource,
        truth: TruthFiles,
        work: dg.ResourceParam[WorkTimer],
    ) -> dg.AssetCheckResult:
        with work.measure(RAW) as measured, raise_failures():
            database, into = source.owned(), warehouse.open()
            with into.session():
                if not all(into.table_exists(RAW, name) for name in TABLES):
                    return _nothing_yet()
                scores = score(_planted(truth.open(), database), _found(into, database))
        return _result(scores, measured.seconds)

    return dirt_found


def _planted(truth: FrameStore, source: WritableSource) -> Iterator[Spot]:
    """Yield the injected errors of the months that the source has."""
    applied = {str(month) for month in source.applied_months()}
    for row in truth.read(PLANTED).to_pylist():
        if row["month"] in applied:
            yield Spot(row["kind"], row["table"], row["key"], row["column"])


def _found(warehouse: Warehouse, source: WritableSource) -> Iterator[Spot]:
    """Yield what the intake and the contracts found."""
    for row in source.intake_log().to_pylist():
        yield Spot(row["finding"], row["table_name"], row["row_key"])
    for table in TABLES.values():
        for rule, (key,) in offenders(warehouse, table):
            kind = FOUND_BY_RULE.get(rule.kind, rule.kind)
            # A rule on a single column marks the cell. Any other rule marks the row.
            yield Spot(kind, table.name, key, rule.columns[0] if len(rule.columns) == 1 else None)


def _nothing_yet() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=True,
        severity=dg.AssetCheckSeverity.WARN,
        description="Raw is not filled yet, so there is nothing to score.",
    )


def _result(scores: Sequence[KindScore], seconds: float) -> dg.AssetCheckResult:
    planted = sum(each.planted for each in scores)
    found = sum(each.found for each in scores)
    alarms = sum(each.false_alarms for each in scores)
    other = f"{alarms:,} false alarms" if alarms else "no false alarm"
    summary = (
        f"{found:,} of {planted:,} injected errors found" if planted else "No error was injected"
    )
    return dg.AssetCheckResult(
        passed=found == planted and not alarms,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{summary}; {other}.",
        metadata={
            "planted": planted,
            "found": found,
            "false_alarms": alarms,
            "found_share": {each.kind: round(each.share, 6) for each in scores},
            "score": dg.MetadataValue.md(_markdown(scores)),
            "seconds": round(seconds, 3),
        },
    )


def _markdown(scores: Sequence[KindScore]) -> str:
    lines = ["| kind | injected | found | share | false alarms |", "|--|--|--|--|--|"]
    lines += [
        f"| {s.kind} | {s.planted} | {s.found} | {s.share:.4f} | {s.false_alarms} |" for s in scores
    ]
    return "\n".join(lines)
