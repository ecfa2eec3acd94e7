"""What a whole run would bill, query by query, as the warehouse itself estimates it.

Contains: the list of the queries of the layers above raw. Out of scope: the queries of raw, which the
warehouse lists itself, and running any query.
"""

from __future__ import annotations

from collections.abc import Iterator

from saas_platform import contracts
from saas_platform.dashboard.data import MODEL_QUERIES, QUERIES, ROW_COUNTS
from saas_platform.dbt_runner.project import compiled
from saas_platform.platform import Platform
from saas_platform.refresh.mart_months import READS
from saas_platform.trained_models import features
from saas_platform.warehouse.interface import MARTS, QueryCost


def query_costs(platform: Platform) -> list[QueryCost] | None:
    """Return the cost of each query of a whole run; None if this warehouse bills nothing.

    A whole run syncs and proves every table, checks its contract, builds all marts from scratch and tests
    them, and reads what the models and the dashboard need.

    Raises:
        WarehouseError: the warehouse can't estimate a query.
        MartsError: dbt can't compile the marts.
    """
    warehouse = platform.warehouse
    with warehouse.session():
        costs = warehouse.query_costs(list(platform.tables.values()))
        if costs is None:
            return None
        above = list(_above(platform))
        found = warehouse.query_bytes([sql for _, _, sql in above])
        return costs + [
            QueryCost(of, why, bytes_) for (of, why, _), bytes_ in zip(above, found, strict=True)
        ]


def _above(platform: Platform) -> Iterator[tuple[str, str, str]]:
    """Yield for each query what it is part of, its purpose, and its SQL."""
    for name, table in platform.tables.items():
        if platform.warehouse.unsupported_reason(table) is None:
            yield name, "contract", contracts.contract_query(platform.warehouse, table)
    if not platform.is_company:
        return
    # A separate folder, because a run may be compiling in dbt's own at the same time.
    folder = platform.home.dbt / "costs"
    nodes = compiled(
        platform.marts_target, platform.as_of, folder / "target", folder / "logs", "model", "test"
    )
    for name, sql in READS.items():
        yield MARTS, name, sql
    for node in nodes:
        name, sql = node["name"], node["compiled_code"]
        if node["resource_type"] == "test":
            yield MARTS, name, sql
            continue
        if node["config"]["materialized"] != "view":  # creating a view reads nothing
            yield f"{MARTS}/{name}", "all months", sql
        yield f"{MARTS}/{name}", "digest", platform.warehouse.digest_query(MARTS, [name])
    yield "models/churn_features", "rows", features.ROWS
    for name, sql in {**QUERIES, **MODEL_QUERIES}.items():
        yield "dashboards/page", name, sql
    for name, sql in ROW_COUNTS.items():
        yield "dashboards/page", f"rows of {name}", sql
