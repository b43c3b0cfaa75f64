"""`python -m tests.bench [WHAT]`; results to stdout, progress to stderr."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path

from tests.bench import alone, front, transfer
from tests.bench.candidates import CANDIDATES, Candidate
from tests.bench.throughput import as_markdown, measure
from tests.interop.peers import PeerMissing


def parse() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        description="Measure refjk behind httpd beside other WSGI servers, in one interleaved run.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "what",
        nargs="?",
        choices=("requests", "front", "transfer", *alone.BENCHES),
        default="requests",
        help="front: refjk's front and httpd, over AJP and over plain HTTP; senders and replication: between "
        "processes; growth: a cluster of up to 100 nodes, simulated; cluster: these three and objects",
    )
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument("--seconds", type=float, default=3.0, metavar="S", help="length of one measurement")
    parser.add_argument("--connections", metavar="N,N,…", help="default 1,16,64; for front 1,16")
    parser.add_argument("--threads", type=int, default=16, metavar="N", help="worker threads of each server")
    parser.add_argument("--httpd-threads", type=int, default=128, metavar="N")
    parser.add_argument(
        "--only",
        metavar="NAME,NAME,…",
        help="parts of names among: "
        + " ".join(candidate.name for candidate in CANDIDATES)
        + "; for front: "
        + " ".join(candidate.name for candidate in front.FRONT_CANDIDATES),
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="all numbers of all rounds")
    parser.add_argument(
        "--svg",
        type=Path,
        metavar="FOLDER",
        help="curves of senders, replication, growth and cluster; those of the documents: docs/explanation",
    )
    parser.add_argument(
        "--short",
        action="store_true",
        help="of these and of objects: each once and small, to see that they run",
    )
    return parser.parse_args()


def selected(what: str, only: str | None) -> list[Candidate]:
    """The candidates whose names contain one of the given parts."""
    parts = only.split(",") if only else [""]
    candidates = front.FRONT_CANDIDATES if what == "front" else CANDIDATES
    return [candidate for candidate in candidates if any(part in candidate.name for part in parts)]


def main() -> int:
    """Exit code 0; 1 when refjk was wanted and not measured; 4 without httpd; 5 when nothing was selected."""
    options = parse()
    if options.what in alone.BENCHES:
        return run_alone(options)
    candidates = selected(options.what, options.only)
    if not candidates:
        print(f"no candidate's name contains {options.only}", file=sys.stderr)
        return 5
    try:
        text, numbers, measured = run(options, candidates)
    except PeerMissing as missing:
        print(missing, file=sys.stderr)
        return 4
    print(text)
    if options.json:
        options.json.write_text(json.dumps(numbers, indent=1) + "\n")
    wanted = {candidate.name for candidate in candidates if candidate.kind == "own"}
    return 0 if wanted <= measured else 1


def run_alone(options: argparse.Namespace) -> int:
    """Text, numbers and pictures of refjk by itself."""
    done = alone.BENCHES[options.what](alone.Wish(options.rounds, options.seconds, options.short))
    print(done.text)
    if options.json:
        options.json.write_text(json.dumps(done.numbers, indent=1) + "\n")
    if options.svg:
        for path in alone.write_pictures(done.charts, options.svg):
            print(f"{path} written", file=sys.stderr)
    return 0


def run(options: argparse.Namespace, candidates: list[Candidate]) -> tuple[str, object, set[str]]:
    """Markdown, numbers for JSON, and the names of what was measured."""
    sizes = {"threads": options.threads, "httpd_threads": options.httpd_threads}
    if options.what == "transfer":
        moved = transfer.measure(candidates, rounds=options.rounds, **sizes)
        return transfer.as_markdown(moved), dataclasses.asdict(moved), set(moved.rates)
    is_front = options.what == "front"
    words = options.connections or ("1,16" if is_front else "1,16,64")
    connections = [int(number) for number in words.split(",")]
    result = (front.measure_fronts if is_front else measure)(
        candidates, rounds=options.rounds, seconds=options.seconds, connections=connections, **sizes
    )
    if is_front:
        return front.as_markdown(result, connections), dataclasses.asdict(result), set(result.rates)
    return as_markdown(result, candidates, connections), dataclasses.asdict(result), set(result.rates)


if __name__ == "__main__":
    sys.exit(main())
