"""Repair: the job that copies again just what differs, and the sensor that asks for it, a few times.

What differs, and how often mending it was tried, is read from the warehouse's log of proofs.
"""

import json

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import (
    UnresolvedAssetJobDefinition,
)
from pydantic import Field

from saas_platform.defs.failures import told
from saas_platform.defs.names import Tables
from saas_platform.defs.partitions import key_of
from saas_platform.defs.proofs import EVERY_SLICE
from saas_platform.defs.raw import EQUALS_SOURCE, GROUP
from saas_platform.errors import PlatformError
from saas_platform.platform import Platform
from saas_platform.refresh.layers import stale_layers
from saas_platform.sync import Finding, RepairReport, open_findings, repair
from saas_platform.sync.findings import MOST_TRIES
from saas_platform.sync.report import mended, sentences

REPAIR = "repair"
STEP = "copy_what_differs"


class RepairConfig(dg.Config):
    """Which tables to repair; all where none is named."""

    tables: list[str] = Field(default_factory=list)


def repair_job(named: Tables) -> dg.JobDefinition:
    """The job; what it finds is told in the checks of raw, which turn green with the mirror."""
    tables = {table.name: table for table in named.values()}
    assets = {table.name: name for name, table in named.items()}

    @dg.op(
        name=STEP,
        description="Proves every slice of the tables, copies again the rows that differ, and"
        " proves every slice again.",
        pool="source",
    )
    def copy_what_differs(
        context: dg.OpExecutionContext,
        config: RepairConfig,
        platform: dg.ResourceParam[Platform],
    ) -> None:
        unknown = [name for name in config.tables if name not in tables]
        if unknown:
            raise dg.Failure(
                f"{', '.join(unknown)} is no table of the source: the tables are"
                f" {', '.join(tables)}.",
                allow_retries=False,
            )
        wanted = [tables[name] for name in config.tables or tables]
        with told():
            reports = repair(platform.source, platform.warehouse, wanted)
            findings = open_findings(platform.warehouse, wanted)
        said = {report.table: _says(report, findings.get(report.table)) for report in reports}
        for report in reports:
            context.log.info(said[report.table])
            for check in (EVERY_SLICE, EQUALS_SOURCE):
                # Not of this run's plan, in which an evaluation would have to be announced.
                context.instance.report_runless_asset_event(
                    _evaluation(report, assets[report.table], check, said[report.table])
                )
        context.add_output_metadata(
            {
                "tables": len(reports),
                "rows_copied": sum(report.rows_written for report in reports),
                "rows_removed": sum(report.rows_deleted for report in reports),
                "slices_mended": sum(len(report.slices) for report in reports),
                "mended": dg.MetadataValue.md(_markdown(reports)),
            }
        )
        failed = [said[report.table] for report in reports if not report.succeeded]
        if failed:
            raise dg.Failure(" ".join(failed), allow_retries=False)

    @dg.job(
        name=REPAIR,
        description="Copies again just what differs from the source, and proves every slice.",
        executor_def=dg.in_process_executor,
    )
    def job() -> None:
        copy_what_differs()

    return job


def _says(report: RepairReport, finding: Finding | None) -> str:
    """What was mended, what the proof says, and whether it is tried again."""
    proof = sentences(report.proof) if report.proof else [report.error or "There was no proof."]
    standing = [] if report.succeeded or finding is None else [finding.says]
    return " ".join([mended(report), *proof, *report.warnings, *standing])


def _evaluation(report: RepairReport, asset: str, check: str, says: str) -> dg.AssetCheckEvaluation:
    proof = report.proof
    return dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey([GROUP, asset]),
        check_name=check,
        passed=report.succeeded,
        description=says,
        blocking=check == EQUALS_SOURCE,
        metadata={
            "rows_copied": report.rows_written,
            "rows_removed": report.rows_deleted,
            "slices_mended": list(report.slices),
            "rows_source": proof.rows_source if proof else 0,
            "rows_mirror": proof.rows_mirror if proof else 0,
            "slices_checked": proof.slices_checked if proof else 0,
            "digest": (proof.digest if proof else None) or "none",
            "seconds": round(report.seconds, 3),
        },
    )


def _markdown(reports: list[RepairReport]) -> str:
    lines = ["| table | copied | removed | slices | proof |", "|--|--|--|--|--|"]
    lines += [
        f"| {r.table} | {r.rows_written} | {r.rows_deleted} | {len(r.slices)}"
        f" | {r.proof.verdict if r.proof else 'none'} |"
        for r in reports
    ]
    return "\n".join(lines)


def failed_proofs_sensor(
    tables: Tables,
    repairing: dg.JobDefinition,
    refreshing: UnresolvedAssetJobDefinition,
) -> dg.SensorDefinition:
    """Asks for a repair of each table that differs by its proofs, and then for what is built from it.

    The cursor has the repair that was last requested for each table: one that failed without a word in
    the log of proofs is a person's to rerun.
    """

    @dg.sensor(
        name="failed_proofs",
        jobs=[repairing, refreshing],
        minimum_interval_seconds=60,
        description="Reads the warehouse's log of proofs, and repairs what differs: at most"
        f" {MOST_TRIES} times, then it is told and left alone. What was built from the damaged rows is"
        " refreshed after that.",
    )
    def failed_proofs(
        context: dg.SensorEvaluationContext, platform: dg.ResourceParam[Platform]
    ) -> dg.SensorResult:
        asked: dict[str, str] = json.loads(context.cursor or "{}")
        try:
            findings = open_findings(platform.warehouse, tables.values())
            done = sorted(name for name in asked if name not in findings)
            rebuild = bool(done) and platform.is_company and bool(stale_layers(platform))
        except PlatformError as error:
            return dg.SensorResult(skip_reason=str(error))
        says, requests = [], []
        for name, finding in findings.items():
            key = f"{finding.proof_id}/{finding.tries + 1}"
            if finding.given_up:
                says.append(finding.says)
            elif asked.get(name) == key:
                says.append(
                    f"{finding.says} Try {finding.tries + 1} was requested already; if its run"
                    " failed, rerun it."
                )
            else:
                asked[name] = key
                requests.append(_repair_of(finding, key))
        if rebuild:
            requests.append(
                dg.RunRequest(
                    job_name=refreshing.name,
                    run_key="/".join(["rebuild", *(asked[name] for name in done)]),
                    partition_key=key_of(platform.settings.last_month),
                    tags={"reason": f"mended: {', '.join(done)}"[:200]},
                )
            )
        cursor = json.dumps({name: key for name, key in asked.items() if name not in done})
        for sentence in says if requests else ():
            context.log.info(sentence)
        if requests:
            return dg.SensorResult(run_requests=requests, cursor=cursor)
        quiet = "By its proofs every table of raw is as its source."
        return dg.SensorResult(skip_reason=" ".join(says) or quiet, cursor=cursor)

    return failed_proofs


def _repair_of(finding: Finding, key: str) -> dg.RunRequest:
    return dg.RunRequest(
        job_name=REPAIR,
        run_key=key,
        run_config={"ops": {STEP: {"config": {"tables": [finding.table]}}}},
        tags={"reason": finding.says[:200]},
    )
