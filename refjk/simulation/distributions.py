"""How long something takes: a time in words, and a source of such times."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

Sampler = Callable[[], int]


@dataclass(frozen=True, slots=True)
class Constant:
    """Always the same."""

    value_us: int

    def sampler(self, random: Random) -> Sampler:
        """A source of times in microseconds."""
        value = self.value_us
        return lambda: value


@dataclass(frozen=True, slots=True)
class Exponential:
    """Mostly short, sometimes much longer than the mean."""

    mean_us: int

    def sampler(self, random: Random) -> Sampler:
        """A source of times in microseconds."""
        mean, draw, log = -self.mean_us, random.random, math.log
        return lambda: int(log(1.0 - draw()) * mean)


@dataclass(frozen=True, slots=True)
class Lognormal:
    """Half of the times are above the median; `sigma` is the standard deviation of their logarithm."""

    median_us: int
    sigma: float

    def sampler(self, random: Random) -> Sampler:
        """A source of times in microseconds."""
        mu, sigma, draw = math.log(self.median_us), self.sigma, random.lognormvariate
        return lambda: int(draw(mu, sigma))


Distribution = Constant | Exponential | Lognormal
