"""`python -m tests.bench [WHAT]`; results to stdout, progress to stderr."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path

from tests.bench import front, transfer
from tests.bench.candidates import CANDIDATES, Candidate
from tests.bench.throughput import as_markdown, measure
from tests.interop.peers import PeerMissing

ALONE = (
    "codec",
    "decisions",
    "objects",
    "senders",
    "replication",
)  # refjk by itself, without httpd and other servers


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
        choices=("requests", "front", "transfer", "codec", "decisions", "objects", "senders", "replication"),
        default="requests",
        help="front: refjk's front and httpd, over AJP and over plain HTTP",
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
    return parser.parse_args()


def selected(what: str, only: str | None) -> list[Candidate]:
    """The candidates whose names contain one of the given parts."""
    parts = only.split(",") if only else [""]
    candidates = front.FRONT_CANDIDATES if what == "front" else CANDIDATES
    return [candidate for candidate in candidates if any(part in candidate.name for part in parts)]


def main() -> int:
    """Exit code 0; 1 when refjk was wanted and not measured; 4 without httpd; 5 when nothing was selected."""
    options = parse()
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
    return 0 if options.what in ALONE or wanted <= measured else 1


def run(options: argparse.Namespace, candidates: list[Candidate]) -> tuple[str, object, set[str]]:
    """Markdown, numbers for JSON, and the names of what was measured."""
    if options.what == "codec":
        from tests.bench import codec

        rates = codec.measure(options.rounds)
        return codec.as_markdown(rates), rates, set(rates)
    if options.what == "decisions":
        from tests.bench import decisions

        rates = decisions.measure(options.rounds)
        return decisions.as_markdown(rates), rates, set(rates)
    if options.what == "objects":
        from tests.bench import objects

        times = objects.measure(options.rounds)
        return objects.as_markdown(times), times, set(times)
    if options.what == "senders":
        from tests.bench import senders

        sent = senders.measure(options.rounds, options.seconds)
        return senders.as_markdown(sent), dataclasses.asdict(sent), set()
    if options.what == "replication":
        from tests.bench import replication

        added = replication.measure(options.rounds, options.seconds)
        return replication.as_markdown(added), dataclasses.asdict(added), set()
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
