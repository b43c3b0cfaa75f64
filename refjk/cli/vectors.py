"""`refjk vectors check PATH…`: play recordings against refjk's ends and rules."""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from refjk.base.errors import InputError, NothingSelected
from refjk.cli.json_file import write_json
from refjk.vectors import Difference, Judgement, Played, Verdict, play, read_document

HELP = "play recorded exchanges and golden data against refjk"

FILE_SIZE_MAX = 64 * 1024 * 1024


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    what = (
        "play files of recordings; exit 1 when one fails, 3 when one cannot be played, 5 when there is none"
    )
    checking = actions.add_parser("check", help=what, description=what, allow_abbrev=False)
    checking.add_argument(
        "paths", nargs="+", type=Path, metavar="PATH", help="a file, or a folder with *.json files below it"
    )
    checking.add_argument("--json", metavar="FILE", help="also write the result as JSON; - prints only that")
    checking.add_argument(
        "--verbose", action="store_true", help="also print each verdict, its clause and what was passed over"
    )


def run(options: argparse.Namespace) -> int:
    quiet = options.json == "-"
    results: list[tuple[Path, Played]] = []
    refused: list[tuple[Path, InputError]] = []
    files = list(dict.fromkeys(_files(options.paths)))
    if not files:
        raise NothingSelected(f"nothing to play in {', '.join(map(str, options.paths))}")
    progress = _Progress(len(files))
    for number, path in enumerate(files):
        progress.show(number, path)
        try:
            played = _play(path)
        except InputError as error:
            refused.append((path, error))
            progress.clear()
            print(f"refjk vectors: {path}: {error}", file=sys.stderr)
            continue
        results.append((path, played))
        if not quiet:
            progress.clear()
            _print(path, played, options.verbose)
    progress.clear()
    if options.json is not None:
        _write_json(options.json, results, refused)
    if not quiet:
        _print_total(results, refused)
    return _exit_code(results, refused)


def _exit_code(results: list[tuple[Path, Played]], refused: list[tuple[Path, InputError]]) -> int:
    """What failed has been judged, so that it counts before what could not be."""
    if any(played.failed for _, played in results):
        return 1
    if refused:
        raise InputError(f"{len(refused)} of {len(results) + len(refused)} files cannot be played")
    if not any(played.passed for _, played in results):
        raise NothingSelected("the files hold no case")
    return 0


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        for folder, folders, names in os.walk(path):
            folders.sort()
            for name in sorted(names):
                if name.endswith(".json"):
                    yield Path(folder, name)


def _play(path: Path) -> Played:
    try:
        if path.stat().st_size > FILE_SIZE_MAX:
            raise InputError(f"more than {FILE_SIZE_MAX} octets")
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise InputError(error.strerror or type(error).__name__) from error
    except UnicodeDecodeError as error:
        raise InputError(f"octet {error.start}: no UTF-8") from error
    return play(read_document(text))


def _print(path: Path, played: Played, verbose: bool) -> None:
    counts = f" ({_verdicts([played])})" if played.judgements else ""
    print(f"{path}: {played.passed} passed, {played.failed} failed{counts}")
    if played.differences:
        _print_difference(played.differences[0])
        if len(played.differences) > 1:
            print(f"  and {len(played.differences) - 1} more that differ")
    if verbose:
        for judgement in played.judgements:
            print(f"  {_in_words(judgement)}")
        for note in played.notes:
            print(f"  note: {note}")


def _print_difference(difference: Difference) -> None:
    print(f"  first difference: {difference.where}")
    if difference.expected or difference.actual:
        print(f"    expected: {difference.expected}")
        print(f"    actual:   {difference.actual}")


def _in_words(judgement: Judgement) -> str:
    words = f"{judgement.product}: {judgement.verdict.name.lower()}"
    return words if judgement.clause is None else f"{words}, {judgement.clause}: {judgement.reason}"


def _print_total(results: list[tuple[Path, Played]], refused: list[tuple[Path, InputError]]) -> None:
    judged = [played for _, played in results if played.judgements]
    if judged:
        print(f"on the edges: {_verdicts(judged)}")
    if refused:
        print(f"not played: {len(refused)} of {len(results) + len(refused)} files")
    print("{passed} passed, {failed} failed".format_map(_totals(results)))


def _verdicts(played: Iterable[Played]) -> str:
    counts = Counter(one.verdict for one in played)
    return ", ".join(f"{counts[verdict]} {verdict.name.lower()}" for verdict in Verdict)


def _totals(results: list[tuple[Path, Played]]) -> dict[str, int]:
    return {
        "passed": sum(played.passed for _, played in results),
        "failed": sum(played.failed for _, played in results),
    }


def _write_json(
    file: str, results: list[tuple[Path, Played]], refused: list[tuple[Path, InputError]]
) -> None:
    verdicts = Counter(played.verdict for _, played in results)
    document = {
        **_totals(results),
        **{verdict.name.lower(): verdicts[verdict] for verdict in Verdict},
        "files": [_as_json(path, played) for path, played in results],
        "not_played": [{"file": str(path), "reason": str(error)} for path, error in refused],
    }
    write_json(file, document)


def _as_json(path: Path, played: Played) -> dict[str, Any]:
    return {
        "file": str(path),
        "kind": played.kind,
        "passed": played.passed,
        "failed": played.failed,
        "verdict": None if played.verdict is None else played.verdict.name.lower(),
        "differences": [_difference_as_json(difference) for difference in played.differences],
        "judgements": [
            {
                "product": judgement.product,
                "verdict": judgement.verdict.name.lower(),
                "clause": judgement.clause,
                "reason": judgement.reason,
                "difference": judgement.difference and _difference_as_json(judgement.difference),
            }
            for judgement in played.judgements
        ],
        "notes": list(played.notes),
    }


def _difference_as_json(difference: Difference) -> dict[str, str]:
    return {"where": difference.where, "expected": difference.expected, "actual": difference.actual}


class _Progress:
    """One line that is written over and over, only on a terminal."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._wanted = sys.stderr.isatty() and not sys.stdout.isatty()

    def show(self, number: int, path: Path) -> None:
        if self._wanted:
            sys.stderr.write(f"\r\x1b[K{number} of {self._total}: {path.name}")
            sys.stderr.flush()

    def clear(self) -> None:
        if self._wanted:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
