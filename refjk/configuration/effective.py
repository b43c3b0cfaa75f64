"""The effective value of each property of one worker, with its origin."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from refjk.configuration.complaints import Complaints, shown
from refjk.configuration.origins import BY_DEFAULT, Origin, Place, Profile, Source
from refjk.configuration.property_table import BY_NAME, PROPERTIES
from refjk.configuration.property_text import Property, PropertyMap
from refjk.configuration.values import is_whole_number, parse_flag, parse_list, parse_number, parse_statuses
from refjk.configuration.worker_model import Activation, Lock, Method, PingMode

NAME_SIZE_MAX = 63
NAME_SIZE_SAFE = 60
_BOUNDED = frozenset(
    {"host", "source", "route", "domain", "redirect", "session_cookie", "session_path", "session_cookie_path"}
)
Choice = TypeVar("Choice", Activation, Method, Lock)


# CFG-VAL-05
ACTIVATION = {
    "A": Activation.ACTIVE,
    "0": Activation.ACTIVE,
    "D": Activation.DISABLED,
    "1": Activation.DISABLED,
}
ACTIVATION |= {"S": Activation.STOPPED, "2": Activation.STOPPED}
METHOD = {"R": Method.REQUEST, "0": Method.REQUEST, "T": Method.TRAFFIC, "1": Method.TRAFFIC}
METHOD |= {"B": Method.BUSYNESS, "2": Method.BUSYNESS, "S": Method.SESSIONS, "3": Method.SESSIONS}
METHOD |= {"N": Method.NEXT, "4": Method.NEXT}
LOCK = {"O": Lock.OPTIMISTIC, "0": Lock.OPTIMISTIC, "P": Lock.PESSIMISTIC, "1": Lock.PESSIMISTIC}


def complain_of_length(what: str, text: str, place: Place, name: str, complaints: Complaints) -> None:
    """Names have to fit the shared memory of all processes. CFG-VAL-10"""
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > NAME_SIZE_MAX:
        complaints.error(place, name, f"{what} is longer than {NAME_SIZE_MAX} octets", "CFG-VAL-10")
    elif size > NAME_SIZE_SAFE:
        remedy = f"versions up to 1.2.48 take {NAME_SIZE_SAFE}"
        complaints.warning(place, name, f"{what} is {size} octets long", "CFG-VAL-10", remedy=remedy)


class Effective:
    """Reads one worker's properties out of the map; remembers where each value came from."""

    def __init__(self, name: str, properties: PropertyMap, complaints: Complaints) -> None:
        self.name = name
        self.origins: dict[str, Origin] = {}
        self._properties = properties
        self._profile = properties.profile
        self._complaints = complaints

    def given(self, name: str) -> Property | None:
        """The entry that counts for a property, under its current or an old name. CFG-WRK-05"""
        for known in BY_NAME[name].names(self._profile):
            entry = self._properties.get(f"worker.{self.name}.{known}" if self.name else f"worker.{known}")
            if entry is not None:
                return entry
        return None

    def text(self, name: str) -> str | None:
        """A property of kind TEXT."""
        entry = self.given(name)
        if entry is None:
            return self._default(name, str)
        self.origins[name] = entry.origin
        if name in _BOUNDED and self._profile is not Profile.V1_2_7:
            complain_of_length(shown(entry.value), entry.value, entry.place, entry.name, self._complaints)
        return entry.value

    def number(self, name: str) -> int:
        """A property of kind NUMBER with a plain default."""
        number = self.number_if_given(name)
        if number is None:
            number = self._default(name, int)
            assert number is not None
        return number

    def number_if_given(self, name: str) -> int | None:
        """A number, at least the minimum; None when the default counts."""
        entry = self.given(name)
        if entry is None:
            return None
        self.origins[name] = entry.origin
        number = parse_number(entry.value)
        if not is_whole_number(entry.value):
            what = f"{shown(entry.value)} reads as {number}"
            self._complaints.warning(entry.place, entry.name, what, "CFG-VAL-01")
        # CFG-VAL-06
        minimum = BY_NAME[name].minimum_of(self._profile)
        if minimum is not None and number < minimum:
            what = f"{number} counts as {minimum}, the least value"
            self._complaints.warning(entry.place, entry.name, what, "CFG-VAL-06")
            number = minimum
        return number

    def derived(self, name: str, default: Callable[[], int]) -> int:
        """A number whose default follows from other values in 1.2.50."""
        number = self.number_if_given(name)
        if number is not None:
            return number
        if self._profile is Profile.V1_2_7:
            return self.number(name)
        self.origins[name] = Origin(Source.DERIVED)
        return default()

    def flag(self, name: str) -> bool:
        """A property of kind FLAG."""
        entry = self.given(name)
        flag = None if entry is None else self.flag_of(entry)
        if entry is None or flag is None:
            default = self._default(name, bool)
            assert default is not None
            return default
        self.origins[name] = entry.origin
        return flag

    def flag_of(self, entry: Property) -> bool | None:
        """The flag of an entry; None, with a warning, when the word says nothing."""
        flag = parse_flag(entry.value, self._profile)
        as_now = parse_flag(entry.value, Profile.V1_2_50)
        if flag is None:
            what = f"{shown(entry.value)} is no flag word, the default counts"
            self._complaints.warning(
                entry.place, entry.name, what, "CFG-VAL-03", remedy="write true or false"
            )
        elif flag is not as_now:
            what = f"{shown(entry.value)} reads as {str(flag).lower()} in 1.2.7"
            self._complaints.warning(
                entry.place, entry.name, what, "CFG-VAL-02", remedy="write true or false"
            )
        return flag

    def names(self, name: str) -> tuple[str, ...]:
        """A list of names or patterns, repetitions included."""
        entry = self.given(name)
        if entry is None:
            self.origins[name] = BY_DEFAULT
            default = BY_NAME[name].default_of(self._profile)
            return tuple(str(part) for part in default) if isinstance(default, tuple) else ()
        self.origins[name] = entry.origin
        return parse_list(entry.value, self._profile)

    def statuses(self, name: str) -> tuple[int, ...]:
        """A list of HTTP statuses."""
        entry = self.given(name)
        self.origins[name] = BY_DEFAULT if entry is None else entry.origin
        return () if entry is None else parse_statuses(entry.value, self._profile)

    def letter(self, name: str, choices: Mapping[str, Choice]) -> Choice:
        """A property whose first letter chooses; the first choice is the default."""
        entry = self.given(name)
        self.origins[name] = BY_DEFAULT if entry is None else entry.origin
        first = next(iter(choices.values()))
        if entry is None:
            return first
        chosen = choices.get(entry.value[:1].upper())
        if chosen is None:
            what = f"{shown(entry.value)} is no known word and counts as {first.value}"
            known = ", ".join(dict.fromkeys(choice.value for choice in choices.values()))
            self._complaints.warning(entry.place, entry.name, what, "CFG-VAL-05", remedy=f"known: {known}")
        return chosen or first

    def ping_mode(self) -> PingMode:
        """The letters of `ping_mode`. CFG-VAL-09"""
        entry = self.given("ping_mode")
        self.origins["ping_mode"] = BY_DEFAULT if entry is None else entry.origin
        mode = PingMode(0)
        for letter in "" if entry is None else entry.value.upper():
            mode |= _PINGS.get(letter, PingMode(0))
        if entry is not None and set(entry.value.upper()) - set(_PINGS):
            what = f"{shown(entry.value)} has letters that say nothing"
            self._complaints.warning(entry.place, entry.name, what, "CFG-VAL-09", remedy="known: C, P, I, A")
        return mode

    def known_origins(self) -> dict[str, Origin]:
        """The origins of the properties that this version knows, in the order of the table."""
        return {
            info.name: self.origins[info.name]
            for info in PROPERTIES
            if info.name in self.origins and next(info.names(self._profile), None) is not None
        }

    def _default(self, name: str, kind: type[Default]) -> Default | None:
        self.origins[name] = BY_DEFAULT
        value = BY_NAME[name].default_of(self._profile)
        assert value is None or isinstance(value, kind)
        return value


Default = TypeVar("Default", str, int, bool)
_PINGS = {
    "C": PingMode.CONNECT,
    "P": PingMode.PREPOST,
    "I": PingMode.INTERVAL,
    "A": PingMode.CONNECT | PingMode.PREPOST | PingMode.INTERVAL,
}
