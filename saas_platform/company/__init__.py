"""The synthetic company: pure, seeded; no database, no Dagster."""

from saas_platform.company.batch import ERASURES_SCHEMA, Batch
from saas_platform.company.company import COMPANY_VERSION, Company, CompanyConfig
from saas_platform.company.dirt import PLANTED_SCHEMA, SoiledCompany

__all__ = [
    "COMPANY_VERSION",
    "ERASURES_SCHEMA",
    "PLANTED_SCHEMA",
    "Batch",
    "Company",
    "CompanyConfig",
    "SoiledCompany",
]
