"""The resource of the warehouse, for an engine that needs nothing but its URL.

Out of scope: BigQuery's, which has a client (bigquery.py).
"""

import dagster as dg
import sqlalchemy as sa
from pydantic import Field

from saas_platform.platform import open_warehouse
from saas_platform.warehouse.interface import Warehouse


class WarehouseResource(dg.ConfigurableResource):
    """The warehouse: raw with its logs, the marts and the tables of the models."""

    url: str = Field(description="URL of the warehouse")

    def open(self) -> Warehouse:
        """Return the warehouse. Raises SettingsError as `platform.open_warehouse` does."""
        return open_warehouse(sa.make_url(self.url))
