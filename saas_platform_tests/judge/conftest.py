"""The fixture that undoes a lie."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture
def lying() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch
