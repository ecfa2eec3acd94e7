"""Companies that several tests use, generated once per session."""

from __future__ import annotations

import pandas as pd
import pytest

from saas_platform.company import Batch
from saas_platform_tests.company.measures import World
from saas_platform_tests.company.world import (
    DEFAULT,
    SMALL,
    batches_of,
    end_state,
    world_of,
)


@pytest.fixture(scope="session")
def small() -> list[Batch]:
    """Return all 24 months of the small company."""
    return batches_of(SMALL)


@pytest.fixture(scope="session")
def default_batches() -> list[Batch]:
    """Return all 24 months of the default company."""
    return batches_of(DEFAULT)


@pytest.fixture(scope="session")
def default_world(default_batches: list[Batch]) -> World:
    """Return end state and truth of the default company."""
    return world_of(DEFAULT, default_batches)


@pytest.fixture(scope="session")
def default_tables(default_batches: list[Batch]) -> dict[str, pd.DataFrame]:
    """Return the end state of the default company before erasures."""
    return end_state(default_batches, erase=False)
