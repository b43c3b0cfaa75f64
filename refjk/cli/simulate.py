"""`refjk simulate`: many users against the user's own balancer, in simulated time.

`refjk simulate cluster` is in `simulate_cluster`, and so are `sessions` and `farm` in modules of their names.
"""

from __future__ import annotations

import argparse
import gc
import os
import secrets
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from refjk.base.errors import InputError, UsageError
from refjk.cli import simulate_cluster, simulate_farm, simulate_sessions
from refjk.cli.json_file import write_json
from refjk.cli.values import count
from refjk.configuration import (
    DEFAULT_PROFILE,
    Profile,
    Workers,
    parse_profile,
    raise_if_refused,
    read_httpd,
    read_workers,
    stated_profile,
)
from refjk.runtime.disk_files import DiskFiles
from refjk.simulation import (
    Distribution,
    Replication,
    Scenario,
    as_document,
    change_workers,
    format_time,
    parse_arrivals,
    parse_distribution,
    parse_drain,
    parse_outage,
    parse_time,
    parse_worker_change,
    picture,
    read_subject,
    report,
    simulate,
)

HELP = "many users against your own balancer in simulated time: shares, moves, losses"

_OTHERS = {"cluster": simulate_cluster, "sessions": simulate_sessions, "farm": simulate_farm}
_RUN: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "cluster": simulate_cluster.run,
    "sessions": simulate_sessions.run,
    "farm": simulate_farm.run,
}
_DEFAULTS = Scenario(seed=0)
# There is little garbage, and every collection looks at all users and their events.
_COLLECTION_THRESHOLD = 200_000
T = TypeVar("T")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    _add_balancer(parser.add_argument_group("the balancer"))
    _add_users(parser.add_argument_group("the users; times are written 250ms, 30s, 10m, 1m30s, 2h"))
    _add_containers(parser.add_argument_group("the containers"))
    results = parser.add_argument_group("the result")
    results.add_argument(
        "--seed", type=count, metavar="N", help="the same seed gives the same output (default: a new one)"
    )
    results.add_argument("--json", metavar="FILE", help="also write it as JSON; - prints only that")
    results.add_argument(
        "--svg", metavar="FILE", help="also draw it: shares over time, failures, moves, errors"
    )
    others = parser.add_subparsers(dest="simulated", metavar="NAME", title="instead of a balancer")
    for name, module in _OTHERS.items():
        other = others.add_parser(
            name,
            help=module.HELP,
            description=module.HELP,
            allow_abbrev=False,
            argument_default=argparse.SUPPRESS,
        )
        module.add_arguments(other)


def _add_balancer(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--workers", metavar="FILE", help="a workers.properties, or a httpd.conf that names or holds one"
    )
    group.add_argument(
        "--worker",
        action="append",
        default=[],
        type=_type(parse_worker_change),
        metavar="NAME[=PROPERTY=VALUE,…]",
        help="other properties of a worker or the balancer, or one member more; may be repeated",
    )
    group.add_argument("--balancer", metavar="NAME", help="which worker of type lb, if there are several")
    group.add_argument(
        "--profile",
        type=_type(parse_profile),
        metavar="VERSION",
        help="1.2.7 or 1.2.50 (default: what the file states, or 1.2.50)",
    )
    group.add_argument(
        "--processes",
        type=_positive,
        default=1,
        metavar="N",
        help="of the web server; each has connection_pool_size connections to a worker (default %(default)s)",
    )


def _add_users(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--users", type=_positive, default=_DEFAULTS.users, metavar="N", help="at once (default %(default)s)"
    )
    group.add_argument(
        "--arrivals",
        type=_type(parse_arrivals),
        metavar="poisson:RATE|every:TIME",
        help="users come, RATE in a second, and go (default: all are there, one session after the other)",
    )
    group.add_argument(
        "--duration",
        type=_type(parse_time),
        default=_DEFAULTS.duration_us,
        metavar="TIME",
        help=f"how long to play (default {format_time(_DEFAULTS.duration_us)})",
    )
    group.add_argument(
        "--session-length",
        type=_mean,
        default=_DEFAULTS.session_length,
        metavar="MEAN",
        help="requests in a session (default %(default)g)",
    )
    group.add_argument(
        "--think",
        type=_type(parse_distribution),
        default=_DEFAULTS.think,
        metavar="TIME|KIND:…",
        help="between an answer and the next request (default exponential:5s)",
    )


