"""Which version's rules apply, and where a value comes from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

from refjk.base.errors import InputError

T = TypeVar("T")


class Profile(Enum):
    """The version of mod_jk whose names and defaults apply."""

    V1_2_7 = "1.2.7"
    V1_2_50 = "1.2.50"

    def knows(self, since: str, gone: str | None = None) -> bool:
        """Whether something is there that came with version `since` and went with version `gone`."""
        own = version_number(self.value)
        return version_number(since) <= own and (gone is None or own < version_number(gone))


# CFG-PRO-01
DEFAULT_PROFILE = Profile.V1_2_50


def parse_profile(text: str) -> Profile:
    """Raises `InputError` that names the choices."""
    for profile in Profile:
        if profile.value == text:
            return profile
    choices = " or ".join(profile.value for profile in Profile)
    raise InputError(f"profile {text!r}: write {choices}")


def version_number(text: str) -> tuple[int, ...]:
    """`1.2.14.1` as numbers; a beta (`1.2.7b3`) counts as its release."""
    return tuple(int(part) for part in re.sub(r"b\d+$", "", text).split("."))


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A line of a file; lines count from 1, and 0 is the file as a whole."""

    file: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


class Source(Enum):
    """How a value came to be."""

    GIVEN = "given"
    DEFAULT = "default"
    DERIVED = "derived"  # a default that follows from other values
    REFERENCE = "reference"  # copied by `reference`; the place is that of the template
    INHERITED = "inherited"  # of a host from the main server, of a member from its balancer


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value comes from. `place` is None for what stands in no file."""

    source: Source
    place: Place | None = None

    def __str__(self) -> str:
        if self.place is None:
            return self.source.value
        return str(self.place) if self.source is Source.GIVEN else f"{self.place} ({self.source.value})"


BY_DEFAULT = Origin(Source.DEFAULT)


@dataclass(frozen=True, slots=True)
class Setting(Generic[T]):
    """A value with its origin."""

    value: T
    origin: Origin = BY_DEFAULT

    @property
    def is_given(self) -> bool:
        """Whether somebody wrote it, here or where it is inherited from."""
        return self.origin.source is not Source.DEFAULT
