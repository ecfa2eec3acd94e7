"""Repair: the job that recopies only the rows that differ, and the sensor that requests it a few times.

Both read the warehouse's log of proofs, which shows what differs and how many repairs were tried.
"""

import json
from typing import Any

import dagster as dg
from pydantic import Field

from saas_platform.defs.evaluations import report_evaluation
from saas_platform.defs.failures import raise_failures
from saas_platform.defs.jobs import AssetJob
from saas_platform.defs.metadata import DATA_VERSION, digest_words, proof_metadata
from saas_platform.defs.names import AssetTables
from saas_platform.defs.partitions import key_of
from saas_platform.defs.raw import EQUALS_SOURCE, EVERY_SLICE, GROUP
from saas_platform.defs.resources import CompanyClock, SourceDatabase
from saas_platform.defs.warehouse import WarehouseResource
from saas_platform.errors import PlatformError
from saas_platform.refresh.bookkeeping import Bookkeeping
from saas_platform.sync import Finding, RepairReport, open_findings, repair
from saas_platform.sync.findings import MOST_TRIES
from saas_platform.sync.report import repair_sentence, sentences

REPAIR = "repair"
STEP = "copy_what_differs"


class RepairConfig(dg.Config):
    """The names of the tables to repair; empty to repair all tables."""

    tables: list[str] = Field(default_factory=list)


def repair_job(named: AssetTables) -> dg.JobDefinition:
    """Return the job. It reports its results as the checks of raw, which pass again after a repair."""
    tables = {table.name: table for table in named.values()}
    assets = {table.name: name for name, table in named.items()}

    @dg.op(
        name=STEP,
        description="Proves every slice of the tables, recopies the rows that differ, and proves"
        " every slice again.",
        pool="source",
    )
    def copy_what_differs(
        context: dg.OpExecutionContext,
        config: RepairConfig,
        source: SourceDatabase,
        warehouse: WarehouseResource,
    ) -> None:
        unknown = [name for name in config.tables if name not in tables]
        if unknown:
            raise dg.Failure(
                f"The source has no table {', '.join(unknown)}. Its tables are {', '.join(tables)}.",
                allow_retries=False,
            )
        wanted = [tables[name] for name in config.tables or tables]
        with raise_failures():
            into = warehouse.open()
            reports = repair(source.open(), into, wanted)
            findings = open_findings(into, wanted)
        messages = {
            report.table: _message(report, findings.get(report.table)) for report in reports
        }
        for report in reports:
            message = messages[report.table]
            context.log.info(message)
            if report.sync_id is not None and report.mode is not None:
                context.log_event(_materialization(report, assets[report.table], message))
            for check in (EVERY_SLICE, EQUALS_SOURCE):
                report_evaluation(
                    context.instance,
                    dg.AssetCheckKey(dg.AssetKey([GROUP, assets[report.table]]), check),
                    passed=report.succeeded,
                    description=message,
                    metadata=_proof_and_repair(report),
                    blocking=check == EQUALS_SOURCE,
                )
        context.add_output_metadata(
            {
                "tables": len(reports),
                "rows_copied": sum(report.rows_written for report in reports),
                "rows_removed": sum(report.rows_deleted for report in reports),
                "slices_repaired": sum(len(report.slices) for report in reports),
                "repaired": dg.MetadataValue.md(_markdown(reports)),
            }
        )
        failed = [messages[report.table] for report in reports if not report.succeeded]
        if failed:
            raise dg.Failure(" ".join(failed), allow_retries=False)

    @dg.job(
        name=REPAIR,
        description="Recopies only the rows that differ from the source, and proves every slice.",
        executor_def=dg.in_process_executor,
    )
    def job() -> None:
        copy_what_differs()

    return job


def _message(report: RepairReport, finding: Finding | None) -> str:
    """Return what was repaired, what the proof found, and whether another repair will be tried."""
    proof = sentences(report.proof) if report.proof else [report.error or "There was no proof."]
    standing = [] if report.succeeded or finding is None else [finding.message]
    return " ".join([repair_sentence(report), *proof, *report.warnings, *standing])


