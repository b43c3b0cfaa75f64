"""Between the name of an archive and the path of its application."""

from __future__ import annotations

import unicodedata

from refjk.base.errors import Malformed

SUFFIX = ".war"
ROOT_NAME = "ROOT"
NAME_SIZE_MAX = 200  # octets of a file's name; leaves room for what a deployer puts around it

_FORBIDDEN = '/\\:*?"<>|'
_DEVICES = frozenset(
    {"con", "prn", "aux", "nul", *(f"com{n}" for n in range(1, 10)), *(f"lpt{n}" for n in range(1, 10))}
)


def last_part(file_name: str) -> str:
    """The file's own name in a path of either kind of system, as a sender writes its own. FAR-MSG-06"""
    return file_name.replace("\\", "/").rpartition("/")[2]


def check_archive_name(name: str) -> str:
    """The name, if a file of this name can be made on any system and stays in its directory.

    Raises `Malformed` otherwise.
    """
    problem = part_problem(name)
    if problem is None and not name.endswith(SUFFIX):
        problem = f"no {SUFFIX} at the end"
    if problem is None and not _segments_hold(name.removesuffix(SUFFIX)):
        problem = "an empty part, or one of dots, between number signs"
    if problem is not None:
        # Every name from the wire and from a directory comes through here.
        raise Malformed("FAR-CTX-04", offset=0, expected="the name of an archive", actual=problem)
    return name


def part_problem(part: str) -> str | None:
    """Why a name cannot be one part of a path on every system, or None."""
    if not part or part.strip(". ") == "":
        return "nothing but dots and spaces"
    try:
        size = len(part.encode("utf-8"))
    except UnicodeEncodeError:
        return "half of a character"
    if size > NAME_SIZE_MAX:
        return f"{size} octets; {NAME_SIZE_MAX} are the most"
    for character in part:
        if character in _FORBIDDEN:
            return f"the character {character!r}"
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp"):
            return f"the character U+{ord(character):04X}"
    if _gains(part):
        # U+FF0F and its like turn into a separator on systems that fold names.
        return "a character that some systems take for another"
    if part[-1] in ". " or part[0] == " ":
        return "a space or dot at its end"
    if part.partition(".")[0].rstrip().casefold() in _DEVICES:
        return "the name of a device"
    return None


def _gains(part: str) -> bool:
    folded = unicodedata.normalize("NFKC", part)
    return any(folded.count(character) > part.count(character) for character in _FORBIDDEN + ".")


def folded(name: str) -> str:
    """Equal for two names that some file system takes for the same."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKC", name).casefold())


def _segments_hold(base: str) -> bool:
    return all(segment and segment.strip(". ") for segment in base.split("#"))


def context_path_of(name: str, *, as_original: bool = False) -> str:
    """The path of the application in an archive: `/shop` of shop.war, empty of ROOT.war, `/a/b` of a#b.war.

    `as_original`: as 5.5.5 has it, where ROOT.war is `/ROOT` and a number sign stays.
    """
    base = name.removesuffix(SUFFIX)
    if as_original:
        return f"/{base}"
    # FAR-CTX-01, FAR-CTX-02, FAR-CTX-03
    return "" if base == ROOT_NAME else "/" + base.replace("#", "/")


def file_name_of(context_path: str) -> str:
    """The archive's name for a path; takes both forms of the root. Raises `Malformed`.

    The inverse of `context_path_of`. FAR-CTX-05
    """
    if context_path in ("", "/", f"/{ROOT_NAME}"):
        return ROOT_NAME + SUFFIX
    if not context_path.startswith("/"):
        raise Malformed("FAR-CTX-05", offset=0, expected="/ at the start", actual=repr(context_path[:40]))
    return check_archive_name(context_path[1:].replace("/", "#") + SUFFIX)
