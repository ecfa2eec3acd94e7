"""How the result of a contract and a score are reported as asset checks."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest

from saas_platform.contracts import Breach, ContractResult, Rule
from saas_platform.contracts.score import KindScore
from saas_platform.defs import contracts, dirt_score


def _contract_result(*breaches: Breach) -> ContractResult:
    return ContractResult("accounts", 8, 44, breaches, 0.0123)


def _breach(kind: Any, message: str = "name is there") -> Breach:
    return Breach(Rule("accounts", f"name_{kind}", kind, ("name",), message), 1234, ("7: 'a|b'",))


@pytest.mark.parametrize(
    ("kinds", "severity"),
    [
        (("plausible",), dg.AssetCheckSeverity.WARN),
        (("blank_edges", "odd_unicode"), dg.AssetCheckSeverity.WARN),
        (("not_null", "blank_edges"), dg.AssetCheckSeverity.ERROR),
        (("foreign_key",), dg.AssetCheckSeverity.ERROR),
    ],
)
def test_the_worst_breach_decides(kinds: tuple[str, ...], severity: dg.AssetCheckSeverity) -> None:
    result = contracts._result("users", _contract_result(*map(_breach, kinds)))
    assert not result.passed
    assert result.severity == severity
    assert result.description == "; ".join(
        f"{'warning ' if kinds == ('not_null', 'blank_edges') and kind == 'blank_edges' else ''}name_{kind}:"
        " broken by 1,234, such as 7: 'a|b'"
        for kind in kinds
    )
    assert result.metadata["offenders"].value == dict.fromkeys(
        (f"name_{kind}" for kind in kinds), 1234
    )


def test_what_was_not_checked_is_a_sentence_of_its_own() -> None:
    unchecked = "References to plans were not checked, because the mirror of the referenced table is not up to date."
    broken = ContractResult("accounts", 8, 44, (_breach("not_null"),), 0.0123, ("plans",))
    assert contracts._result("users", broken).description == (
        f"name_not_null: broken by 1,234, such as 7: 'a|b'. {unchecked}"
    )
    kept = ContractResult("accounts", 8, 44, (), 0.0123, ("plans",))
    assert contracts._result("users", kept).description == f"All 44 rules hold. {unchecked}"


def test_how_times_are_compared_is_said_where_a_rule_is_broken() -> None:
    rule = Rule("t", "k_unique", "unique", ("k",), "no two rows share k", remark="by the time")
    result = contracts._result("t", _contract_result(Breach(rule, 2, ("1",))))
    assert result.description == "k_unique: broken by 2, such as 1 (by the time)"
    assert "| no two rows share k (by the time) |" in str(result.metadata["breaches"].value)


def test_a_kept_contract_passes() -> None:
    result = contracts._result("users", _contract_result())
    assert result.passed
    assert result.description == "All 44 rules hold."


def test_a_value_does_not_break_the_table_it_is_shown_in() -> None:
    shown = contracts._markdown(_contract_result(_breach("check", "a || b")))
    assert shown.splitlines()[-1] == ("| error | name_check | a \\|\\| b | 1234 | 7: 'a\\|b' |")


@pytest.mark.parametrize(
    ("scores", "passed", "description"),
    [
        ([], True, "No error was injected; no false alarm."),
        ([KindScore("late_row", 5, 5, 0)], True, "5 of 5 injected errors found; no false alarm."),
        ([KindScore("late_row", 5, 4, 0)], False, "4 of 5 injected errors found; no false alarm."),
        ([KindScore("late_row", 5, 5, 2)], False, "5 of 5 injected errors found; 2 false alarms."),
        ([KindScore("not_null", 0, 0, 2)], False, "No error was injected; 2 false alarms."),
    ],
)
def test_the_score_warns_of_missed_errors_and_false_alarms(
    scores: list[KindScore], passed: bool, description: str
) -> None:
    result = dirt_score._result(scores, 0.5)
    assert (result.passed, result.description) == (passed, description)
    assert result.severity == dg.AssetCheckSeverity.WARN
