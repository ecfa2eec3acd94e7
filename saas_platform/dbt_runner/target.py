"""In which warehouse dbt builds the marts: one of the targets of profiles.yml, and what it is told.

Holds what dbt reads from the environment, and which adapter it needs. Does not hold: credentials, which
Google's client finds by itself, or running dbt.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from saas_platform.dbt_runner.errors import MartsError


@dataclass(frozen=True)
class MartsTarget:
    """One warehouse, as profiles.yml describes it."""

    #: The output in profiles.yml; also the name of its SQL's dialect.
    name: Literal["duckdb", "bigquery"]
    #: The environment variables that the output reads.
    variables: Mapping[str, str]

    @classmethod
    def duckdb(cls, path: Path) -> MartsTarget:
        """The DuckDB file at `path`."""
        return cls("duckdb", {"SAAS_DBT_DUCKDB_PATH": str(path)})

    @classmethod
    def bigquery(
        cls,
        project: str,
        location: str,
        *,
        maximum_bytes_billed: int | None = None,
        emulator: str | None = None,
    ) -> MartsTarget:
        """The dataset `marts` of a project, or of an emulator at that address."""
        return cls(
            "bigquery",
            {
                "SAAS_DBT_BIGQUERY_PROJECT": project,
                "SAAS_DBT_BIGQUERY_LOCATION": location,
                "SAAS_DBT_BIGQUERY_MAXIMUM_BYTES": str(maximum_bytes_billed or ""),
                "SAAS_DBT_BIGQUERY_EMULATOR": emulator or "",
            },
        )

    def require_adapter(self) -> None:
        """Raises MartsError where dbt's adapter for the warehouse is not installed."""
        if find_spec(f"dbt.adapters.{self.name}") is None:
            raise MartsError(
                f"The marts on {self.name} need dbt-{self.name}, which is not installed:"
                f" `pip install -c constraints.txt -e '.[{self.name}]'`."
            )

    def rebuilding(self, touched: Mapping[str, str] | None) -> MartsTarget:
        """This warehouse, with the first touched month of each table of raw; see macros/rebuild.sql.

        A variable of dbt's own would have the whole project parsed again at each new value.
        """
        if touched is None:
            return self
        return replace(self, variables={**self.variables, "SAAS_DBT_REBUILD": json.dumps(touched)})

    @contextmanager
    def in_environment(self) -> Iterator[None]:
        """Within it, dbt's profile names this warehouse."""
        before = {name: os.environ.get(name) for name in self.variables}
        os.environ.update(self.variables)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value
