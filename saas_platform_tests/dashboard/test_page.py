"""Tests the written HTML file without a browser."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from saas_platform.dashboard import DashboardError, build_page
from saas_platform.dashboard import page as page_module
from saas_platform.dashboard.data import MART_NAMES
from saas_platform.dashboard.kpis import Tile
from saas_platform.warehouse.duckdb.warehouse import DuckdbWarehouse
from saas_platform_tests.dashboard.conftest import AS_OF, MODELS, Changed

STATIC = Path(page_module.__file__).parent / "static"
#: The SHA-256 of dist/echarts.min.js in npm's echarts 6.1.0.
ECHARTS = "b66b25aeb4df84e33199dc21694014d336d222cbd9deb0e5a7c14bd6aa0d0fd0"


def payload(page: str) -> Any:
    found = re.search(r'<script type="application/json" id="payload">(.*?)</script>', page)
    assert found
    return json.loads(found[1])


def test_the_charting_library_is_the_published_one() -> None:
    assert hashlib.sha256((STATIC / "echarts.min.js").read_bytes()).hexdigest() == ECHARTS
    licence = (STATIC / "LICENSE.echarts").read_text("utf-8")
    assert "Apache License" in licence
    assert "The Apache Software Foundation" in licence
    assert "Mike Bostock" in licence


def test_each_script_is_in_the_page_after_those_it_uses(page_path: Path) -> None:
    page = page_path.read_text("utf-8")
    files = [path for path in STATIC.rglob("*.js") if path.name != "echarts.min.js"]
    sources = sorted((path.read_text("utf-8") for path in files), key=page.index)
    offered: set[str] = set()
    for source in sources:
        for used in re.findall(r"const \{([^}]*)\} = dashboard;", source):
            assert _names(used) <= offered, source[:80]
        # The first script makes the object, and the others extend it.
        for given in re.findall(r"(?:window\.dashboard = |\(dashboard, )\{([^}]*)\}\)?;", source):
            offered |= _names(given)
    assert {"rowsOf", "shown", "palette", "baseOption", "draw"} <= offered


def _names(text: str) -> set[str]:
    return set(re.findall(r"\w+", text))


def test_the_report_is_true(changed: Changed, tmp_path: Path) -> None:
    report = build_page(changed(*MODELS), tmp_path / "new" / "folder", AS_OF)
    page = report.path.read_text("utf-8")
    assert report.path == tmp_path / "new" / "folder" / "index.html"
    assert report.bytes == report.path.stat().st_size < 1_500_000
    assert report.charts == page.count('class="plot"') >= 10
    assert report.rows > 1000


def test_the_same_marts_give_the_same_bytes(warehouse: DuckdbWarehouse, tmp_path: Path) -> None:
    pages = [build_page(warehouse, tmp_path / name, AS_OF).path.read_bytes() for name in "ab"]
    assert pages[0] == pages[1]


def test_tiles_show_what_the_marts_say(warehouse: DuckdbWarehouse, page_path: Path) -> None:
    (row,) = warehouse.query(
        """
        SELECT m.closing_mrr, m.arr, m.paying_accounts, m.arpa, m.nrr_12m, m.grr_12m, u.mau,
            c.churned / c.opening AS logo_churn
        FROM marts.mrr_monthly AS m
        JOIN marts.user_growth_monthly AS u ON m.month = u.month
        JOIN (
            SELECT month, SUM(churned_customers) AS churned, SUM(opening_customers) AS opening
            FROM marts.churn_monthly GROUP BY month
        ) AS c ON m.month = c.month
        WHERE m.month = DATE '2025-12-01'
        """
    ).to_pylist()
    shown = {
        key: (float(value), text)
        for key, value, text in re.findall(
            r'id="kpi-(\w+)">.*?<data class="value" value="([^"]+)">([^<]+)<',
            page_path.read_text("utf-8"),
            re.DOTALL,
        )
    }
    assert {key: value for key, (value, _) in shown.items()} == pytest.approx(
        {
            "mrr": float(row["closing_mrr"]),
            "arr": float(row["arr"]),
            "paying_accounts": row["paying_accounts"],
            "arpa": float(row["arpa"]),
            "nrr_12m": row["nrr_12m"],
            "grr_12m": row["grr_12m"],
            "logo_churn": row["logo_churn"],
            "mau": row["mau"],
        },
        rel=1e-5,
    )
    assert shown["mrr"][1] == f"${row['closing_mrr']:,.0f}"
    assert shown["logo_churn"][1] == f"{row['logo_churn'] * 100:.1f} %"


@pytest.mark.parametrize(
    ("unit", "history", "text", "change", "tone"),
    [
        ("money", [100.0, 110.0], "$110", "+10.0\u00a0%", "good"),
        ("money", [12e6, 12e6], "$12.0M", "+0.0\u00a0%", "even"),
        ("percent", [0.04, 0.03], "3.0 %", "−1.0\u00a0pp", "bad"),
        ("count", [None, 5.0], "5", "nothing to compare with", "even"),
        ("count", [0.0, 5.0], "5", "nothing to compare with", "even"),
        ("count", [5.0], "5", "nothing to compare with", "even"),
        ("percent", [0.5, None], "–", "nothing to compare with", "even"),
    ],
)
def test_a_tile_shows_its_figure_and_change(
    unit: Any, history: list[float | None], text: str, change: str, tone: str
) -> None:
    tile = Tile("key", "Label", "what it is", unit, history)
    assert (tile.text, tile.change_text, tile.tone) == (text, change, tone)


def test_a_rise_of_churn_is_bad_news() -> None:
    tile = Tile("churn", "Churn", "", "percent", [0.03, 0.04], rising_is_good=False)
    assert tile.tone == "bad"


def test_the_page_states_the_range_of_the_data(warehouse: DuckdbWarehouse, page_path: Path) -> None:
    page = page_path.read_text("utf-8")
    assert "1 January 2026, 00:00 UTC" in page
    assert "last full month <strong>December 2025</strong>" in page
    for mart in MART_NAMES:
        rows = warehouse.query(f"SELECT COUNT(*) AS n FROM marts.{mart}").column("n")[0].as_py()
        assert f'<th scope="row">marts.{mart}</th><td>{rows:,}</td>' in page


def test_null_stays_null(page_path: Path) -> None:
    months = payload(page_path.read_text("utf-8"))["tables"]["company_months"]
    assert months["nrr_12m"][0] is None
    assert months["closing_mrr"][0] is not None


def test_without_models_the_page_says_so(warehouse: DuckdbWarehouse, tmp_path: Path) -> None:
    report = build_page(warehouse, tmp_path, AS_OF)
    page = report.path.read_text("utf-8")
    assert "The churn model is left out" in page
    assert 'id="churn-calibration"' not in page


def test_marts_without_rows_give_a_page_that_says_so(changed: Changed, tmp_path: Path) -> None:
    empty = changed(*(f"DELETE FROM marts.{name}" for name in MART_NAMES))
    report = build_page(empty, tmp_path, AS_OF)
    page = report.path.read_text("utf-8")
    assert "No full month yet" in page
    assert "<script" not in page
    assert (report.charts, report.rows) == (0, 0)


def test_names_from_the_data_stay_text(changed: Changed, tmp_path: Path) -> None:
    name = "</script><img src=x onerror=alert(1)>"
    warehouse = changed(
        f"UPDATE marts.promo_performance SET campaign = '{name}'",
        f"UPDATE marts.dim_account SET segment = '{name}' WHERE segment = 'enterprise'",
    )
    page = build_page(warehouse, tmp_path, AS_OF).path.read_text("utf-8")
    assert name not in page
    assert "<img" not in page.replace((STATIC / "echarts.min.js").read_text("utf-8"), "")
    assert name in payload(page)["tables"]["promos"]["campaign"]


def test_a_failed_write_leaves_the_old_page(
    warehouse: DuckdbWarehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "index.html").write_text("old")

    def fail(_self: Path, _target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(DashboardError, match="No space left on device"):
        build_page(warehouse, tmp_path, AS_OF)
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("index.html", "old")]


def test_a_folder_that_is_a_file_is_reported(warehouse: DuckdbWarehouse, tmp_path: Path) -> None:
    (tmp_path / "folder").write_text("")
    with pytest.raises(DashboardError, match="SAAS_HOME"):
        build_page(warehouse, tmp_path / "folder", AS_OF)
