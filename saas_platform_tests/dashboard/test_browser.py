"""Tests the page as a reader sees it, opened from its file in headless Chromium without a network."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from saas_platform.dashboard import build_page
from saas_platform_tests.dashboard.conftest import AS_OF, MODELS, Changed

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]

#: Returns the number of colours and the share of the most frequent one, for each plot of a screenshot.
_COLOURS = """
async ([image, boxes]) => {
  const picture = new Image();
  picture.src = 'data:image/png;base64,' + image;
  await picture.decode();
  const canvas = document.createElement('canvas');
  canvas.width = picture.width;
  canvas.height = picture.height;
  const context = canvas.getContext('2d', { willReadFrequently: true });
  context.drawImage(picture, 0, 0);
  return boxes.map(([x, y, width, height]) => {
    const pixels = new Uint32Array(context.getImageData(x, y, width, height).data.buffer);
    const counts = new Map();
    for (const pixel of pixels) counts.set(pixel, (counts.get(pixel) || 0) + 1);
    return [counts.size, Math.max(...counts.values()) / pixels.length];
  });
}
"""

#: Returns the texts that run over the tile that holds them.
_RUN_OVER = """
(selector) => [...document.querySelectorAll(selector)].filter((e) => {
  const tile = e.closest('.tile').getBoundingClientRect(), own = e.getBoundingClientRect();
  return own.right > tile.right || own.bottom > tile.bottom;
}).map((e) => e.textContent)
"""


@contextmanager
def opened(
    browser: Browser, path: Path, *, width: int = 1280, scheme: Any = "light"
) -> Iterator[Page]:
    """Open the page and wait until it is drawn. Fail at the end if it reported an error or made a request."""
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, device_scale_factor=1
    )
    page = context.new_page()
    problems: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("dialog", lambda dialog: problems.append(dialog.message))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-drawn]", state="attached")
    yield page
    context.close()
    assert problems == []
    assert [url for url in requests if not url.startswith("data:")] == [path.as_uri()]


def colours(browser: Browser, page: Page, boxes: list[list[int]]) -> list[list[float]]:
    image = base64.b64encode(page.screenshot(full_page=True)).decode()
    blank = browser.new_page()
    try:
        found: list[list[float]] = blank.evaluate(_COLOURS, [image, boxes])
    finally:
        blank.close()
    return found


def boxes(page: Page, selector: str) -> dict[str, list[int]]:
    found: dict[str, list[int]] = page.evaluate(
        """(selector) => Object.fromEntries([...document.querySelectorAll(selector)].map((e) => {
            const box = e.getBoundingClientRect();
            return [e.id, [box.x + scrollX, box.y + scrollY, box.width, box.height].map(Math.round)];
        }))""",
        selector,
    )
    return found


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_every_chart_draws(browser: Browser, page_path: Path, width: int, scheme: str) -> None:
    with opened(browser, page_path, width=width, scheme=scheme) as page:
        plots = boxes(page, ".plot")
        assert len(plots) == int(page.evaluate("document.documentElement.dataset.drawn")) == 24
        paths = page.evaluate(
            "[...document.querySelectorAll('.plot')].map((e) => e.querySelectorAll('svg path').length)"
        )
        assert min(paths) > 5
        places = {"first screen": [0, 0, width, 900], **plots}
        found = dict(zip(places, colours(browser, page, list(places.values())), strict=True))
        for name, (count, share) in found.items():
            assert count > 8, name
            assert share < 0.99, name
        assert found["first screen"][0] > 100
        red = page.evaluate(
            "Number(getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0])"
        )
        assert (red > 200) == (scheme == "light")
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_charts_have_labels_and_data_tables(browser: Browser, page_path: Path) -> None:
    with opened(browser, page_path) as page:
        page.evaluate("document.querySelectorAll('.card details').forEach((e) => (e.open = true))")
        # The browser notifies the script of an opened table a little later.
        page.locator(".card tbody tr").last.wait_for()
        cards = page.evaluate(
            """[...document.querySelectorAll('.card[data-chart]')].map((card) => [
                card.querySelector('h3').textContent,
                card.querySelector('.plot').getAttribute('aria-label'),
                card.querySelectorAll('thead th').length,
                card.querySelectorAll('tbody tr').length,
            ])"""
        )
        for title, label, columns, rows in cards:
            assert label.startswith(title + ". ")
            assert columns > 1, title
            assert rows > 0, title


def test_a_segment_narrows_the_charts_that_have_it(browser: Browser, page_path: Path) -> None:
    with opened(browser, page_path) as page:
        card = page.locator('[data-chart="mrr"]')
        card.locator("summary").click()

        def last_mrr() -> float:
            text = card.locator("tbody tr").last.locator("td").first.inner_text()
            return float(text.lstrip("$").replace(",", ""))

        total = last_mrr()
        parts = []
        for code in ("smb", "mid_market", "enterprise"):
            page.locator(f'input[value="{code}"]').check(force=True)
            parts.append(last_mrr())
        assert sum(parts) == pytest.approx(total, abs=2)
        assert 0 < min(parts) < max(parts) < total
        assert page.locator('[data-chart="revenue"] .whole').is_visible()
        assert page.locator('[data-chart="mrr"] .whole').count() == 0
        page.locator('input[name="segment"][value=""]').check(force=True)
        assert last_mrr() == total
        assert not page.locator('[data-chart="revenue"] .whole').is_visible()


def test_a_tooltip_and_a_legend_react(browser: Browser, page_path: Path) -> None:
    with opened(browser, page_path) as page:
        card = page.locator('[data-chart="mrr-movements"]')
        card.locator(".plot").hover(position={"x": 300, "y": 100})
        tip = page.locator(".tip .line")
        tip.first.wait_for(state="visible")
        assert [line.split("\n")[0] for line in tip.all_inner_texts()][:2] == ["New", "Expansion"]
        before = card.locator("svg path").count()
        card.locator(".legend button").first.click()
        assert card.locator("svg path").count() < before


def test_it_prints_light_and_whole(browser: Browser, page_path: Path) -> None:
    with opened(browser, page_path, scheme="dark") as page:
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        page.emulate_media(media="print")
        page.set_viewport_size({"width": 720, "height": 1000})
        plots = boxes(page, ".plot")
        assert min(height for *_, height in plots.values()) > 80
        assert page.evaluate("document.documentElement.scrollWidth") <= 720
        assert page.pdf().startswith(b"%PDF")
        page.emulate_media(media="screen")
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert page.evaluate("document.documentElement.dataset.theme") is None


def test_hostile_names_do_no_harm(browser: Browser, changed: Changed, tmp_path: Path) -> None:
    name = "</script><img src=x onerror=alert(1)><b>bold</b>"
    path = build_page(
        changed(
            *MODELS,
            f"UPDATE marts.promo_performance SET campaign = '{name}', code = '{name}'",
            f"UPDATE marts.account_month_features SET country = '{name}' WHERE country = 'DE'",
            "UPDATE marts.account_month_features SET acquisition_channel = '__proto__'"
            " WHERE acquisition_channel = 'partner'",
            f"UPDATE marts.dim_account SET segment = '{name}' WHERE segment = 'enterprise'",
            f"UPDATE models.churn_evaluation SET metric = '{name}'",
        ),
        tmp_path,
        AS_OF,
    ).path
    with opened(browser, path) as page:
        for chart in ("promo-conversion", "promo-revenue", "mrr-by-country"):
            card = page.locator(f'[data-chart="{chart}"]')
            card.locator("summary").click()
            plot = card.locator(".plot")
            plot.scroll_into_view_if_needed()
            plot.hover(position={"x": 260, "y": 60})
        page.locator("tbody th", has_text="onerror").first.wait_for()
        assert page.locator("img, main b:not(.tip b)").count() == 0
        assert page.locator('[data-chart="mrr-by-channel"] .legend', has_text="__proto__").count()


def test_without_a_full_month_there_is_still_a_page(
    browser: Browser, changed: Changed, tmp_path: Path
) -> None:
    path = build_page(changed("DELETE FROM marts.mrr_monthly"), tmp_path, AS_OF).path
    page = browser.new_page()
    try:
        page.goto(path.as_uri())
        assert page.locator("h2").first.inner_text() == "No full month yet"
    finally:
        page.close()


def test_a_chart_without_enough_history_says_so(
    browser: Browser, changed: Changed, tmp_path: Path
) -> None:
    path = build_page(
        changed(
            *MODELS,
            "DELETE FROM models.churn_calibration",
            *(
                f"UPDATE marts.{mart} SET is_complete = month < DATE '2024-03-01'"
                for mart in (
                    "mrr_monthly",
                    "churn_monthly",
                    "revenue_monthly",
                    "user_growth_monthly",
                    "billing_health",
                )
            ),
        ),
        tmp_path,
        AS_OF,
    ).path
    with opened(browser, path) as page:
        for chart in ("nrr-grr", "churn-calibration"):
            assert (
                page.locator(f"#{chart}").inner_text() == "Not enough history for this chart yet."
            )
    for width in (390, 1280):
        with opened(browser, path, width=width) as page:
            assert "nothing to compare with" in page.locator(".tiles").inner_text()
            assert page.evaluate(_RUN_OVER, ".tile *") == []
