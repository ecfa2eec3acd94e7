"""What pydantic finds wrong, in words that a user of a file or of the environment understands.

Contains: the sentences that both have in common. Out of scope: where the wrong value stands.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

#: The most characters of a value that a message shows.
_MAX_SHOWN = 60
#: The remedy for each of pydantic's error types. The names in braces come from pydantic's error context.
_REMEDIES = {
    "string_type": "write a text, and put it in quotes if YAML reads it as something else",
    "string_too_short": "it must not be empty",
    "tuple_type": "write a list, such as [a, b]",
    "list_type": "write a list, such as [a, b]",
    "dict_type": "write `name: value` for each entry",
    "model_type": "write `name: value` for each of its parts",
    "model_attributes_type": "write `name: value` for each of its parts",
    "bool_type": "write true or false",
    "bool_parsing": "write true or false",
    "int_type": "write a whole number",
    "int_parsing": "write a whole number",
    "int_from_float": "write a whole number",
    "float_type": "write a number",
    "float_parsing": "write a number",
    "finite_number": "write a finite number",
    "greater_than": "write a number above {gt}",
    "greater_than_equal": "write a number of at least {ge}",
    "less_than": "write a number below {lt}",
    "less_than_equal": "write a number of at most {le}",
    "too_short": "write at least {min_length} entries",
    "too_long": "write at most {max_length} entries",
    "literal_error": "choose {expected}",
    "recursion_loop": "it contains itself",
}


def nearest(name: str, known: Sequence[str]) -> str | None:
    """Return the known name that the user may have meant; None if none is near."""
    return next(iter(difflib.get_close_matches(name, known, n=1)), None)


def wrong_value(name: str, detail: Mapping[str, Any], *, is_secret: bool = False) -> str:
    """Say which value is wrong and what to write instead, without a full stop.

    Args:
        name: the name of the value; empty for the whole of a model.
        detail: one of pydantic's errors.
        is_secret: whether the value must not be shown.
    """
    value, reason = detail["input"], _remedy(detail)
    if is_secret:
        return f"{name} is invalid: {reason}"
    if _is_large(value):
        # A model's own error on one of its parts names what is wrong itself.
        return reason if detail["type"] == "value_error" else f"{name}: {reason}"
    return f"{name} is {_shown(value)}: {reason}" if name else reason


def _is_large(value: Any) -> bool:
    """Return whether a value is too large for a sentence: a list, a mapping or a part of the model."""
    return not isinstance(value, str | int | float | date | None)


def _remedy(detail: Mapping[str, Any]) -> str:
    """Return what to write instead, for one of pydantic's errors."""
    words = _REMEDIES.get(detail["type"])
    if detail["type"] == "value_error":
        return str(detail["ctx"]["error"])
    if words is None:
        return str(detail["msg"])
    context = {**detail.get("ctx", {})}
    if context.get("min_length") == 1:
        return "it must not be empty"
    if "expected" in context:
        context["expected"] = context["expected"].replace("'", "")
    return words.format(**context)


def _shown(value: Any) -> str:
    """Return a value as one writes it in YAML."""
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return repr(value if len(value) <= _MAX_SHOWN else f"{value[:_MAX_SHOWN]}...")
    return str(value)
