"""The cases that are drawn at random: other ones in each run, from one seed, and more of them in `make test-deep`.

The seed is in the header of each run. Set it as SAAS_TEST_SEED to draw the same cases again. It is that of
hypothesis too.
"""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

_SEED = "SAAS_TEST_SEED"
#: How many times as many cases are drawn as in `make test-all`.
_DEEP = "SAAS_TEST_DEEP"


def choose_seed() -> int:
    """Return the seed of this run. Its worker processes, which inherit the environment, have the same."""
    return int(os.environ.setdefault(_SEED, str(random.SystemRandom().randrange(1 << 32))))


def chance(of: str = "") -> random.Random:
    """Return the random numbers of a test. Each text `of` has its own."""
    return random.Random(f"{choose_seed()} {of}")


def examples(count: int) -> int:
    """Return how many examples to draw, where `make test-all` draws `count`."""
    return count * int(os.environ.get(_DEEP, "1"))


def drawn(cases: Sequence[T], most: int) -> list[T]:
    """Draw some of the cases, or return all if there are no more."""
    count = examples(most)
    return list(cases) if len(cases) <= count else chance().sample(list(cases), count)
