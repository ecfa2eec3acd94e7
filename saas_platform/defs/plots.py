"""Draw the plots that the Dagster UI shows in the metadata of assets and checks.

An image is embedded in Markdown. The UI shows Markdown in its place only below 1000 characters, and longer Markdown
behind a link. A drawing library writes ten times as much, so these few lines of SVG are our own. Out of scope: what
is plotted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import quote

import dagster as dg

#: Pixels of the area of the plot, and of the margins for texts at its left, above it and below it.
_WIDTH, _HEIGHT = 290, 130
_LEFT, _TOP, _BELOW = 50, 14, 18
#: More bars would not fit into 1000 characters.
_MOST_BARS = 48
_COLOURS = ("#55e", "#d70")
_GREY = "#999"


def calibration_plot(
    predicted: Sequence[float], shares: Mapping[str, Sequence[float]]
) -> dg.MarkdownMetadataValue:
    """Return the image of two shares of the same groups of accounts, by name, against what was predicted of them.

    Where the predictions are right, the lines lie on the diagonal.
    """
    most = max(max(each) for each in (predicted, *shares.values())) or 1.0
    drawn = [_path([(0, 0), (1, 1)], f"stroke='{_GREY}' stroke-dasharray='4'")]
    for place, (name, share) in enumerate(shares.items()):
        points = [(x / most, y / most) for x, y in zip(predicted, share, strict=True)]
        drawn.append(_path(points, f"stroke='{_COLOURS[place]}' stroke-width='2'"))
        drawn.append(_text(0.03, 0.9 - 0.12 * place, name, _COLOURS[place]))
    drawn.append(_text(0.3, -0.1, "mean prediction of each tenth"))
    return _image("Calibration", f"{most:.1%}", drawn)


def rows_plot(rows: Mapping[str, int], words: str) -> dg.MarkdownMetadataValue:
    """Return the image of the newest row counts, of one or more months or days in the order of time."""
    rows = dict([*rows.items()][-_MOST_BARS:])
    most = max(rows.values()) or 1
    step = 1 / len(rows)
    bars = "".join(
        f"M{_x((place + 0.5) * step)} {_y(0)}V{_y(count / most)}"
        for place, count in enumerate(rows.values())
    )
    first, *_, last = [*rows, *rows]
    drawn = [
        f"<path stroke='{_COLOURS[0]}' stroke-width='{_WIDTH * step * 0.7:.3g}' d='{bars}'/>",
        _text(0, -0.1, first),
        _text(0.8, -0.1, last),
    ]
    return _image(words, f"{most:,}", drawn)


def _x(share: float) -> int:
    return round(_LEFT + share * _WIDTH)


def _y(share: float) -> int:
    return round(_TOP + (1 - share) * _HEIGHT)


def _path(points: Iterable[tuple[float, float]], style: str) -> str:
    places = " ".join(f"{_x(x)} {_y(y)}" for x, y in points)
    return f"<path fill='none' {style} d='M{places}'/>"


def _text(x: float, y: float, words: str, colour: str = _GREY) -> str:
    return f"<text x='{_x(x)}' y='{_y(y)}' fill='{colour}'>{words}</text>"


def _image(words: str, most: str, drawn: list[str]) -> dg.MarkdownMetadataValue:
    """Embed what was drawn, with both axes and the largest value, under the given words."""
    axes = f"<path fill='none' stroke='{_GREY}' d='M{_LEFT} {_TOP}v{_HEIGHT}h{_WIDTH}'/>"
    largest = f"<text y='{_TOP + 4}' fill='{_GREY}'>{most}</text>"
    svg = (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{_LEFT + _WIDTH}'"
        f" height='{_TOP + _HEIGHT + _BELOW}' font-family='sans-serif' font-size='12'>"
        f"{axes}{largest}{''.join(drawn)}</svg>"
    )
    address = quote(svg, safe=" '/:=-.,()")
    return dg.MetadataValue.md(f"![{words}](<data:image/svg+xml,{address}>)")
