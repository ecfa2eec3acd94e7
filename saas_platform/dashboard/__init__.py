"""The dashboard: one HTML file that is built from the marts and needs nothing but a browser.

Contains: the queries, the declarations of the charts, the page and its server. Out of scope: the definitions
of metrics, which are in the marts, and Dagster.
"""

from saas_platform.dashboard.errors import DashboardError
from saas_platform.dashboard.page import PAGE_NAME, PageReport, build_page

__all__ = ["PAGE_NAME", "DashboardError", "PageReport", "build_page"]
