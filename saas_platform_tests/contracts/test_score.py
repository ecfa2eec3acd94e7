"""Tests the score of how much of the dirt was found, and what else was found."""

from __future__ import annotations

from typing import get_args

from saas_platform.company import dirt
from saas_platform.contracts import rules
from saas_platform.contracts.score import FOUND_BY_RULE, KindScore, Spot, score
from saas_platform.source import intake


def test_found_missed_and_false() -> None:
    planted = [
        Spot("odd_unicode", "accounts", 1, "name"),
        Spot("odd_unicode", "accounts", 2, "name"),
        Spot("late_row", "usage_events", 5),
    ]
    found = [
        Spot("odd_unicode", "accounts", 1, "name"),
        # A spot with another column, table or kind is a different spot.
        Spot("odd_unicode", "accounts", 2, "domain"),
        Spot("odd_unicode", "users", 2, "name"),
        Spot("trailing_blank", "accounts", 2, "name"),
    ]
    assert score(planted, found) == [
        KindScore("late_row", planted=1, found=0, false_alarms=0),
        KindScore("odd_unicode", planted=2, found=1, false_alarms=2),
        KindScore("trailing_blank", planted=0, found=0, false_alarms=1),
    ]
    assert [each.share for each in score(planted, found)] == [0.0, 0.5, 1.0]


def test_a_duplicate_mark_counts_once() -> None:
    spot = Spot("extreme_value", "invoices", 7, "due_at")
    assert score([spot, spot], [spot, spot]) == [KindScore("extreme_value", 1, 1, 0)]


def test_nothing_in_nothing_out() -> None:
    assert score([], []) == []


def test_every_kind_of_dirt_has_one_finder() -> None:
    noted = {intake.LATE, intake.OUT_OF_ORDER, intake.NATURAL_KEY_DUPLICATE}
    assert set(FOUND_BY_RULE) <= set(get_args(rules.RuleKind))
    assert noted | set(FOUND_BY_RULE.values()) == set(get_args(dirt.DirtKind))
