"""Build the page: one HTML file with the data and the charts, which makes no network request.

Contains: `build_page` and the values for the template. Out of scope: SQL, and how a chart is drawn.
"""

from __future__ import annotations

import base64
import hashlib
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from saas_platform.dashboard.charts import Section
from saas_platform.dashboard.data import Facts, read
from saas_platform.dashboard.errors import DashboardError
from saas_platform.dashboard.kpis import tiles
from saas_platform.dashboard.labels import LABELS
from saas_platform.dashboard.sections import MODELS_SECTION, SECTIONS
from saas_platform.warehouse.interface import Warehouse

PAGE_NAME = "index.html"

_STATIC = Path(__file__).parent / "static"
#: The scripts of the page, in their order: each one uses only what those before it offer.
_SCRIPTS = (
    "echarts.min.js",
    "data.js",
    "format.js",
    "palette.js",
    "options.js",
    "charts/over_time.js",
    "charts/ranking.js",
    "charts/cohorts.js",
    "charts/campaigns.js",
    "charts/calibration.js",
    "card.js",
    "page.js",
)


@dataclass(frozen=True)
class PageReport:
    """The path and the size of a page that was built."""

    path: Path
    bytes: int
    charts: int
    #: The number of rows of marts and models that the page contains.
    rows: int


def build_page(warehouse: Warehouse, folder: Path, as_of: datetime) -> PageReport:
    """Write `folder/index.html`, completely or not at all.

    If the marts have no full month yet, the page says so. Raises DashboardError if the marts are not built or
    the folder can't be written to.
    """
    facts = read(warehouse)
    sections = _sections(facts)
    page = _render(facts, sections, as_of).encode()
    path = folder / PAGE_NAME
    try:
        _write(path, page)
    except OSError as error:
        raise DashboardError(
            f"The dashboard can't be written to {path} ({error.strerror}): give your user write"
            " permission on the folder, or set SAAS_HOME to another one."
        ) from None
    return PageReport(
        path=path,
        bytes=len(page),
        charts=sum(len(section.charts) for section in sections),
        rows=sum(table.rows for table in facts.tables.values()),
    )


def _sections(facts: Facts) -> tuple[Section, ...]:
    if not facts.months:
        return ()
    return (*SECTIONS, MODELS_SECTION) if "churn_calibration" in facts.tables else SECTIONS


def _render(facts: Facts, sections: tuple[Section, ...], as_of: datetime) -> str:
    environment = Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # Keep the order of LABELS, because it is the order of a chart's parts.
    environment.policies["json.dumps_kwargs"] = {"sort_keys": False, "allow_nan": False}
    scripts = [(_STATIC / name).read_text("utf-8") for name in _SCRIPTS]
    return environment.get_template("page.html.j2").render(
        as_of=as_of,
        last_month=_month_name(facts.months[-1]) if facts.months else None,
        first_month=_month_name(facts.months[0]) if facts.months else None,
        month_before=_month_name(facts.months[-2], short=True) if len(facts.months) > 1 else None,
        tiles=tiles(facts) if facts.months else [],
        sections=sections,
        segmented={name for name, table in facts.tables.items() if "segment" in table.columns},
        segments=[(code, LABELS.get(code, code)) for code in _segments(facts)],
        evaluation=_evaluation(facts),
        has_models="churn_calibration" in facts.tables,
        mart_rows=facts.mart_rows,
        payload=_payload(facts, sections),
        policy=_policy(scripts),
        style=Markup((_STATIC / "dashboard.css").read_text("utf-8")),
        scripts=[Markup(script) for script in scripts],
    )


def _payload(facts: Facts, sections: tuple[Section, ...]) -> Mapping[str, Any]:
    """Return the data that the script draws. The template's `tojson` escapes it for HTML."""
    charts = [asdict(chart) for section in sections for chart in section.charts]
    drawn = {chart["table"] for chart in charts}
    return {
        "labels": LABELS,
        "lastMonth": facts.months[-1] if facts.months else None,
        "charts": charts,
        "tables": {name: table.columns for name, table in facts.tables.items() if name in drawn},
    }


def _segments(facts: Facts) -> list[str]:
    """Return the segments in the order of LABELS (smallest customers first), then all others."""
    order = list(LABELS)
    found = {str(segment) for segment in facts.tables["mrr_months"].columns["segment"]}
    return sorted(found, key=lambda code: (order.index(code) if code in order else 99, code))


def _evaluation(facts: Facts) -> list[tuple[str, str]]:
    """Return the names and the values of the churn model's metrics, as the page shows them."""
    if "churn_evaluation" not in facts.tables:
        return []
    columns = facts.tables["churn_evaluation"].columns
    return [
        (
            str(metric).replace("_", " ").replace("auc", "AUC"),
            "–" if value is None else f"{value:,.4g}",
        )
        for metric, value in zip(columns["metric"], columns["value"], strict=True)
    ]


def _month_name(day: str, *, short: bool = False) -> str:
    return f"{date.fromisoformat(day):{'%b' if short else '%B'} %Y}"


def _policy(scripts: list[str]) -> str:
    """Return a content security policy that allows only these scripts, and no request to anywhere."""
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in scripts
    )
    return f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:"


def _write(path: Path, page: bytes) -> None:
    """Write to a file next to it first, so that a reader sees either the old page or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    made = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(page)
        made.chmod(0o644)
        made.replace(path)
    except BaseException:
        made.unlink(missing_ok=True)
        raise
