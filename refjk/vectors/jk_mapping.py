"""Plays golden decisions of mod_jk 1.2.7 and 1.2.50 about paths against `refjk.mapping`.

Kind `map`: the order of the rules, and for each path the normal form, the rule, the worker. Kind
`uriworkermap`: the same with rules that are read from a mount file. Kind `strings`: forms of paths.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from refjk.base.errors import InputError, Malformed
from refjk.configuration import Complaints, MountRule, MountSource, Place, parse_rule_target, read_mount_file
from refjk.mapping import (
    Kind,
    Mapper127,
    Mapper1250,
    Match,
    Rule,
    Source,
    UriForm,
    jk_forwarded_uri,
    kind_127,
    resolve_path,
    rules_as_written,
    strip_session,
)
from refjk.vectors.jk_cases import Kinds, play_cases, same

KINDS = frozenset({"map", "uriworkermap", "strings"})
SOURCE_127 = "mod_jk 1.2.7"
SOURCE_1250 = "mod_jk 1.2.50"

_TYPES_127 = {kind: kind.value for kind in Kind} | {Kind.WILDCARD: "wildchar"}
_SOURCES = {
    MountSource.FILE: Source.FILE,
    MountSource.DIRECTIVE: Source.DIRECTIVE,
    MountSource.PROPERTY: Source.PROPERTY,
}


def play(document: Mapping[str, Any]) -> tuple[int, list[str]]:
    """Plays one document; returns how many of its cases passed and one line per case that differs.

    A set of rules counts as one case. Raises `InputError` when the document is of another kind or source or
    does not keep to its schema.
    """
    if document.get("kind") == "strings":
        document = {**document, "cases": list(_string_cases(document))}
    if SOURCE_1250 in str(document.get("source")):
        return play_cases(document, SOURCE_1250, _KINDS_1250)
    return play_cases(document, SOURCE_127, {"map": ("sets", "id", _play_map_127)})


def _play_map_127(case: Mapping[str, Any]) -> None:
    rules = [
        Rule(rule["uri"].removeprefix("!"), rule["worker"], None, exclude=rule["uri"].startswith("!"))
        for rule in case["rules"]
    ]
    try:
        mapper = Mapper127(rules)
    except InputError:
        same("load", case.get("load", "fine"), "failed")
        mapper = Mapper127[None](())
    else:
        same("load", case.get("load", "fine"), "fine")
    order = [
        (("!" if rule.exclude else "") + rule.pattern, rule.worker, _TYPES_127[kind_127(rule.octets)])
        for rule in mapper.order
    ]
    same("order", _recorded_order(case), order)
    for path in case["cases"]:
        normal = mapper.normalise(path["uri"].encode())
        same(f"{path['uri']!r}, uri_after", path.get("uri_after", path["uri"]), normal.decode())
        match = mapper.decide(normal)
        _compare_worker(path, match)
        same(f"{path['uri']!r}, fraud", path.get("fraud", False), match is not None and match.suspect)


def _play_map_1250(case: Mapping[str, Any]) -> None:
    rules = [
        rule for given in case["rules"] for rule in rules_as_written(given["uri"], given["worker"], None)
    ]
    _compare_1250(case, Mapper1250(rules))


def _play_mount_file(case: Mapping[str, Any]) -> None:
    place = Place("uriworkermap.properties")
    rules = [
        *map(_translated, read_mount_file("\n".join(case["file_lines"]), place.file, Complaints())),
        *(
            Rule(mount["uri"], parse_rule_target(mount["worker"], place, Complaints())[0], None)
            for mount in case.get("jkmount", ())
        ),
    ]
    _compare_1250(case, Mapper1250(rules, reject_unsafe=case.get("reject_unsafe", False)))


def _translated(rule: MountRule) -> Rule[None]:
    return Rule(rule.pattern, rule.worker, None, rule.exclude, rule.disabled, _SOURCES[rule.source])


def _compare_1250(case: Mapping[str, Any], mapper: Mapper1250[None]) -> None:
    order = [(rule.pattern, rule.worker, _type_1250(rule)) for rule in mapper.order]
    same("order", _recorded_order(case), order)
    for path in case["cases"]:
        uri = path["uri"]
        try:
            normal = mapper.normalise(uri.encode())
        except Malformed:
            same(f"{uri!r}, http", path.get("http"), 400)
            continue
        same(f"{uri!r}, http", path.get("http"), None)
        same(f"{uri!r}, normalized", path.get("normalized", uri), normal.decode())
        match = mapper.decide(normal)
        _compare_worker(path, match)
        same(f"{uri!r}, rule", path.get("rule"), None if match is None else match.rule.pattern)


def _compare_worker(path: Mapping[str, Any], match: Match[None] | None) -> None:
    same(f"{path['uri']!r}, worker", path["worker"], None if match is None else match.worker)


def _type_1250(rule: Rule[None]) -> str:
    marks = ("Disabled " if rule.disabled else "") + ("Unmount " if rule.exclude else "")
    return marks + ("Wildchar" if "*" in rule.pattern or "?" in rule.pattern else "Exact")


def _recorded_order(case: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    return [(rule["uri"], rule["worker"], rule["type"]) for rule in case["order"]]


def _string_cases(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for what in ("normalise", "strip", "encode"):
        given = document.get(what)
        if not isinstance(given, list):
            raise InputError(f"not a document of kind 'strings': {what} is no list")
        yield from ({**case, "what": what, "name": f"{what} {case['in']!r}"} for case in given)


def _play_string(case: Mapping[str, Any]) -> None:
    path = case["in"].encode()
    rc, out = None, None
    if case["what"] == "normalise":
        try:
            out = resolve_path(path)
        except Malformed as refusal:
            rc = _REFUSALS[refusal.clause]
    elif case["what"] == "strip":
        out = strip_session(path)
    else:
        out = jk_forwarded_uri(UriForm.PROXY, path, path)
    same("out", case["out"], None if out is None else out.decode())
    same("rc", case.get("rc"), rc)


_REFUSALS = {"MAP-DEC-03": -1, "MAP-DEC-04": -2}
_KINDS_1250: Kinds = {
    "map": ("sets", "id", _play_map_1250),
    "uriworkermap": ("sets", "id", _play_mount_file),
    "strings": ("cases", "name", _play_string),
}
