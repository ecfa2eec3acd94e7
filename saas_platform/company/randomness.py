"""Random numbers that depend only on what they are for.

Contains: the counter-based generator, in which every number is a hash of (seed, stream name, identity
...). Out of scope: state. The order, the process and the number of draws never matter.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

import numpy as np

from saas_platform.company.columns import Array

#: Decimals kept of the result of a transcendental function, because its last bits differ between processors.
DECIMALS = 9

_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_MASK = (1 << 64) - 1


@lru_cache(maxsize=256)
def _stream_key(seed: int, stream: str) -> int:
    digest = hashlib.blake2b(f"{seed}/{stream}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") & _MASK


def _mixed(bits: Array) -> Array:
    """Mix the bits with the finalizer of splitmix64."""
    bits = (bits ^ (bits >> np.uint64(30))) * _FIRST
    bits = (bits ^ (bits >> np.uint64(27))) * _SECOND
    return bits ^ (bits >> np.uint64(31))


class Dice:
    """Draws for one seed. An identity consists of integers or integer arrays that broadcast together."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def bits(self, stream: str, *identity: Array | int) -> Array:
        """Return 64 random bits (uint64) for each identity."""
        with np.errstate(over="ignore"):
            state: Array = np.uint64(_stream_key(self._seed, stream))  # type: ignore[assignment]
            for part in identity:
                state = _mixed(state ^ (np.asarray(part).astype(np.uint64) + _STEP) * _STEP)
        return state

    def uniform(self, stream: str, *identity: Array | int) -> Array:
        """Return float64 numbers in [0, 1), which are exact multiples of 2**-53."""
        return (self.bits(stream, *identity) >> np.uint64(11)) * 2.0**-53

    def normal(self, stream: str, *identity: Array | int) -> Array:
        """Return standard normal numbers (Box-Muller), rounded to DECIMALS."""
        radius = np.sqrt(-2.0 * np.log1p(-self.uniform(f"{stream}/radius", *identity)))
        angle = 2.0 * np.pi * self.uniform(f"{stream}/angle", *identity)
        return np.round(radius * np.cos(angle), DECIMALS)

    def poisson(self, mean: Array | float, stream: str, *identity: Array | int) -> Array:
        """Return Poisson counts (int64) for small means by inversion, at most 12."""
        drawn = self.uniform(stream, *identity)
        if np.ndim(mean) == 0:
            counts = np.arange(12)
            terms = np.exp(-mean) * np.cumprod(np.append(1.0, mean / counts[1:]))
            bounds = np.round(np.cumsum(terms), DECIMALS)
            return np.searchsorted(bounds, drawn, side="right")
        term = np.exp(-mean)
        below = term.copy()
        count = np.zeros(np.shape(drawn), np.int64)
        for k in range(1, 13):
            count += drawn >= np.round(below, DECIMALS)
            term = term * mean / k
            below += term
        return count

    def index(self, bound: Array | int, stream: str, *identity: Array | int) -> Array:
        """Return integers (int64) in [0, bound)."""
        return np.asarray(self.uniform(stream, *identity) * bound).astype(np.int64)

    def happens(self, probability: Array | float, stream: str, *identity: Array | int) -> Array:
        """Return True with the given probability."""
        return self.uniform(stream, *identity) < np.round(probability, DECIMALS)


def choose(drawn: Array, weights: Array) -> Array:
    """Return an index (int64) into the last axis of `weights`, which is k numbers or a row of k per draw."""
    if np.ndim(weights) == 1:
        bounds = np.round(np.cumsum(weights) / np.sum(weights), DECIMALS)[:-1]
        return np.searchsorted(bounds, drawn, side="right")
    table = np.asarray(weights, np.float64)
    cumulative = np.round(np.cumsum(table, axis=1) / table.sum(axis=1, keepdims=True), DECIMALS)
    return (drawn[:, None] >= cumulative[:, :-1]).sum(axis=1).astype(np.int64)
