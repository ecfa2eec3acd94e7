"""Tests the score of how much of the dirt was found, and what else was found."""

from __future__ import annotations

from typing import get_args

from saas_platform.company import dirt
from saas_platform.contracts import rules
from saas_platform.contracts.score import FOUND_BY_RULE, KindScore, Mark, score
from saas_platform.source import intake


def test_found_missed_and_false() -> None:
    planted = [
        Mark("odd_unicode", "accounts", 1, "name"),
        Mark("odd_unicode", "accounts", 2, "name"),
        Mark("late_row", "usage_events", 5),
    ]
    found = [
        Mark("odd_unicode", "accounts", 1, "name"),
        # A mark with another column, table or kind is a different mark.
        Mark("odd_unicode", "accounts", 2, "domain"),
        Mark("odd_unicode", "users", 2, "name"),
        Mark("trailing_blank", "accounts", 2, "name"),
    ]
    assert score(planted, found) == [
        KindScore("late_row", planted=1, found=0, false_alarms=0),
        KindScore("odd_unicode", planted=2, found=1, false_alarms=2),
        KindScore("trailing_blank", planted=0, found=0, false_alarms=1),
    ]
    assert [each.share for each in score(planted, found)] == [0.0, 0.5, 1.0]


def test_a_duplicate_mark_counts_once() -> None:
    mark = Mark("extreme_value", "invoices", 7, "due_at")
    assert score([mark, mark], [mark, mark]) == [KindScore("extreme_value", 1, 1, 0)]


def test_nothing_in_nothing_out() -> None:
    assert score([], []) == []


def test_every_kind_of_dirt_has_one_finder() -> None:
    noted = {intake.LATE, intake.OUT_OF_ORDER, intake.TAKEN}
    assert set(FOUND_BY_RULE) <= set(get_args(rules.Kind))
    assert noted | set(FOUND_BY_RULE.values()) == set(get_args(dirt.Kind))
