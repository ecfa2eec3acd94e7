"""What Dagster knows about the platform. A golden file shows each change in review.

After an intended change, run `SAAS_TEST_UPDATE_GOLDEN=1 pytest saas_platform_tests/defs`.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

import saas_platform
from saas_platform.defs import KNOWN_BETA
from saas_platform.defs.build import build_definitions
from saas_platform.defs.partitions import monthly
from saas_platform.defs.raw import _mirror_words
from saas_platform.platform import Platform
from saas_platform.refresh.company_months import CompanyMonths
from saas_platform.refresh.products import CLOCK, COMPANY, TRUTH, products
from saas_platform.schema import TABLES

_GOLDEN = Path(__file__).parent / "golden" / "definitions.json"

PlatformOf = Callable[..., Platform]


def _specs(definitions: dg.Definitions) -> dict[str, dg.AssetSpec]:
    return {s.key.to_user_string(): s for s in definitions.resolve_all_asset_specs()}


def _span(partitions: dg.PartitionsDefinition | None) -> str | None:
    if partitions is None:
        return None
    keys = partitions.get_partition_keys()
    return f"{keys[0]} to {keys[-1]}, {len(keys)} of them"


def _checks(definitions: dg.Definitions) -> dict[str, dict[str, str]]:
    """Return `blocking` or `not blocking` by asset and name of the check."""
    graph = definitions.resolve_asset_graph()
    found: dict[str, dict[str, str]] = {}
    for key in sorted(graph.asset_check_keys):
        blocking = graph.get_check_spec(key).blocking
        found.setdefault(key.asset_key.to_user_string(), {})[key.name] = (
            "blocking" if blocking else "not blocking"
        )
    return found


def _job(definitions: dg.Definitions, name: str) -> dict[str, Any]:
    job = definitions.resolve_job_def(name)
    return {
        "assets": len(job.asset_layer.selected_asset_keys),
        "checks": len(job.asset_layer.asset_graph.asset_check_keys),
        "partitions": _span(job.partitions_def),
    }


def _snapshot(definitions: dg.Definitions) -> dict[str, Any]:
    checks = _checks(definitions)
    return {
        "assets": {
            key: {
                "group": spec.group_name,
                "owners": list(spec.owners),
                "kinds": sorted(spec.kinds),
                "partitions": _span(spec.partitions_def),
                "deps": sorted(dep.asset_key.to_user_string() for dep in spec.deps),
                "checks": checks.get(key, {}),
            }
            for key, spec in sorted(_specs(definitions).items())
        },
        "jobs": {name: _job(definitions, name) for name in sorted(_jobs(definitions))},
        "schedules": {
            s.name: {"cron": s.cron_schedule, "job": s.job_name}
            for s in sorted(definitions.schedules or [], key=lambda s: s.name)
            if isinstance(s, dg.ScheduleDefinition)
        },
        "sensors": {
            s.name: {"jobs": [t.job_name for t in s.targets], "seconds": s.minimum_interval_seconds}
            for s in sorted(definitions.sensors or [], key=lambda s: s.name)
        },
    }


def _jobs(definitions: dg.Definitions) -> list[str]:
    return [job.name for job in definitions.jobs or []]


def _text(made: dict[str, Any]) -> str:
    """Write each asset, dependency or check on its own line, so that a change is one line in review."""
    return json.dumps(made, indent=1, sort_keys=True) + "\n"


def test_definitions_are_as_reviewed(default: dg.Definitions) -> None:
    made = _text(_snapshot(default))
    if os.environ.get("SAAS_TEST_UPDATE_GOLDEN"):
        _GOLDEN.parent.mkdir(exist_ok=True)
        _GOLDEN.write_text(made)
    assert made == _GOLDEN.read_text()


@pytest.mark.parametrize("which", ["default", "mirror_only"])
def test_dagster_can_load_them(request: pytest.FixtureRequest, which: str) -> None:
    """`dagster dev` and the daemon do this first. Resolving a single job would miss a name used twice."""
    dg.Definitions.validate_loadable(request.getfixturevalue(which))


#: The groups of the marts: the folders of the dbt project.
_FOLDERS = ("staging", "intermediate", "marts", "reports")


def test_every_asset_has_what_a_dagster_user_looks_for(default: dg.Definitions) -> None:
    for key, spec in _specs(default).items():
        layer = spec.key.path[0]
        assert spec.group_name in (_FOLDERS if layer == "marts" else (layer,)), key
        assert spec.kinds, key
        assert spec.description, key
        assert "select" not in spec.description, f"{key} shows its SQL"
        assert spec.owners, key
        assert spec.tags["layer"] == layer, key
        assert spec.code_version, key
        (reference, *_) = spec.metadata["dagster/code_references"].code_references
        assert Path(reference.file_path).is_file(), key
        automated = layer in ("marts", "models", "dashboards") or key == "synthetic/truth"
        assert (spec.automation_condition is not None) is automated, key


def test_links_of_marts_lead_to_their_sql(default: dg.Definitions) -> None:
    for key, spec in _specs(default).items():
        if spec.key.path[0] == "marts":
            references = spec.metadata["dagster/code_references"].code_references
            assert f"{spec.key.path[1]}.sql" in {
                Path(each.file_path).name for each in references
            }, key


def test_tables_with_personal_data_are_tagged(default: dg.Definitions) -> None:
    tagged = {key for key, spec in _specs(default).items() if "personal_data" in spec.tags}
    assert {"raw/users", "source/users", "synthetic/users"} <= tagged
    assert "raw/plans" not in tagged


def test_dagster_depends_on_what_the_products_are_built_from(
    default: dg.Definitions, parsed_platform_of: PlatformOf
) -> None:
    """What `run` takes for inputs is what the UI shows as upstream; the clock and the settings are no assets."""
    specs = _specs(default)
    found = products(parsed_platform_of())
    assert found.keys() == {
        key for key in specs if key.split("/")[0] in ("marts", "models", "dashboards")
    } | {TRUTH}
    for name, product in found.items():
        if name != TRUTH:
            upstream = {dep.asset_key.to_user_string() for dep in specs[name].deps}
            assert product.inputs - {CLOCK, COMPANY} == upstream, name


def test_every_check_is_described(default: dg.Definitions) -> None:
    graph = default.resolve_asset_graph()
    words = {
        f"{key.asset_key.path[-1]}.{key.name}": graph.get_check_spec(key).description
        for key in graph.asset_check_keys
    }
    assert len(words) > 110
    assert {name: said for name, said in words.items() if not (said or "").endswith(".")} == {}
    assert words["dim_plan.tier_is_known"] == (
        "Each tier is one of: starter, team, business, enterprise."
    )
    assert words["dim_user.account_exists"] == (
        "Each account_id is the account_id of a row of dim_account."
    )
    found = words["fct_mrr_movements.mrr_adds_up_by_account_and_month"]
    assert (found or "").startswith("For each account and month")


def test_the_name_of_a_check_says_what_holds(default: dg.Definitions) -> None:
    """dbt would make a name of the kind of the test, the model, the columns and their values."""
    kinds = ("accepted_values", "not_null", "relationships", "unique", "dbt_")
    names = {key.name for key in default.resolve_asset_graph().asset_check_keys}
    assert [name for name in sorted(names) if name.startswith(kinds) or "__" in name] == []
    verb = re.compile(r"holds|adds?_up|exists|is_|one_row_per|found|beats|equals|in_pattern|well_")
    assert [name for name in sorted(names) if not verb.search(name)] == []
    models = {key.asset_key.path[-1] for key in default.resolve_asset_graph().asset_check_keys}
    assert [name for name in sorted(names) if name.endswith(tuple(models))] == []
    assert max(map(len, names)) <= 45


def test_a_mirror_is_called_what_it_is() -> None:
    column = sa.Column("email", sa.String, info={"mirror_form": "hash", "source_type": sa.String()})
    table = sa.Table("people", sa.MetaData(), sa.Column("id", sa.BigInteger), column)
    assert _mirror_words(table) == (
        "An exact mirror of the table in the source, but for personal data: email is hashed."
    )
    assert _mirror_words(TABLES["users"]) == "An exact mirror of the table in the source."


def test_personal_data_is_marked(default: dg.Definitions) -> None:
    schema = _specs(default)["raw/users"].metadata["dagster/column_schema"]
    assert isinstance(schema, dg.TableSchema)
    marked = {column.name: column.tags for column in schema.columns if column.tags}
    assert marked == {"email": {"pii": "email"}, "full_name": {"pii": "name"}}


def test_every_dep_is_an_asset(default: dg.Definitions) -> None:
    specs = _specs(default)
    named = {dep.asset_key.to_user_string() for s in specs.values() for dep in s.deps}
    assert named <= set(specs)


def test_only_the_evaluation_depends_on_the_truth(default: dg.Definitions) -> None:
    truth = dg.AssetKey(["synthetic", "truth"])
    readers = [k for k, s in _specs(default).items() if truth in {d.asset_key for d in s.deps}]
    assert readers == ["models/churn_evaluation"]


def test_without_the_company_its_assets_are_left_out(mirror_only: dg.Definitions) -> None:
    groups = {spec.group_name for spec in _specs(mirror_only).values()}
    assert groups == {"raw", *_FOLDERS, "models", "dashboards"}
    assert "models/churn_evaluation" not in _specs(mirror_only)
    assert sorted(_jobs(mirror_only)) == ["everything", "full_proof", "refresh", "repair"]
    assert [s.name for s in mirror_only.schedules or []] == ["nightly_full_proof"]
    assert all(
        dep.asset_key.path[0] not in ("synthetic", "source")
        for spec in _specs(mirror_only).values()
        for dep in spec.deps
    )
    assert _job(mirror_only, "refresh") == _job(mirror_only, "everything")


def test_months_run_from_start_to_the_clock(platform_of: PlatformOf) -> None:
    platform = platform_of(start="2024-03", as_of=date(2024, 7, 15))
    keys = monthly(platform).get_partition_keys()
    assert keys == [f"2024-{month:02d}-01" for month in range(3, 8)]
    assert keys == [f"{month}-01" for month in CompanyMonths.of(platform).all()]


@pytest.mark.parametrize("days", [-3, 0, 1, 40, 800])
def test_months_do_not_depend_on_the_calendar(platform_of: PlatformOf, days: int) -> None:
    """The company's clock may show a day of the current month, or one of the future."""
    as_of = datetime.now(UTC).date() + timedelta(days=days)
    for start in ("2024-03", f"{as_of - timedelta(days=1):%Y-%m}"):
        platform = platform_of(start=start, as_of=as_of)
        partitions = monthly(platform)
        wanted = [f"{month}-01" for month in CompanyMonths.of(platform).all()]
        assert partitions.get_partition_keys() == wanted
        assert partitions.get_last_partition_key() == wanted[-1]
        assert all(map(partitions.has_partition_key, wanted))


