"""Describe the warehouse in which dbt builds the marts, as one of the targets in profiles.yml.

Contains: the environment variables that dbt reads, and the adapter that it needs. Out of scope: credentials,
which Google's client finds by itself, and running dbt.
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

#: Prefixes of the environment variables that change what dbt does: its own, and those of the profile.
_ALWAYS = {
    # A build of some marts runs every test that reads one of them.
    "DBT_INDIRECT_SELECTION": "eager",
    # The project's own settings come too late for the warnings on these two, which it needs for dbt by hand.
    "DBT_WARN_ERROR_OPTIONS": json.dumps(
        {
            "silence": [
                "ConfigLogPathDeprecation",
                "ConfigTargetPathDeprecation",
                "DeprecationsSummary",
            ]
        }
    ),
}
_READ_BY_DBT = ("DBT_", "SAAS_DBT_")


@dataclass(frozen=True)
class MartsTarget:
    """One warehouse, as profiles.yml describes it."""

    #: The name of the output in profiles.yml, which is also the name of its SQL dialect.
    name: Literal["duckdb", "bigquery"]
    #: The environment variables that the output reads.
    variables: Mapping[str, str]

    @classmethod
    def duckdb(cls, path: Path) -> MartsTarget:
        """Return the target for the DuckDB file at `path`."""
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
        """Return the target for the dataset `marts` of a project.

        Args:
            project: the Google Cloud project.
            location: the location of the dataset.
            maximum_bytes_billed: the most bytes that one query may bill; None means no limit.
            emulator: the address of an emulator to use instead of Google's service.
        """
        return cls(
            "bigquery",
            {
                "SAAS_DBT_BIGQUERY_PROJECT": project,
                "SAAS_DBT_BIGQUERY_LOCATION": location,
                "SAAS_DBT_BIGQUERY_MAXIMUM_BYTES": str(maximum_bytes_billed or ""),
                "SAAS_DBT_BIGQUERY_EMULATOR": emulator or "",
            },
        )

    @property
    def names(self) -> dict[str, str]:
        """Return what of the target is in the full names of tables. The folder of a DuckDB file is not."""
        if self.name == "duckdb":
            return {"database": Path(self.variables["SAAS_DBT_DUCKDB_PATH"]).stem}
        return dict(self.variables)

    def require_adapter(self) -> None:
        """Raise MartsError if dbt's adapter for the warehouse is not installed."""
        if find_spec(f"dbt.adapters.{self.name}") is None:
            raise MartsError(
                f"The marts on {self.name} need dbt-{self.name}, which is not installed:"
                f" run `pip install 'saas-platform[{self.name}]'`."
            )

    def rebuilding(self, touched: Mapping[str, str] | None) -> MartsTarget:
        """Return this target with the first touched month of each raw table (see macros/rebuild.sql).

        The months are in an environment variable, because a new value of a dbt variable would make dbt
        parse the whole project again.
        """
        if touched is None:
            return self
        return replace(self, variables={**self.variables, "SAAS_DBT_REBUILD": json.dumps(touched)})

    @contextmanager
    def in_environment(self) -> Iterator[None]:
        """Give dbt the environment of this target, and restore the former one at the end.

        The variables of a user's shell are hidden: DBT_PROFILE would stop every command, and DBT_EMPTY would
        build tables without rows.
        """
        before = {
            name: value for name, value in os.environ.items() if name.startswith(_READ_BY_DBT)
        }
        _replace_variables({**_ALWAYS, **self.variables})
        try:
            yield
        finally:
            _replace_variables(before)


def _replace_variables(variables: Mapping[str, str]) -> None:
    """Make the given variables the only ones in the environment that dbt reads."""
    for name in [name for name in os.environ if name.startswith(_READ_BY_DBT)]:
        del os.environ[name]
    os.environ.update(variables)
