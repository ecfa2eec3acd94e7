"""The contract of each raw table as an asset check. It reports the rows that break a rule and drops none."""

from collections.abc import Mapping

import dagster as dg
import sqlalchemy as sa

from saas_platform.contracts import Breach, ContractResult, Rule, evaluate
from saas_platform.defs.names import AssetTables
from saas_platform.defs.raw import GROUP
from saas_platform.defs.table_checks import table_check
from saas_platform.schema.describing import escaped
from saas_platform.sync import open_findings

CONTRACT = "contract_holds"
#: The priority of a step that runs after every sync, and before the marts.
AFTER_ALL_SYNCS = -1


def contract_checks(
    tables: AssetTables, *, side_by_side: bool = False
) -> list[dg.AssetChecksDefinition]:
    """Return a check for each table. Each has its own step, so that a failing table skips no other check.

    A reference can be checked only after the referenced table was synced. If steps run one at a time, a low priority
    sees to it. If they run side by side, only a dependency can, by which Dagster skips the check of a table whose
    referenced table fails.
    """
    names = {table: name for name, table in tables.items()} if side_by_side else {}
    return [_check(name, table, names) for name, table in tables.items()]


def _check(name: str, table: sa.Table, names: Mapping[sa.Table, str]) -> dg.AssetChecksDefinition:
    parents = {key.referred_table for key in table.foreign_key_constraints} - {table}
    return table_check(
        CONTRACT,
        name,
        "Every row is as the schema declares (errors) and as anyone would expect (warnings): types, NULLs,"
        " values, ranges, keys and clean texts.",
        lambda warehouse: _result(
            name, evaluate(warehouse, table, open_findings(warehouse, parents))
        ),
        after=[names[parent] for parent in parents if parent in names],
        priority=AFTER_ALL_SYNCS,
    )


def _result(name: str, result: ContractResult) -> dg.AssetCheckResult:
    breaches = result.breaches
    error = result.severity == "error"
    words = [_breach_words(each, among_errors=error) for each in breaches]
    described = "; ".join(words) or f"All {result.rules} rules hold."
    if result.unknown:
        # What was found ends without a full stop.
        described += "." if words else ""
        described += (
            f" References to {', '.join(map(escaped, result.unknown))} were not checked, because the mirror of the"
            " referenced table is not up to date."
        )
    return dg.AssetCheckResult(
        check_name=CONTRACT,
        asset_key=[GROUP, name],
        passed=result.kept and not result.unknown,
        severity=dg.AssetCheckSeverity.ERROR if error else dg.AssetCheckSeverity.WARN,
        description=described,
        metadata={
            "rules": result.rules,
            "rules_broken": len(breaches),
            "references_not_checked": list(result.unknown),
            "offenders": {breach.rule.name: breach.offenders for breach in breaches},
            "samples": {breach.rule.name: list(breach.samples) for breach in breaches},
            "breaches": dg.MetadataValue.md(_markdown(result)),
            "dagster/row_count": result.rows or 0,
            "seconds": round(result.seconds, 3),
        },
    )


def _breach_words(breach: Breach, *, among_errors: bool) -> str:
    """Return the rule, how many rows break it, and the first of them by its key; and whether it is only a warning."""
    example = f", such as {escaped(breach.samples[0])}" if breach.samples else ""
    remark = f" ({escaped(breach.rule.remark)})" if breach.rule.remark else ""
    marked = "warning " if among_errors and breach.rule.severity == "warning" else ""
    return f"{marked}{breach.rule.name}: broken by {breach.offenders:,}{example}{remark}"


def _markdown(result: ContractResult) -> str:
    if result.kept:
        return "None."
    lines = ["| severity | rule | meaning | offenders | examples |", "|--|--|--|--|--|"]
    lines += [
        f"| {b.rule.severity} | {_cell(b.rule.name)} | {_cell(_meaning(b.rule))} | {b.offenders}"
        f" | {_cell(', '.join(b.samples))} |"
        for b in result.breaches
    ]
    return "\n".join(lines)


def _meaning(rule: Rule) -> str:
    return f"{rule.message} ({rule.remark})" if rule.remark else rule.message


def _cell(text: str) -> str:
    return escaped(text).replace("|", "\\|")
