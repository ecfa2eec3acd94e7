"""The marts: a dbt project over the warehouse's raw tables, and how to run it.

Holds the project (its models, macros and tests) and `build`. Does not hold: any metric in Python.
"""

from saas_platform.dbt_runner.errors import MartsError
from saas_platform.dbt_runner.project import PROJECT_DIR, build
from saas_platform.dbt_runner.target import MartsTarget

__all__ = ["PROJECT_DIR", "MartsError", "MartsTarget", "build"]