def _add_containers(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--response",
        action="append",
        default=[],
        type=_type(_response),
        metavar="[WORKER=]KIND:…",
        help="how long a request takes: exponential:MEAN, lognormal:MEDIAN,SIGMA or constant:TIME, for all or"
        " for one worker; may be repeated (default exponential:50ms)",
    )
    group.add_argument(
        "--threads",
        type=count,
        default=_DEFAULTS.threads,
        metavar="N",
        help="of each container; more requests wait (default %(default)s; 0: any number)",
    )
    group.add_argument(
        "--replication",
        type=_type(_replication),
        default=_DEFAULTS.replication,
        metavar="none|domain|all",
        help="which containers know a session: its own, those of its domain, or all (default none)",
    )
    group.add_argument(
        "--fail",
        action="append",
        default=[],
        type=_type(parse_outage),
        metavar="WORKER@FROM..[TO]",
        help="its container is dead for that time; may be repeated",
    )
    group.add_argument(
        "--drain",
        action="append",
        default=[],
        type=_type(parse_drain),
        metavar="WORKER@FROM..[TO][:disable|:stop]",
        help="an operator disables or stops it for that time; may be repeated",
    )


def run(options: argparse.Namespace) -> int:
    if options.simulated is not None:
        return _RUN[options.simulated](options)
    if options.json == "-" and options.svg == "-":
        raise UsageError("--json - and --svg - cannot both be printed")
    scenario = _scenario(options)
    subject = read_subject(_workers(options), options.balancer, options.processes)
    quiet = "-" in (options.json, options.svg)
    if not quiet:
        # Before anything can go wrong.
        print(f"seed {scenario.seed}", flush=True)
    thresholds = gc.get_threshold()
    gc.set_threshold(_COLLECTION_THRESHOLD)
    try:
        result = simulate(subject, scenario)
    finally:
        gc.set_threshold(*thresholds)
    if options.json is not None:
        write_json(options.json, as_document(result))
    if options.svg is not None:
        _write_svg(options.svg, picture(result))
    for line in report(result)[1:] if not quiet else ():
        print(line)
    return 0


def _scenario(options: argparse.Namespace) -> Scenario:
    responses: dict[str | None, Distribution] = dict(options.response)
    try:
        return Scenario(
            seed=secrets.randbelow(1 << 32) if options.seed is None else options.seed,
            users=options.users,
            duration_us=options.duration,
            arrivals=options.arrivals,
            session_length=options.session_length,
            think=options.think,
            response=responses.pop(None, _DEFAULTS.response),
            responses={worker: one for worker, one in responses.items() if worker is not None},
            outages=tuple(options.fail),
            drains=tuple(options.drain),
            replication=options.replication,
            threads=options.threads,
        )
    except ValueError as error:
        raise UsageError(str(error)) from None


def _workers(options: argparse.Namespace) -> Workers:
    """As configured and changed; warnings go to standard error."""
    if options.workers is None:
        if not options.worker:
            raise UsageError("give --workers FILE, or a --worker NAME for each worker")
        names = dict.fromkeys(change.worker for change in options.worker if change.worker != "balancer")
        workers = read_workers(
            "worker.list=balancer\nworker.balancer.type=lb\n"
            f"worker.balancer.balance_workers={','.join(names)}\n",
            "--worker",
            profile=options.profile or DEFAULT_PROFILE,
        )
    else:
        workers = _read(options.workers, options.profile)
    if options.worker:
        raise_if_refused(workers.complaints)
        workers = change_workers(workers, options.worker, options.balancer)
    for complaint in workers.complaints:
        print(complaint, file=sys.stderr)
    raise_if_refused(workers.complaints)
    return workers


def _read(file: str, profile: Profile | None) -> Workers:
    files = DiskFiles()
    if not file.lower().endswith(".properties"):
        configuration = read_httpd(file, files, profile=profile, environment=os.environ)
        raise_if_refused(configuration.complaints)
        return configuration.workers
    text = files.read(file)
    chosen = profile or stated_profile(text) or DEFAULT_PROFILE
    return read_workers(text, file, profile=chosen, environment=os.environ)


def _write_svg(file: str, text: str) -> None:
    if file == "-":
        sys.stdout.write(text)
        return
    try:
        Path(file).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write --svg {file}: {error.strerror}") from None


def _type(parse: Callable[[str], T]) -> Callable[[str], T]:
    """For argparse, which shows the reason of this kind of error only."""

    def convert(text: str) -> T:
        try:
            return parse(text)
        except (ValueError, InputError) as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return convert


def _response(text: str) -> tuple[str | None, Distribution]:
    worker, equals, distribution = text.rpartition("=")
    if equals and not worker:
        raise ValueError(f"{text!r} names no worker before the =")
    return worker or None, parse_distribution(distribution)


def _replication(text: str) -> Replication:
    words = {one.value: one for one in Replication}
    if text not in words:
        raise ValueError(f"{text!r}: write {', '.join(words)}")
    return words[text]


def _positive(text: str) -> int:
    number = count(text)
    if not number:
        raise argparse.ArgumentTypeError("at least 1 is needed")
    return number


def _mean(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of requests") from None
