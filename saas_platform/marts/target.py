"""In which warehouse dbt builds the marts: one of the targets of profiles.yml, and what it is told.

Holds what dbt reads from the environment, and which adapter it needs. Does not hold: credentials, which
Google's client finds by itself, or running dbt.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from saas_platform.marts.errors import MartsError


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
