"""Companies that several tests look at, generated once."""

from __future__ import annotations

import pandas as pd
import pytest

from saas_platform.company import Batch, Company
from saas_platform_tests.company.measures import World
from saas_platform_tests.company.world import (
    AS_OF,
    DEFAULT,
    SMALL,
    batches_of,
    end_state,
    months,
)


@pytest.fixture(scope="session")
def small() -> list[Batch]:
    """All 24 months of the small company."""
    return batches_of(SMALL)


@pytest.fixture(scope="session")
def default_batches() -> list[Batch]:
    """All 24 months of the default company."""
    return batches_of(DEFAULT)


@pytest.fixture(scope="session")
def default_world(default_batches: list[Batch]) -> World:
    """End state and truth of the default company."""
    truth = Company(DEFAULT).truth(AS_OF)["account_months"].to_pandas()
    truth["month"] = [month.year * 12 + month.month - 1 for month in truth["month"]]
    return World(end_state(default_batches), truth, months())


@pytest.fixture(scope="session")
def default_tables(default_batches: list[Batch]) -> dict[str, pd.DataFrame]:
    """End state of the default company before erasures."""
    return end_state(default_batches, erase=False)
