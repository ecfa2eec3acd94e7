"""Tests the images that the UI shows: what they draw, and that they are short enough to be shown in their place."""

from __future__ import annotations

import re
from datetime import date, timedelta
from urllib.parse import unquote
from xml.etree import ElementTree

import dagster as dg

from saas_platform.defs import growth, raw
from saas_platform.defs.plots import calibration_plot, rows_plot
from saas_platform.warehouse.logs import DayRows

#: The UI shows longer Markdown behind a link.
SHOWN_IN_PLACE = 1000
MONTHS = [f"{year}-{month:02d}" for year in range(2020, 2026) for month in range(1, 13)]


def image(value: dg.MetadataValue) -> ElementTree.Element:
    """Return the SVG, as a browser reads it from the address of the only image."""
    assert isinstance(value, dg.MarkdownMetadataValue)
    found = re.fullmatch(r"!\[([^\]<>]+)\]\(<data:image/svg\+xml,([^<>#]+)>\)", value.value)
    assert found is not None
    assert len(value.value) < SHOWN_IN_PLACE
    return ElementTree.fromstring(unquote(found[2]))


def texts(svg: ElementTree.Element) -> list[str]:
    return [each.text or "" for each in svg.iter("{http://www.w3.org/2000/svg}text")]


def bars(svg: ElementTree.Element) -> list[int]:
    """Return the height of each bar in pixels."""
    drawn = [each.attrib["d"] for each in svg.iter("{http://www.w3.org/2000/svg}path")]
    found = re.findall(r"M\d+ (\d+)V(\d+)", drawn[-1])
    return [int(low) - int(high) for low, high in found]


def test_a_bar_is_as_high_as_its_rows() -> None:
    svg = image(rows_plot({"2024-01": 500, "2024-02": 0, "2024-03": 1000}, "Rows"))
    half, nothing, most = bars(svg)
    assert (nothing, most) == (0, 2 * half)
    assert 0 < most < int(svg.attrib["height"])
    assert texts(svg) == ["1,000", "2024-01", "2024-03"]


def test_the_newest_of_many_months_are_shown() -> None:
    svg = image(rows_plot({month: 10**9 + n for n, month in enumerate(MONTHS)}, "Rows"))
    assert len(bars(svg)) == 48
    assert texts(svg) == ["1,000,000,071", "2022-01", "2025-12"]


def test_one_empty_month_is_drawn() -> None:
    assert bars(image(rows_plot({"2024-01": 0}, "Rows"))) == [0]


def test_a_calibration_shows_both_lines_within_its_axes() -> None:
    predicted, more, less = ([n * 2**k for k in range(10)] for n in (0.001, 0.0015, 0.0011))
    svg = image(calibration_plot(predicted, {"churned": more, "true hazard": less}))
    _, diagonal, observed, hazard = (
        [tuple(map(int, point)) for point in re.findall(r"(\d+) (\d+)", each.attrib["d"])]
        for each in svg.iter("{http://www.w3.org/2000/svg}path")
    )
    assert len(observed) == len(hazard) == 10
    (left, bottom), (right, top) = diagonal
    assert observed[-1][1] == top  # the largest share
    assert all(left <= x <= right and top <= y <= bottom for x, y in observed + hazard)
    # The higher of two shares is higher in the image, where y grows downwards.
    assert observed[-1][1] < hazard[-1][1] < bottom
    assert texts(svg) == [
        "76.8%", "churned", "true hazard", "mean prediction of each tenth",
    ]  # fmt: skip


def test_the_months_of_earlier_runs_are_drawn_too() -> None:
    key = dg.AssetKey(["raw", "usage_events"])
    with dg.DagsterInstance.ephemeral() as instance:
        for month, rows in (("2024-01-01", 7), ("2024-01-01", 10), ("2024-02-01", 30)):
            instance.report_runless_asset_event(
                dg.AssetMaterialization(key, partition=month, metadata={"dagster/row_count": rows})
            )
        shown = raw._rows_by_month(
            instance,
            key,
            {"2024-02-01": {"dagster/row_count": 20}, "2024-03-01": {"dagster/row_count": 40}},
        )
        first = raw._rows_by_month(
            instance, dg.AssetKey("new"), {"2024-01-01": {"dagster/row_count": 1}}
        )
    most = max(bars(image(shown["rows_by_month"])))
    assert bars(image(shown["rows_by_month"])) == [most // 4, most // 2, most]
    assert texts(image(shown["rows_by_month"])) == ["40", "2024-01", "2024-03"]
    assert len(bars(image(first["rows_by_month"]))) == 1


def test_row_counts_over_time_are_drawn_as_soon_as_there_are_two() -> None:
    days = [DayRows(date(2026, 1, 1) + timedelta(days=n), 100 + n) for n in range(60)]
    assert "rows_by_day" not in (growth._result("plans", days[:1]).metadata or {})
    svg = image(growth._result("plans", days).metadata["rows_by_day"])
    assert texts(svg) == ["159", "2026-01-13", "2026-03-01"]
