"""From lines `name=value` to a map, as each version reads them, with the line of every value."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from refjk.configuration.complaints import Complaints, shown
from refjk.configuration.origins import Origin, Place, Profile, Source
from refjk.configuration.print_faults import complain_of_curly_quotes
from refjk.configuration.property_table import KnownName, Of, Repeat, known_names

# What fits into the line buffer of each version, without its closing zero.
LINE_SIZE_MAX = {Profile.V1_2_7: 1023, Profile.V1_2_50: 8191}
VALUE_SIZE_MAX = 65536
PROPERTIES_MAX = 20_000
_MACRO = re.compile(r"\$\(([^)]*)\)")
_BLANKS = " \t\r\n\v\f"


@dataclass(frozen=True, slots=True)
class Property:
    """One entry of the map: name and value as the version sees them, and where the value was last set."""

    name: str
    value: str
    origin: Origin

    @property
    def place(self) -> Place:
        """The line; every entry has one."""
        assert self.origin.place is not None
        return self.origin.place


class PropertyMap:
    """The properties read so far, in the order in which their names came first."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self._entries: dict[str, Property] = {}
        self._groups: dict[str, list[str]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def key(self, name: str) -> str:
        """What names are compared by. CFG-PRP-05"""
        return name.lower() if self.profile is Profile.V1_2_7 else name

    def get(self, name: str) -> Property | None:
        """The entry of a name."""
        return self._entries.get(self.key(name))

    def put(self, entry: Property) -> None:
        """Adds an entry or takes the place of the one with its name."""
        key = self.key(entry.name)
        if key not in self._entries:
            self._groups.setdefault(key.rpartition(".")[0], []).append(key)
        self._entries[key] = entry

    def below(self, prefix: str) -> list[Property]:
        """The entries whose names are `prefix`, a dot, and one more word."""
        return [self._entries[key] for key in self._groups.get(self.key(prefix), ())]

    def prefixes(self) -> list[str]:
        """All that `below` has an answer for, as keys, in the order in which they came first."""
        return list(self._groups)

    def entries(self) -> list[Property]:
        """All of them, in order."""
        return list(self._entries.values())


@dataclass(frozen=True, slots=True)
class WorkerProperty:
    """The parts of a name `worker.NAME.PROP`, or `worker.PROP` with an empty worker name."""

    worker: str
    name: str


def split_name(name: str) -> WorkerProperty | None:
    """The parts of a name; None for one that is free because it does not begin with `worker.`."""
    head, dot, rest = name.partition(".")
    if head != "worker" or not dot:
        return None
    worker, _, property_name = rest.rpartition(".")
    return WorkerProperty(worker, property_name)


def property_lines(text: str, place: Place, profile: Profile) -> Iterator[tuple[Place, str]]:
    """The lines of a file with their places, cut where the version's buffer ends.

    CFG-PRP-04
    """
    size_max = LINE_SIZE_MAX[profile]
    for number, line in enumerate(text.split("\n"), start=place.line + 1):
        for start in range(0, max(len(line), 1), size_max):
            yield Place(place.file, number), line[start : start + size_max]


class PropertyReader:
    """Reads property lines into one map; what is wrong goes to `complaints`."""

    def __init__(self, profile: Profile, environment: Mapping[str, str], complaints: Complaints) -> None:
        self.properties = PropertyMap(profile)
        self._profile = profile
        self._environment = environment
        self._complaints = complaints
        self._known = known_names(profile)

    def read_file(self, text: str, file: str) -> None:
        """All lines of a workers file."""
        broken: tuple[Place, str] | None = None
        longest = LINE_SIZE_MAX[self._profile]
        for place, line in property_lines(text, Place(file), self._profile):
            if len(line) == longest:
                self._complaints.warning(
                    place, "line", f"longer than {longest} characters: it is cut there", "CFG-PRP-04"
                )
            content = line.partition("#")[0].strip(_BLANKS)
            if broken is not None and content and "=" not in content:
                self._complain_of_broken_value(*broken, content, place)
            empty = content.endswith("=") and "=" not in content[:-1]
            broken = (place, content) if empty else None
            self.read_line(line, place)

    def read_line(self, line: str, place: Place) -> None:
        """One line, of a file or behind JkWorkerProperty."""
        # CFG-PRP-01
        content = line.partition("#")[0].strip(_BLANKS)
        name, _, value = content.partition("=")
        if self._profile is not Profile.V1_2_7:
            name, value = name.strip(_BLANKS), value.strip(_BLANKS)
        # CFG-PRP-03
        if not value or not name:
            if content:
                what = f"{shown(content)} is no NAME=VALUE: the line has no effect"
                self._complaints.warning(place, name or content, what, "CFG-PRP-03")
            return
        self._complain_of_form(name, value, content, place)
        expanded = self._expand(name, value, place)
        if expanded is not None and self._accept(name, place):
            self._store(name, expanded, place)

    def _complain_of_form(self, name: str, value: str, content: str, place: Place) -> None:
        complain_of_curly_quotes(content, content, place, name, self._complaints)
        if name[-1] in _BLANKS or value[0] in _BLANKS:
            # CFG-PRP-02: only 1.2.7 comes here with blanks.
            self._complaints.warning(
                place,
                name,
                "blanks around = are part of name and value in 1.2.7",
                "CFG-PRP-02",
                remedy=f"write {shown(name.strip(_BLANKS))}={shown(value.strip(_BLANKS))}",
            )
        if value.endswith("\\"):
            self._complaints.warning(
                place,
                name,
                "a backslash at the end is part of the value, it does not continue the line",
                "CFG-PRP-03",
                remedy="write the whole value on one line",
            )

    def _complain_of_broken_value(self, where: Place, start: str, rest: str, place: Place) -> None:
        # CFG-PRN-03
        self._complaints.warning(
            where,
            start[:-1].rstrip(_BLANKS),
            f"the value seems to stand on the next line: {shown(rest)}; neither line has an effect",
            "CFG-PRN-03",
            remedy=f"write both as one line: {shown(start + rest)}",
        )

    def _expand(self, name: str, value: str, place: Place) -> str | None:
        """The value with its macros replaced; None when that makes it too long. CFG-PRP-08"""
        room = VALUE_SIZE_MAX

        def one(found: re.Match[str]) -> str:
            nonlocal room
            entry = self.properties.get(found[1])
            text = self._environment.get(found[1]) if entry is None else entry.value
            if text is None:
                what = f"{shown(found[0])} names nothing that is set above, and stays as it is"
                self._complaints.warning(place, name, what, "CFG-PRP-08")
                return found[0]
            room -= len(text)
            return text if room >= 0 else ""

        expanded = _MACRO.sub(one, value)
        if room < 0 or len(expanded) > VALUE_SIZE_MAX:
            # CFG-PRP-10
            self._complaints.error(
                place, name, f"a value of more than {VALUE_SIZE_MAX} characters", "CFG-PRP-10"
            )
            return None
        return expanded

    def _accept(self, name: str, place: Place) -> bool:
        parts = split_name(self.properties.key(name))
        if parts is None:
            return True
        known = self._known.get(parts.name)
        if known is None:
            return self._accept_unknown(name, parts, place)
        if (Of.GLOBAL in known.info.of) == bool(parts.worker):
            form = f"worker.{parts.name}" if parts.worker else f"worker.NAME.{parts.name}"
            what = f"{shown(name)} has no effect"
            self._complaints.warning(place, name, what, "CFG-PRP-11", remedy=f"write {form}")
        if known.deprecated:
            self._complain_of_old_name(name, known, place)
        return True

    def _complain_of_old_name(self, name: str, known: KnownName, place: Place) -> None:
        # CFG-PRP-12
        info = known.info
        if info.retired:
            remedy = {
                "local_worker": "prefer members with distance",
                "local_worker_only": "prefer members with distance",
                "recycle_timeout": "use connection_pool_timeout",
            }.get(info.name, "leave it out")
            what = f"{shown(name)} has no effect any more"
        else:
            what = f"{shown(name)} is the old name of {info.name}"
            remedy = f"write {info.name}"
        self._complaints.warning(place, name, what, "CFG-PRP-12", remedy=remedy)

    def _accept_unknown(self, name: str, parts: WorkerProperty, place: Place) -> bool:
        nearest = self._complaints.nearest(parts.name, self._known)
        clause, remedy = "CFG-PRP-11", ""
        if parts.name == "lb_factor":
            # CFG-PRN-04: the manual of 2004 had this name, no program ever had it.
            clause, remedy = "CFG-PRN-04", f"write worker.{shown(parts.worker)}.lbfactor"
        if self._profile is Profile.V1_2_7:
            # CFG-PRP-11
            what = f"1.2.7 knows no property {shown(name)}, it has no effect"
            self._complaints.warning(place, name, what, clause, nearest, remedy)
            return True
        # CFG-PRP-09
        if clause == "CFG-PRP-11":
            clause = "CFG-PRP-09"
        what = f"there is no property {shown(name)}"
        self._complaints.error(place, name, what, clause, nearest, remedy)
        return False

    def _store(self, name: str, value: str, place: Place) -> None:
        given = Property(name, value, Origin(Source.GIVEN, place))
        before = self.properties.get(name)
        if before is None:
            if len(self.properties) >= PROPERTIES_MAX:
                self._complaints.error(place, name, f"more than {PROPERTIES_MAX} properties", "CFG-PRP-10")
                return
            self.properties.put(given)
            return
        separator = self._separator(name)
        if separator is None:
            what = f"given again: {shown(value)} takes the place of {shown(before.value)} from {before.place}"
            self._complaints.warning(place, name, what, "CFG-PRP-07")
            self.properties.put(given)
            return
        joined = before.value + separator + value
        if len(joined) > VALUE_SIZE_MAX:
            what = f"a value of more than {VALUE_SIZE_MAX} characters"
            self._complaints.error(place, name, what, "CFG-PRP-10")
            return
        if separator == "*" and not (self._is_list(name) and self._profile is Profile.V1_2_7):
            what = (
                f"given again: the value is now {shown(joined)}, of which only a number keeps its first part"
            )
            self._complaints.warning(place, name, what, "CFG-PRP-06")
        self.properties.put(replace(given, name=before.name, value=joined))

    def _separator(self, name: str) -> str | None:
        """What a value is joined with to the one before it; None when it takes its place."""
        if self._profile is Profile.V1_2_7:
            # CFG-PRP-06
            endings = {"path": ":", "cmd_line": " "}
            key = self.properties.key(name)
            return next((joint for ending, joint in endings.items() if key.endswith(ending)), "*")
        # CFG-PRP-07
        known = self._known_of(name)
        if known is None:
            return "*"
        if known.repeat is Repeat.JOINED:
            return {"class_path": ":", "ld_path": ":", "cmd_line": " "}.get(known.info.name, "*")
        return "," if known.repeat is Repeat.LIST else None

    def _is_list(self, name: str) -> bool:
        known = self._known_of(name)
        return known is not None and known.info.repeat is Repeat.LIST

    def _known_of(self, name: str) -> KnownName | None:
        parts = split_name(self.properties.key(name))
        return None if parts is None else self._known.get(parts.name)
