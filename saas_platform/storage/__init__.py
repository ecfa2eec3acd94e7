"""Files of the platform: the layout of SAAS_HOME, tables as Parquet, and fitted models.

Out of scope: the source and the warehouse, which are databases.
"""
