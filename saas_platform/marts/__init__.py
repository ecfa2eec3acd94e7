"""The marts: a dbt project over the warehouse's raw tables, and how to run it.

Holds the project (its models, macros and tests) and `build`. Does not hold: any metric in Python.
"""

from saas_platform.marts.project import PROJECT_DIR, MartsError, build

__all__ = ["PROJECT_DIR", "MartsError", "build"]
