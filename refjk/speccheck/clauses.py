"""Clauses out of the text of one chapter.

A clause is one paragraph, from its id at the start of a line to the blank line:

    **AREA-TOPIC-NN** (LEVEL; role, role; origin: source, origin: source) One sentence.
    *Why:* the reason (optional).
    *Untested:* why no test can show it (only where that is so).

    **AREA-TOPIC-NN** (withdrawn; successor AREA-TOPIC-NN) What happened to it.

`no successor` stands in the place of the successor where nothing replaces the clause.
Fenced code is not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from refjk.speccheck.complaints import Complaint, Kind
from refjk.speccheck.ids import CLAUSE_ID, mentioned_ids

LEVELS = ("MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "MAY")
ORIGINS = ("documented", "read in source", "observed", "decided here")
NOTES = ("Why", "Untested")

_RFC_2119_WORD = re.compile(
    r"\b(?:(?:MUST|SHALL|SHOULD)(?:\s+NOT)?|(?:NOT\s+)?RECOMMENDED|REQUIRED|MAY|OPTIONAL)\b"
)
_INLINE_CODE = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")
_HEADING = re.compile(r"#{1,6} +(.+)")
_CLAUSE_START = re.compile(r"\*\*\s*(\w+-\w+-\d\w*)\s*[.:]?\s*\*\*")
_HIDDEN_CLAUSE_START = re.compile(r"\W*(\w+-\w+-\d\w*)\W*\((?:MUST|SHOULD|MAY|withdrawn)\b")
_NOTE = re.compile(r"\*(\w+):\*\s*(.*)")
_HEAD = re.compile(r"\*\*[^*]+\*\*\s+(?=\()")


@dataclass(frozen=True, slots=True)
class Clause:
    """One rule; `why` and `untested` are empty where the document has no such line."""

    id: str
    level: str
    roles: tuple[str, ...]
    origins: tuple[str, ...]
    text: str
    why: str
    untested: str
    file: str
    line: int

    @property
    def obliges(self) -> bool:
        return self.level in ("MUST", "MUST NOT")


@dataclass(frozen=True, slots=True)
class WithdrawnClause:
    """An id that is no longer in force; its number is never given again."""

    id: str
    successors: tuple[str, ...]
    text: str
    file: str
    line: int


@dataclass(slots=True)
class Chapter:
    """One document of `spec/`.

    `broken_ids` are clauses that were meant but do not parse; `references` are all ids in the text, with
    their lines.
    """

    file: str
    title: str = ""
    clauses: list[Clause] = field(default_factory=list)
    withdrawn: list[WithdrawnClause] = field(default_factory=list)
    broken_ids: list[str] = field(default_factory=list)
    references: list[tuple[str, int]] = field(default_factory=list)
    complaints: list[Complaint] = field(default_factory=list)

    def complain(self, line: int, kind: Kind, sentence: str) -> None:
        self.complaints.append(Complaint(self.file, line, kind, sentence))


def parse_chapter(file: str, text: str) -> Chapter:
    """All clauses of one document and every complaint about their form."""
    chapter = Chapter(file)
    for first_line, lines in _paragraphs(text):
        if heading := _HEADING.fullmatch(lines[0]):
            chapter.title = chapter.title or heading[1].strip()
        for mention in mentioned_ids("\n".join(lines)):
            if not mention.implied:
                chapter.references.append((mention.id, first_line + mention.line - 1))
        _parse_paragraph(chapter, first_line, lines)
    return chapter


def _paragraphs(text: str) -> Iterator[tuple[int, list[str]]]:
    """Runs of lines between blank lines, headings and fences, each with the number of its first line."""
    fence = ""
    run: list[str] = []
    for number, line in enumerate([*text.splitlines(), ""], start=1):
        mark = _FENCE.fullmatch(line)
        heading = not fence and _HEADING.fullmatch(line)
        if run and (mark or heading or not line.strip()):
            yield number - len(run), run
            run = []
        if fence:
            if mark and mark[1].startswith(fence) and not mark[2].strip():
                fence = ""
        elif mark:
            fence = mark[1]
        elif heading:
            yield number, [line]
        elif line.strip():
            run.append(line)


def _parse_paragraph(chapter: Chapter, first_line: int, lines: list[str]) -> None:
    starts = [index for index, line in enumerate(lines) if _CLAUSE_START.match(line)]
    for index, line in enumerate(lines):
        number = first_line + index
        if index in starts and index > 0:
            _complain_of_form(
                chapter, number, "a clause is a paragraph of its own: put a blank line before it"
            )
        elif index not in starts and (hidden := _HIDDEN_CLAUSE_START.match(line)):
            chapter.broken_ids.append(hidden[1])
            _complain_of_form(
                chapter, number, f"a clause begins its line with **{hidden[1]}**, nothing before it"
            )
        elif (note := _NOTE.match(line)) and note[1] in NOTES and not any(start < index for start in starts):
            sentence = f"a *{note[1]}:* line stands directly below its clause, without a blank line"
            chapter.complain(number, Kind.STRAY_NOTE, sentence)
    for start, end in pairwise([*starts, len(lines)]):
        _parse_clause(chapter, first_line + start, lines[start:end])


def _complain_of_form(chapter: Chapter, line: int, sentence: str) -> None:
    chapter.complain(line, Kind.MALFORMED_CLAUSE, sentence)


def _parse_clause(chapter: Chapter, line: int, lines: list[str]) -> None:
    start = _CLAUSE_START.match(lines[0])
    assert start
    try:
        clause = _clause(chapter.file, line, start[1], lines)
    except _Unparsable as error:
        chapter.broken_ids.append(start[1])
        _complain_of_form(chapter, line, f"clause {start[1]} does not parse: {error}")
        return
    if isinstance(clause, Clause):
        chapter.clauses.append(clause)
        _judge_form(chapter, clause)
    else:
        chapter.withdrawn.append(clause)


def _clause(file: str, line: int, id_: str, lines: list[str]) -> Clause | WithdrawnClause:
    if not CLAUSE_ID.fullmatch(id_):
        raise _Unparsable("its id is not of the form AREA-TOPIC-NN (2 to 4 capitals, twice; 2 digits)")
    if not lines[0].startswith(f"**{id_}**"):
        raise _Unparsable("between the stars stands its id and nothing else")
    head, notes = _split_notes(lines)
    parenthesis, text = _split_head(head)
    fields = tuple(" ".join(part.split()) for part in parenthesis.split(";"))
    if fields[0] == "withdrawn":
        return WithdrawnClause(id_, _successors(fields[1:]), text, file, line)
    if len(fields) != 3:
        raise _Unparsable("its parenthesis is not (level; role, role; origin, origin)")
    roles = tuple(role.strip() for role in fields[1].split(","))
    if not all((fields[0], *roles, fields[2])):
        raise _Unparsable("its parenthesis (level; role, role; origin, origin) has an empty part")
    if not text:
        raise _Unparsable("it has no sentence after the parenthesis")
    why, untested = notes.get("Why", ""), notes.get("Untested", "")
    return Clause(id_, fields[0], roles, _split_origins(fields[2]), text, why, untested, file, line)


class _Unparsable(Exception):
    """The rest of the sentence that says what is wrong with a clause."""


def _split_notes(lines: list[str]) -> tuple[str, dict[str, str]]:
    """The clause itself and its notes by label, each joined into one line."""
    head: list[str] = []
    notes: dict[str, list[str]] = {}
    current = head
    for line in lines:
        if note := _NOTE.match(line):
            if note[1] not in NOTES:
                raise _Unparsable(
                    f"a line below it begins with *{note[1]}:*, but only *Why:* and *Untested:* exist"
                )
            if note[1] in notes:
                raise _Unparsable(f"it has two *{note[1]}:* lines")
            current = notes[note[1]] = [note[2].strip()]
        else:
            current.append(line.strip())
    joined = {label: " ".join(parts).strip() for label, parts in notes.items()}
    for label, words in joined.items():
        if not words:
            raise _Unparsable(f"its *{label}:* line says nothing")
    return " ".join(head), joined


def _split_head(head: str) -> tuple[str, str]:
    """What stands inside the first parenthesis (which may hold others) and the text after it."""
    opening = _HEAD.match(head)
    if not opening:
        raise _Unparsable("a parenthesis with level, role and origin must follow its id")
    depth = 0
    for index in range(opening.end(), len(head)):
        depth += {"(": 1, ")": -1}.get(head[index], 0)
        if depth == 0:
            return head[opening.end() + 1 : index], head[index + 1 :].strip()
    raise _Unparsable("its parenthesis is not closed")


def _successors(fields: tuple[str, ...]) -> tuple[str, ...]:
    if fields == ("no successor",):
        return ()
    word, _, ids = (fields[0] if len(fields) == 1 else "").partition(" ")
    successors = tuple(id_.strip() for id_ in ids.split(","))
    if word != "successor" or not all(CLAUSE_ID.fullmatch(id_) for id_ in successors):
        raise _Unparsable(
            "it says neither (withdrawn; successor AREA-TOPIC-NN) nor (withdrawn; no successor)"
        )
    return successors


def _split_origins(text: str) -> tuple[str, ...]:
    """A comma ends an origin only where the next one begins: `observed: this, that, documented`."""
    origins: list[str] = []
    for part in (part.strip() for part in text.split(",")):
        if origins and part.partition(":")[0] not in ORIGINS:
            origins[-1] += f", {part}"
        else:
            origins.append(part)
    return tuple(origins)


def _judge_form(chapter: Chapter, clause: Clause) -> None:
    """Complaints about a clause that parses: its level, its origins and its one word."""
    if clause.level not in LEVELS:
        chapter.complain(
            clause.line,
            Kind.UNKNOWN_LEVEL,
            f"clause {clause.id} has the level {clause.level!r}; it is one of {', '.join(LEVELS)}",
        )
    for origin in clause.origins:
        if origin.partition(":")[0] not in ORIGINS:
            chapter.complain(
                clause.line,
                Kind.UNKNOWN_ORIGIN,
                f"clause {clause.id} has the origin {origin!r}; it begins with one of {', '.join(ORIGINS)}"
                " and a colon before what follows",
            )
    words = [" ".join(word.split()) for word in _RFC_2119_WORD.findall(_INLINE_CODE.sub("", clause.text))]
    if len(words) != 1:
        found = f"{len(words)} ({', '.join(words)})" if words else "none"
        sentence = f"clause {clause.id} must hold exactly one RFC 2119 word, it holds {found}"
        chapter.complain(clause.line, Kind.LEVEL_WORD, sentence)
    elif clause.level in LEVELS and words[0] != clause.level:
        sentence = f"clause {clause.id} has the level {clause.level} but its text says {words[0]}"
        chapter.complain(clause.line, Kind.LEVEL_WORD, sentence)
