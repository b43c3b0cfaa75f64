"""The language of scenarios with archives: that of a cluster, with other verbs for what is sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from refjk.simulation.cluster.commands import COMMON_VERBS, NAME, NAMES, WORD, Command, Language, check_common
from refjk.simulation.cluster.settings import whole_ms
from refjk.simulation.farm.disk import Step
from refjk.simulation.farm.mail import KINDS
from refjk.simulation.farm.settings import FarmSimulationSettings, with_farm_setting

_ARCHIVE = r"[A-Za-z][A-Za-z0-9#]{0,15}"
_VERSION = rf"{_ARCHIVE}=(?:[a-z0-9]{{1,8}}|none)"
_STEP = "|".join(step.value for step in Step)
_DISK = "|".join(step.value for step in Step if step not in (Step.SWEEP, Step.SEND))
_KIND = "|".join(KINDS)

VERBS: Mapping[str, tuple[str, str]] = {
    **COMMON_VERBS,
    "original": (NAMES, "original NODE…"),
    "back": (NAMES, "back NODE…"),
    "version": (
        rf"{_ARCHIVE}=[a-z0-9]{{1,8}} [0-9]{{1,7}}(?: (?:broken|lame))?",
        "version NAME=VERSION OCTETS [broken|lame]",
    ),
    "put": (rf"{NAME} {_VERSION}", "put NODE NAME=VERSION"),
    "half": (rf"{NAME} {_VERSION}", "half NODE NAME=VERSION"),
    "take": (rf"{NAME} {_ARCHIVE}", "take NODE NAME"),
    "end": (
        rf"{NAME} (?:crash|kill) (?:{_STEP})(?: [1-9][0-9]{{0,3}})?",
        f"end NODE crash|kill {_STEP} [COUNT]",
    ),
    "fail": (rf"{NAME} (?:{_DISK})(?: [1-9][0-9]{{0,3}})?", f"fail NODE {_DISK} [COUNT]"),
    "lose": (rf"{NAME} (?:{_KIND})(?: [1-9][0-9]{{0,3}})?", f"lose NODE {_KIND} [COUNT]"),
    "double": (rf"{NAME} (?:{_KIND}) {WORD}(?: [1-9][0-9]{{0,3}})?", f"double NODE {_KIND} TIME [COUNT]"),
    "delay": (rf"{NAME} (?:{_KIND}) {WORD}(?: [1-9][0-9]{{0,3}})?", f"delay NODE {_KIND} TIME [COUNT]"),
    "expect": (
        rf"all same|(?:{NAME}|all) (?:has|serves) {_VERSION}|{NAME} (?:runs|ended)",
        "expect all same, expect NODE|all has|serves NAME=VERSION|none, expect NODE runs|ended",
    ),
}


def _check(verb: str, words: tuple[str, ...]) -> None:
    if verb == "set":
        with_farm_setting(FarmSimulationSettings(), *words)
    elif verb in ("double", "delay"):
        whole_ms(words[2])
    elif verb == "original":
        check_common("join", words)
    else:
        check_common(verb, words)


def parse_scenario(lines: Iterable[str], file: str) -> Iterator[Command]:
    """The commands, one after the other. Raises `InputError` with file and line for what is none."""
    return Language(VERBS, _check).parse(lines, file)
