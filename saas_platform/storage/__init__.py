"""The platform's files: the layout of SAAS_HOME, tables as Parquet files, and fitted models.

Out of scope: the source and the warehouse, which are databases.
"""
