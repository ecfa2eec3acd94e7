"""Run dbt on the project of the marts, which reads the raw tables of the warehouse.

Contains: the dbt commands in this process, the targets, the manifest and the lineage. Out of scope: the
project itself (saas_platform/marts), and any metric in Python.
"""

from saas_platform.dbt_runner.errors import MartsError
from saas_platform.dbt_runner.project import PROJECT_DIR, build
from saas_platform.dbt_runner.target import MartsTarget

__all__ = ["PROJECT_DIR", "MartsError", "MartsTarget", "build"]
