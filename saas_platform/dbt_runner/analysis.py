"""Compile and run the analyses of the dbt project, which answer an analyst's questions from the marts.

Contains: compiling `analyses/` for a warehouse, and running the result. Out of scope: the queries
themselves, and the definition of any metric.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from saas_platform.dbt_runner.errors import MartsError
from saas_platform.dbt_runner.manifest import target_of
from saas_platform.dbt_runner.project import compiled
from saas_platform.dbt_runner.target import MartsTarget

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


def analysis_sql(
    target: MartsTarget, as_of: datetime, target_path: Path, log_path: Path
) -> dict[str, str]:
    """Return the SQL of each analysis by name. Raises MartsError if one does not compile."""
    nodes = compiled(target, as_of, target_path, log_path, "analysis")
    return {node["name"]: node["compiled_code"] for node in nodes}


@dataclass(frozen=True)
class Analyses:
    """The analyses compiled for one warehouse, which `query` reads."""

    query: Callable[[str], pa.Table]
    sql: Mapping[str, str]

    @classmethod
    def of(
        cls,
        target: MartsTarget,
        as_of: datetime,
        folder: Path,
        query: Callable[[str], pa.Table],
    ) -> Analyses:
        """Compile the analyses in dbt's `folder` of the home. Raises MartsError if one does not compile."""
        sql = analysis_sql(target, as_of, target_of(folder), folder / "logs")
        return cls(query, sql)

    @property
    def names(self) -> list[str]:
        """The names of all analyses, sorted."""
        return sorted(self.sql)

    def frame(self, name: str) -> pd.DataFrame:
        """Return the rows of an analysis. Raises MartsError if there is no analysis of that name."""
        if name not in self.sql:
            raise MartsError(f"There is no analysis {name}: choose one of {', '.join(self.names)}.")
        return self.query(self.sql[name]).to_pandas()
