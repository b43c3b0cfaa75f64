"""Rules for the mappers' tests, written as in a mount file."""

from __future__ import annotations

from refjk.mapping import Mapper, Mapper127, Mapper1250, Mount, Rule, Source, rules_as_written


def written(*lines: str, source: Source = Source.DIRECTIVE) -> list[Mount]:
    """Rules of `PATTERN=WORKER` lines; `!`, `-` and the bar count."""
    pairs = [line.split("=", 1) for line in lines]
    return [rule for text, worker in pairs for rule in rules_as_written(text, worker, None, source)]


def mapper_127(*lines: str) -> Mapper127[None]:
    pairs = [line.split("=", 1) for line in lines]
    return Mapper127(
        [Rule(text.removeprefix("!"), worker, None, exclude=text.startswith("!")) for text, worker in pairs]
    )


def mapper_1250(*lines: str) -> Mapper1250[None]:
    return Mapper1250(written(*lines))


def worker(mapper: Mapper[None], path: bytes) -> str | None:
    """Whose a path is."""
    match = mapper.map(path)
    return None if match is None else match.worker
