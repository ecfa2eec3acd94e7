"""Lines on the terminal, in which names and values are shown as they are and act on nothing.

Holds: the two consoles, and the only way to print on them a text that is not ours: what a terminal would
act on is escaped, and what rich would take for markup or an emoji is plain text. Does not hold: what is said.
"""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from saas_platform.schema.describing import escaped

#: Results go to standard output, progress and errors to standard error.
output = Console(highlight=False)
errors = Console(stderr=True, highlight=False)

#: A text, or a text with rich's name of its style.
Part = str | tuple[str, str]


def shown(*parts: Part, style: str = "") -> Text:
    r"""The parts one after the other, ready for rich, in a line, a table or anything else of it.

    >>> shown("[red]", ("\x1b[31m", "bold")).plain
    '[red]\\x1b[31m'
    """
    return Text.assemble(
        *((part, "") if isinstance(part, str) else part for part in map(_escaped, parts)),
        style=style,
    )


def say(console: Console, *parts: Part, style: str = "") -> None:
    """Print one line, as long as it is."""
    console.print(shown(*parts, style=style), soft_wrap=True)


def say_error(text: str) -> None:
    say(errors, ("error:", "red"), f" {text}")


def say_warning(text: str) -> None:
    say(errors, ("warning:", "yellow"), f" {text}")


def _escaped(part: Part) -> Part:
    if isinstance(part, str):
        return escaped(part)
    text, style = part
    return escaped(text), style
