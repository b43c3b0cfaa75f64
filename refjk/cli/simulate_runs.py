"""What the commands that play seeds have in common."""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import secrets
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TypeVar

from refjk.base.errors import InputError, UsageError
from refjk.cli.json_file import write_json
from refjk.cli.values import count

_AnyPlan = TypeVar("_AnyPlan")
_AnyResult = TypeVar("_AnyResult")


def add_run_options(parser: argparse.ArgumentParser, seeds: str) -> None:
    """No option has a default: what stands before the command's word must not be lost."""
    parser.add_argument("--journal", metavar="FILE", help="write what happened, line by line; - prints it")
    parser.add_argument("--json", metavar="FILE", help="also write the result as JSON; - prints only that")
    parser.add_argument("--seeds", type=parse_seeds, metavar="A..B", help=seeds)
    parser.add_argument(
        "--processes", type=parse_processes, metavar="N", help="that share the seeds (default 1)"
    )


def begin_run(given: dict[str, object]) -> int:
    """The seed of a single run, told before anything can go wrong."""
    seed = secrets.randbelow(1 << 32) if given.get("seed") is None else int(str(given["seed"]))
    if given.get("json") != "-":
        print(f"seed {seed}", flush=True)
    elif given.get("journal") == "-":
        raise UsageError("--json - and --journal - cannot both be printed")
    return seed


def tell_result(given: dict[str, object], document: object, lines: Sequence[str]) -> None:
    """As JSON and as text, as it is wanted; the first line is the seed, which was told."""
    if given.get("json") is not None:
        write_json(str(given["json"]), document)
    for line in lines[1:] if given.get("json") != "-" else ():
        print(line)


def read_lines(scenario: object) -> list[str]:
    """What `--scenario` names. Raises `InputError`."""
    try:
        return Path(str(scenario)).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {scenario}: {error}") from None


@contextlib.contextmanager
def open_journal(file: object) -> Iterator[Callable[[str], None] | None]:
    """What `--journal` names, to write lines to."""
    if file is None:
        yield None
    elif file == "-":
        yield print
    else:
        path = Path(str(file))
        try:
            path.write_text("", encoding="utf-8")
        except OSError as error:
            raise UsageError(f"cannot write --journal {file}: {error.strerror}") from None
        with path.open("a", encoding="utf-8") as opened:
            yield lambda line: print(line, file=opened)


def results_of(
    run: Callable[[_AnyPlan], _AnyResult], plans: Sequence[_AnyPlan], processes: int
) -> Iterator[_AnyResult]:
    """In the order of the plans, whoever plays them."""
    if processes == 1:
        yield from map(run, plans)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        yield from pool.map(run, plans, chunksize=10)


def leave(name: str, scenario: str, folder: object) -> Path:
    """Writes a scenario into what `--keep` names."""
    file = Path(str(folder or ".")) / name
    try:
        file.write_text(scenario, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {file}: {error.strerror}") from None
    print(f"the scenario is in {file}", file=sys.stderr)
    return file


def check_keep(given: dict[str, object]) -> None:
    """Raises `UsageError` if `--keep` names no folder."""
    keep = given.get("keep")
    if keep is not None and not Path(str(keep)).is_dir():
        raise UsageError(f"--keep {keep}: there is no such folder")


def refuse_beside(option: str, given: dict[str, object], others: tuple[str, ...]) -> None:
    """Raises `UsageError` if one of the others is given too."""
    for other in others:
        if given.get(other) is not None:
            raise UsageError(f"{option} and --{other} do not go together")


def parse_seeds(text: str) -> range:
    """`A..B`, or one."""
    first, dots, last = text.partition("..")
    seeds = range(count(first), count(last if dots else first) + 1)
    if not seeds:
        raise argparse.ArgumentTypeError(f"{text!r} holds no seed")
    return seeds


def parse_processes(text: str) -> int:
    """How many share the work."""
    number = count(text)
    if not 1 <= number <= 64:
        raise argparse.ArgumentTypeError(f"{text} is not within 1 to 64")
    return number
