"""The properties of a realistic company hold on the default company and on two other seeds."""

from __future__ import annotations

import pytest

from saas_platform_tests.company.measures import World
from saas_platform_tests.company.realism import PROPERTIES, Property
from saas_platform_tests.company.world import OTHER_SEEDS, world_of_seed


@pytest.mark.parametrize("wanted", PROPERTIES, ids=lambda wanted: wanted.name)
def test_default_company(default_world: World, wanted: Property) -> None:
    measured = wanted.measure(default_world)
    assert wanted.holds(measured), f"{measured:.4f} is not in {wanted.low} to {wanted.high}"


@pytest.mark.slow
@pytest.mark.parametrize("seed", OTHER_SEEDS)
def test_other_seeds(seed: int) -> None:
    world = world_of_seed(seed)
    measured = {wanted.name: wanted.measure(world) for wanted in PROPERTIES}
    assert not {w.name: measured[w.name] for w in PROPERTIES if not w.holds(measured[w.name])}


def test_number_of_events(default_world: World) -> None:
    assert 1_000_000 <= len(default_world.tables["usage_events"]) <= 1_600_000