def test_a_clock_at_midnight_of_a_first_day_ends_the_month_before(platform_of: PlatformOf) -> None:
    platform = platform_of(start="2024-03", as_of=date(2024, 7, 1))
    assert monthly(platform).get_partition_keys()[-1] == "2024-06-01"


def test_with_a_running_clock_the_current_month_is_included(platform_of: PlatformOf) -> None:
    platform = platform_of(start="2024-03", as_of="now")
    partitions = monthly(platform)
    for now, last in (
        (datetime(2031, 5, 1, tzinfo=UTC), "2031-05-01"),
        (datetime(2031, 5, 31, 23, 59, tzinfo=UTC), "2031-05-01"),
        (datetime(2031, 6, 1, tzinfo=UTC), "2031-06-01"),
    ):
        with dg.partition_loading_context(now):
            keys = partitions.get_partition_keys()
        assert (keys[0], keys[-1]) == ("2024-03-01", last)
    assert f"{platform.settings.last_month}-01" in partitions.get_partition_keys()


def test_building_them_gives_no_warning_from_our_code(parsed_platform_of: PlatformOf) -> None:
    ours = str(Path(saas_platform.__file__).parent)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.filterwarnings("ignore", category=dg.BetaWarning, message=KNOWN_BETA)
        definitions = build_definitions(parsed_platform_of())
        for name in _jobs(definitions):
            definitions.resolve_job_def(name)
    assert [str(w.message) for w in caught if w.filename.startswith(ours)] == []


@pytest.mark.slow
def test_a_separate_process_prints_no_warning(parsed_platform_of: PlatformOf) -> None:
    # In this process pytest suppresses beta warnings. Users of the platform must not see them either.
    loading = (
        "from saas_platform.definitions import definitions as d; d.resolve_job_def('everything')"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", loading],
        env={**os.environ, "SAAS_HOME": str(parsed_platform_of().home.root)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert loaded.stderr == ""


def test_building_them_opens_no_database(parsed_platform_of: PlatformOf) -> None:
    platform = parsed_platform_of()
    build_definitions(platform)
    assert [path.name for path in platform.home.root.iterdir()] == ["dbt"]
