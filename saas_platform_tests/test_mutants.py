"""The list of benchmarks/mutants.py fits the code: each mistake can still be made, and its tests exist."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.mutants_list import MUTANTS, Mutant

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_each_mistake_can_be_made(mutant: Mutant) -> None:
    text = (ROOT / mutant.file).read_text()
    assert mutant.applied(text) != text
    assert [test for test in mutant.tests if not (ROOT / test).exists()] == []


def test_there_are_many_of_different_names() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 40
