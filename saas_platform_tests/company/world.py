"""The end state of a company's source after all batches, as a pandas frame for each table.

Contains: helpers that the tests of this folder share. Out of scope: expectations.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import pandas as pd
import pyarrow as pa

from saas_platform.clock import Month
from saas_platform.company import Batch, Company, CompanyConfig
from saas_platform.schema import TABLES
from saas_platform_tests.company.measures import World

START = Month(2024, 1)
AS_OF = datetime(2026, 1, 1)
SMALL = CompanyConfig(seed=7, accounts=300, start=START)
DEFAULT = CompanyConfig(seed=7, accounts=5000, start=START)
#: Seeds of further companies that must be as realistic as the default one.
OTHER_SEEDS = (1, 2)


def months(count: int = 24) -> list[Month]:
    return [START.plus(k) for k in range(count)]


def batches_of(config: CompanyConfig, as_of: datetime = AS_OF, count: int = 24) -> list[Batch]:
    company = Company(config)
    return [company.batch(month, as_of) for month in months(count)]


def key_of(table: str) -> str:
    return next(column.name for column in TABLES[table].primary_key)


def end_state(batches: Iterable[Batch], *, erase: bool = True) -> dict[str, pd.DataFrame]:
    """Return every table after all batches. `erase` also carries out the erasures."""
    batches = list(batches)
    state = {}
    for name in TABLES:
        frame = pa.concat_tables([batch.rows[name] for batch in batches]).to_pandas()
        state[name] = frame.drop_duplicates(key_of(name), keep="last").reset_index(drop=True)
    if erase:
        erased = pa.concat_tables([batch.erasures for batch in batches]).to_pandas()["user_id"]
        state["users"] = state["users"][~state["users"]["user_id"].isin(erased)]
        for name in ("usage_events", "support_tickets"):
            column = state[name]["user_id"]
            state[name]["user_id"] = column.mask(column.isin(erased))
    return state


def world_of(config: CompanyConfig, batches: Iterable[Batch]) -> World:
    """Return end state and truth of a company."""
    truth = Company(config).truth(AS_OF)["account_months"].to_pandas()
    truth["month"] = [month.year * 12 + month.month - 1 for month in truth["month"]]
    return World(end_state(batches), truth, months())


def world_of_seed(seed: int) -> World:
    """Return end state and truth of the default company with another seed."""
    config = DEFAULT.model_copy(update={"seed": seed})
    return world_of(config, batches_of(config))