def _materialization(report: RepairReport, asset: str, message: str) -> dg.AssetMaterialization:
    """Return the event by which the UI knows that the mirror changed, and what is built from it is older."""
    return dg.AssetMaterialization(
        asset_key=dg.AssetKey([GROUP, asset]),
        description=message,
        metadata={
            "dagster/row_count": report.proof.rows_mirror if report.proof else 0,
            "digest": digest_words(report.proof),
            "rows_written": report.rows_written,
            "rows_deleted": report.rows_deleted,
            "slices_repaired": list(report.slices),
            "seconds": round(report.seconds, 3),
        },
        tags={DATA_VERSION: report.sync_id or ""},
    )


def _proof_and_repair(report: RepairReport) -> dict[str, Any]:
    return {
        **proof_metadata(report.proof),
        "rows_copied": report.rows_written,
        "rows_removed": report.rows_deleted,
        "slices_repaired": list(report.slices),
        "seconds": round(report.seconds, 3),
    }


def _markdown(reports: list[RepairReport]) -> str:
    lines = ["| table | copied | removed | slices | proof |", "|--|--|--|--|--|"]
    lines += [
        f"| {r.table} | {r.rows_written} | {r.rows_deleted} | {len(r.slices)}"
        f" | {r.proof.verdict if r.proof else 'none'} |"
        for r in reports
    ]
    return "\n".join(lines)


def failed_proofs_sensor(
    tables: AssetTables,
    repairing: dg.JobDefinition,
    refreshing: AssetJob,
) -> dg.SensorDefinition:
    """Return the sensor that requests a repair of each table that its proofs found to differ.

    After the repair it requests a refresh of everything built from the table. The cursor has the repair last
    requested for each table. If a repair fails without an entry in the log of proofs, a person must rerun it.
    """

    @dg.sensor(
        name="failed_proofs",
        jobs=[repairing, refreshing],
        minimum_interval_seconds=60,
        description="Reads the warehouse's log of proofs and repairs each table that differs, at most"
        f" {MOST_TRIES} times. After that it only reports the table. Once a table is repaired, it"
        " refreshes everything that was built from the damaged rows.",
    )
    def failed_proofs(
        context: dg.SensorEvaluationContext,
        warehouse: WarehouseResource,
        clock: CompanyClock,
        bookkeeping: dg.ResourceParam[Bookkeeping],
    ) -> dg.SensorResult:
        asked: dict[str, str] = json.loads(context.cursor or "{}")
        try:
            findings = open_findings(warehouse.open(), tables.values())
            done = sorted(name for name in asked if name not in findings)
            rebuild = bool(done) and bool(bookkeeping.stale())
        except PlatformError as error:
            return dg.SensorResult(skip_reason=str(error))
        messages, requests = [], []
        for name, finding in findings.items():
            key = f"{finding.proof_id}/{finding.tries + 1}"
            if finding.given_up:
                messages.append(finding.message)
            elif asked.get(name) == key:
                messages.append(
                    f"{finding.message} Repair {finding.tries + 1} was already requested. If its run"
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
                    partition_key=key_of(clock.read().last_month),
                    tags={"reason": f"repaired: {', '.join(done)}"[:200]},
                )
            )
        cursor = json.dumps({name: key for name, key in asked.items() if name not in done})
        for message in messages if requests else ():
            context.log.info(message)
        if requests:
            return dg.SensorResult(run_requests=requests, cursor=cursor)
        quiet = "According to the proofs, every raw table equals its source."
        return dg.SensorResult(skip_reason=" ".join(messages) or quiet, cursor=cursor)

    return failed_proofs


def _repair_of(finding: Finding, key: str) -> dg.RunRequest:
    return dg.RunRequest(
        job_name=REPAIR,
        run_key=key,
        run_config={"ops": {STEP: {"config": {"tables": [finding.table]}}}},
        tags={"reason": finding.message[:200]},
    )
