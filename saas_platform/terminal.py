"""Print lines on the terminal so that names and values cannot control the terminal.

Contains: the two consoles, and the only functions that print text from outside on them. These functions
escape control characters, and they show as plain text what rich would read as markup or as an emoji.
Out of scope: the wording of what is printed.
"""

from __future__ import annotations

import sys

from rich.console import Console
from rich.text import Text

from saas_platform.schema.describing import escaped

#: Results go to standard output. Progress and errors go to standard error.
output = Console(highlight=False)
errors = Console(stderr=True, highlight=False)


def is_live() -> bool:
    """Return whether standard error is a terminal on which what was drawn can be drawn again."""
    return sys.stderr.isatty() and not errors.is_dumb_terminal


#: A text, or a pair of a text and the name of its rich style.
Part = str | tuple[str, str]


def shown(*parts: Part, style: str = "") -> Text:
    r"""Join the escaped parts into one rich Text, for a line, a table or any other rich object.

    >>> shown("[red]", ("\x1b[31m", "bold")).plain
    '[red]\\x1b[31m'
    """
    return Text.assemble(
        *((part, "") if isinstance(part, str) else part for part in map(_escaped, parts)),
        style=style,
    )


def say(console: Console, *parts: Part, style: str = "") -> None:
    """Print one line without wrapping it."""
    console.print(shown(*parts, style=style), soft_wrap=True)


def say_error(text: str) -> None:
    """Print an error message to standard error."""
    say(errors, ("error:", "red"), f" {text}")


def say_warning(text: str) -> None:
    """Print a warning to standard error."""
    say(errors, ("warning:", "yellow"), f" {text}")


def _escaped(part: Part) -> Part:
    if isinstance(part, str):
        return escaped(part)
    text, style = part
    return escaped(text), style
