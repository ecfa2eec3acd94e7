"""The synthetic company: pure, seeded; no database, no Dagster."""

from saas_platform.company.batch import ERASURES_SCHEMA, Batch
from saas_platform.company.company import COMPANY_VERSION, Company, CompanyConfig

__all__ = ["COMPANY_VERSION", "ERASURES_SCHEMA", "Batch", "Company", "CompanyConfig"]
