"""The source schema, declared once. Every other description of a table is derived from it.

Contains: the SQLAlchemy tables, their slices, and what is derived from them, such as Arrow schemas and DDL.
Out of scope: anything that talks to a database.
"""

from saas_platform.schema.arrow import arrow_schema, version_of
from saas_platform.schema.slices import Slicing, slicing_of
from saas_platform.schema.tables import TABLES, metadata

__all__ = ["TABLES", "Slicing", "arrow_schema", "metadata", "slicing_of", "version_of"]
