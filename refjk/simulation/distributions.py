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

    @property
    def typical_us(self) -> int:
        """The number that it is known by."""
        return self.value_us

    def sampler(self, random: Random) -> Sampler:
        """A source of times in microseconds."""
        value = self.value_us
        return lambda: value

    def rest_us(self, random: Random) -> int:
        """What is left of such a time at a moment when nobody knows how long it has lasted."""
        return int(random.random() * self.value_us)


@dataclass(frozen=True, slots=True)
class Exponential:
    """Mostly short, sometimes much longer than the mean."""

    mean_us: int

    @property
    def typical_us(self) -> int:
        """The number that it is known by."""
        return self.mean_us

    def sampler(self, random: Random) -> Sampler:
        """A source of times in microseconds."""
        mean, draw, log = -self.mean_us, random.random, math.log
        return lambda: int(log(1.0 - draw()) * mean)

    def rest_us(self, random: Random) -> int:
        """What is left of such a time at a moment when nobody knows how long it has lasted."""
        return int(random.expovariate(1 / self.mean_us))


@dataclass(frozen=True, slots=True)
class Lognormal:
    """Half of the times are above the median; `sigma` is the standard deviation of their logarithm."""

    median_us: int
    sigma: float

    @property
    def typical_us(self) -> int:
        """The number that it is known by."""
        return self.median_us

    def sampler(self, random: Random) -> Sampler:
        """A source of times in microseconds."""
        mu, sigma, draw = math.log(self.median_us), self.sigma, random.lognormvariate
        return lambda: int(draw(mu, sigma))

    def rest_us(self, random: Random) -> int:
        """What is left of such a time at a moment when nobody knows how long it has lasted."""
        # Such a moment falls into a long one more often than into a short one.
        mu = math.log(self.median_us) + self.sigma**2
        return int(random.random() * random.lognormvariate(mu, self.sigma))


Distribution = Constant | Exponential | Lognormal
