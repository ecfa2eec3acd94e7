"""The synthetic company: a pure, seeded simulator that needs neither a database nor Dagster."""

from saas_platform.company.batch import ERASURES_SCHEMA, Batch
from saas_platform.company.company import Company
from saas_platform.company.config import (
    COMPANY_VERSION,
    CompanyConfig,
    CompanyError,
    read_config,
)
from saas_platform.company.dirt import DirtyCompany
from saas_platform.company.truth import ACCOUNT_MONTHS_SCHEMA, CAMPAIGNS_SCHEMA, PLANTED_SCHEMA

__all__ = [
    "ACCOUNT_MONTHS_SCHEMA",
    "CAMPAIGNS_SCHEMA",
    "COMPANY_VERSION",
    "ERASURES_SCHEMA",
    "PLANTED_SCHEMA",
    "Batch",
    "Company",
    "CompanyConfig",
    "CompanyError",
    "DirtyCompany",
    "read_config",
]
