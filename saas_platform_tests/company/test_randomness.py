"""The generator is uniform and independent of order: an identity always draws the same number."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from saas_platform.company.randomness import Dice, choose
from saas_platform_tests.drawing import examples


def test_known_values() -> None:
    """A change of these values changes every company, so increase COMPANY_VERSION with it."""
    drawn = Dice(7).uniform("example", np.array([1, 2, 3]))
    assert drawn.round(12).tolist() == [0.698576003833, 0.151601014167, 0.478146175888]


@settings(max_examples=examples(50), deadline=None)
@given(
    seed=st.integers(-(2**40), 2**40), ids=st.lists(st.integers(0, 2**62), min_size=2, unique=True)
)
def test_an_identity_draws_the_same_at_any_position(seed: int, ids: list[int]) -> None:
    dice, keys = Dice(seed), np.array(ids)
    together = dice.uniform("s", keys, 5)
    assert (together[::-1] == dice.uniform("s", keys[::-1], 5)).all()
    assert all(together[k] == dice.uniform("s", keys[k : k + 1], 5)[0] for k in range(len(ids)))
    assert ((together >= 0) & (together < 1)).all()


def test_streams_identities_and_periods_are_independent() -> None:
    dice, ids = Dice(7), np.arange(200_000)
    draws = [
        dice.uniform("a", ids, 1),
        dice.uniform("b", ids, 1),
        dice.uniform("a", ids, 2),
        dice.uniform("a", ids + 1, 1),
        Dice(8).uniform("a", ids, 1),
    ]
    correlation = np.corrcoef(draws) - np.eye(len(draws))
    assert np.abs(correlation).max() < 0.015
    for drawn in draws:
        counts = np.bincount((drawn * 20).astype(int), minlength=20)
        assert ((counts - 10_000) ** 2 / 10_000).sum() < 60


def test_distributions() -> None:
    dice, ids = Dice(7), np.arange(200_000)
    normal = dice.normal("n", ids)
    assert abs(normal.mean()) < 0.01
    assert abs(normal.std() - 1) < 0.01
    counts = dice.poisson(np.full(len(ids), 1.8), "p", ids)
    assert abs(counts.mean() - 1.8) < 0.02
    assert abs(counts.var() - 1.8) < 0.03
    chosen = choose(dice.uniform("c", ids), np.array([1.0, 0.0, 3.0]))
    assert abs((chosen == 2).mean() - 0.75) < 0.01
    assert not (chosen == 1).any()
