"""The dashboard: one HTML file that needs nothing but a browser, built from the marts.

Holds the queries, the charts' declarations, the page and the server for it. Does not hold: any
metric's definition (the marts have them) or Dagster.
"""

from saas_platform.dashboard.errors import DashboardError
from saas_platform.dashboard.page import PageReport, build_page

__all__ = ["DashboardError", "PageReport", "build_page"]
