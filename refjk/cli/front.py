"""`refjk front`: an HTTP front before one or more AJP13 containers."""

from __future__ import annotations

import argparse
import difflib
import logging
import os
import re
import sys
from collections.abc import Sequence
from typing import Any

from refjk.balancing import WorkerSettings
from refjk.base.errors import UsageError
from refjk.cli.running import run_until_stopped
from refjk.cli.secret_file import read_secret, read_secret_if_given
from refjk.cli.site import add_site_arguments, run_site
from refjk.mapping import parse_mount
from refjk.runtime.access_log import FORMATS, AccessLog
from refjk.runtime.addresses import AJP_PORT_DEFAULT, parse_address
from refjk.runtime.front import HTTP_PORT_DEFAULT, Front
from refjk.runtime.front_settings import BALANCER_DEFAULT, FrontSettings, FrontWorker, ServingSettings
from refjk.runtime.listening import inherited_listeners

HELP = "an HTTP front that balances over AJP13 workers (the web server's side)"

_FIELDS = FrontSettings.__dataclass_fields__
# What a configuration says itself.
_NOT_WITH_CONFIG = (
    "mount",
    "worker",
    "balancer",
    "secret_file",
    "session_cookie",
    "no_sticky",
    "recover_time_s",
    "retries",
    "pool_size",
    "connect_timeout_s",
    "ping_timeout_s",
    "reply_timeout_s",
    "access_log",
    "trace",
)
_WORKER_OPTIONS = ("route", "factor", "domain", "local", "secret-file", "packet-size")
_NAME = re.compile(r"[A-Za-z0-9_\-]+(?:\.[A-Za-z0-9_\-]+)*")
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")


def _default(name: str) -> Any:
    return _FIELDS[name].default


_NUMBERS = (
    ("threads", "threads", "requests that run at the same time"),
    ("connections", "connections_max", "client connections"),
    ("pool-size", "pool_size", "AJP connections to each worker (default: as many as threads)"),
    ("recover-time", "recover_time_s", "seconds for which a worker in error is left alone"),
    ("retries", "retries", "further tries with the same worker when a connection broke"),
    ("replay-size", "replay_size", "octets of a request body that are kept for sending it again"),
    ("max-body", "body_size_max", "octets of request body, 0 for no bound"),
    ("max-headers", "header_count_max", "header lines in a request"),
)
_AJP_PHASES = ("connect", "ping", "reply")
_TIMEOUTS = (
    ("connect", "until a connection to a worker is there"),
    ("ping", "until CPONG comes"),
    ("reply", "until the worker says something"),
    ("read", "to the end of a request's head, or the next octets of its body"),
    ("write", "until the client takes more of an answer"),
    ("idle", "between two requests of a client"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--listen",
        metavar="HOST:PORT",
        help=f"where to listen for HTTP (default 127.0.0.1:{HTTP_PORT_DEFAULT}, or what --config says; "
        "port 0 takes a free one)",
    )
    parser.add_argument(
        "--config",
        metavar="FILE",
        help="a httpd.conf with Jk directives: workers, mounts, balancers, logs and files are as it says",
    )
    add_site_arguments(parser)
    parser.add_argument(
        "--mount",
        metavar="PATTERN=WORKER",
        action="append",
        default=[],
        help=f"paths for a worker or balancer, such as '/*={BALANCER_DEFAULT}' or /app/*=node1 (repeatable)",
    )
    parser.add_argument(
        "--worker",
        metavar="NAME=HOST:PORT[,OPTION=VALUE...]",
        action="append",
        default=[],
        help=f"a container; options: {', '.join(_WORKER_OPTIONS)} (repeatable)",
    )
    parser.add_argument(
        "--balancer",
        metavar="NAME=WORKER,WORKER...",
        action="append",
        default=[],
        help=f"a balancer of its own (repeatable; without any, `{BALANCER_DEFAULT}` has all workers)",
    )
    parser.add_argument("--secret-file", metavar="FILE", help="the secret for all workers without their own")
    parser.add_argument(
        "--session-cookie",
        metavar="NAME",
        default="JSESSIONID",
        help="whose value names the route behind its first dot (default %(default)s)",
    )
    parser.add_argument("--no-sticky", action="store_true", help="ignore sessions when choosing a worker")
    for option, field, meaning in _NUMBERS:
        default = _default(field)
        shown = "" if default is None else f" (default {default})"
        parser.add_argument(
            f"--{option}", dest=field, type=int, metavar="N", default=default, help=meaning + shown
        )
    for phase, meaning in _TIMEOUTS:
        default = _default(f"{phase}_timeout_s")
        parser.add_argument(
            f"--{phase}-timeout",
            dest=f"{phase}_timeout_s",
            type=float,
            metavar="S",
            default=default,
            help=f"{meaning} (default {default:g} s)",
        )
    parser.add_argument(
        "--graceful-timeout",
        type=float,
        metavar="S",
        default=10.0,
        help="how long running requests may take to finish on SIGTERM (default %(default)g s)",
    )
    parser.add_argument("--access-log", metavar="FILE", help="`-` is standard output")
    parser.add_argument("--access-log-format", choices=FORMATS, default="common", help="default %(default)s")
    parser.add_argument(
        "--trace", action="store_true", help="say on standard error which worker gets a request, and why"
    )
    parser.add_argument(
        "--explain",
        action="store_true",
        help="tell the container too, in the request attribute refjk.decision (Tomcat has to allow it)",
    )
    parser.add_argument("--check-config", action="store_true", help="check all options and files, and exit")


def run(options: argparse.Namespace) -> int:
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    if options.config is not None:
        _refuse_what_the_file_says(options)
        return run_site(options.config, options, ServingSettings(**_serving(options)))
    if options.profile is not None or options.define or options.processes != 1 or options.status_remote:
        raise UsageError("--profile, --define, --processes and --status-remote need a --config")
    options.listen = options.listen or f"127.0.0.1:{HTTP_PORT_DEFAULT}"
    settings = build_settings(options)
    parse_address(options.listen, port_default=HTTP_PORT_DEFAULT, port_min=0)
    access_log = AccessLog(options.access_log, options.access_log_format) if options.access_log else None
    if options.check_config:
        print(f"the front can be started; workers: {len(settings.workers)}, mounts: {len(settings.mounts)}")
        return 0
    front = Front(
        settings,
        options.listen,
        sockets=inherited_listeners(os.environ),
        access_log=access_log,
        trace=_trace if options.trace else None,
    )
    return run_until_stopped(front, "front listens", options.graceful_timeout, access_log)


def build_settings(options: argparse.Namespace) -> FrontSettings:
    """Everything but where to listen; raises `UsageError` and `InputError`."""
    secret = read_secret_if_given(options.secret_file)
    if not _TOKEN.fullmatch(options.session_cookie):
        raise UsageError(f"--session-cookie: {options.session_cookie!r} is not the name of a cookie")
    own = ("retries", "pool_size", "recover_time_s")
    return FrontSettings(
        workers=tuple(parse_worker(text, secret) for text in options.worker),
        mounts=tuple(parse_mount(text) for text in options.mount),
        balancers=dict(_parse_balancer(text) for text in options.balancer),
        sticky_session=not options.no_sticky,
        session_cookie=options.session_cookie.encode(),
        **{name: getattr(options, name) for name in own},
        **{f"{phase}_timeout_s": getattr(options, f"{phase}_timeout_s") for phase in _AJP_PHASES},
        **_serving(options),
    )


def _serving(options: argparse.Namespace) -> dict[str, Any]:
    """What `ServingSettings` takes."""
    names = [name for name in ServingSettings.__dataclass_fields__ if name != "body_size_max"]
    return {name: getattr(options, name) for name in names} | {"body_size_max": options.body_size_max or None}


def _refuse_what_the_file_says(options: argparse.Namespace) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    for action in parser._actions:
        if action.dest in _NOT_WITH_CONFIG and getattr(options, action.dest) != action.default:
            raise UsageError(f"{action.option_strings[0]} cannot go with --config: the file says it")


def parse_worker(text: str, secret: bytes | None = None) -> FrontWorker:
    """A worker from `NAME=HOST:PORT,OPTION=VALUE…`; `local` may stand without a value.

    Raises `UsageError` that says what is wrong, and `InputError` for a secret file.
    """
    name, equals, rest = text.partition("=")
    address, *words = rest.split(",")
    if not equals or not _NAME.fullmatch(name):
        raise UsageError(f"--worker {text!r}: write it as NAME=HOST:PORT, such as node1=127.0.0.1:8009")
    values: dict[str, str] = {}
    for word in words:
        option, _, value = word.partition("=")
        option = option.strip().replace("_", "-")
        if option not in _WORKER_OPTIONS:
            raise UsageError(f"worker {name}: no option {option!r}{_hint(option, _WORKER_OPTIONS)}")
        if option in values:
            raise UsageError(f"worker {name}: {option} is there twice")
        values[option] = value.strip()
    if "route" in values and not _NAME.fullmatch(values["route"]):
        raise UsageError(f"worker {name}: {values['route']!r} is not a route")
    defaults = WorkerSettings(name)
    worker = FrontWorker(
        WorkerSettings(
            name,
            factor=_number(name, "factor", values.get("factor"), defaults.factor),
            domain=values.get("domain") or defaults.domain,
            local=_flag(name, "local", values.get("local")),
            route=values.get("route"),
        ),
        parse_address(address, port_default=AJP_PORT_DEFAULT),
        read_secret(values["secret-file"]) if "secret-file" in values else secret,
    )
    packet_size = _number(name, "packet-size", values.get("packet-size"), worker.packet_size)
    return FrontWorker(worker.settings, worker.address, worker.secret, packet_size)


def _parse_balancer(text: str) -> tuple[str, tuple[str, ...]]:
    name, equals, rest = (part.strip() for part in text.partition("="))
    members = tuple(member.strip() for member in rest.split(","))
    if not equals or not _NAME.fullmatch(name) or not all(members):
        raise UsageError(f"--balancer {text!r}: write it as NAME=WORKER,WORKER, such as lb=node1,node2")
    return name, members


def _number(worker: str, option: str, text: str | None, default: int) -> int:
    if text is None:
        return default
    if not (text.isascii() and text.isdigit()) or not 0 < int(text[:10]) < 1 << 31:
        raise UsageError(f"worker {worker}: {option} is a number above 0, not {text!r}")
    return int(text)


def _flag(worker: str, option: str, text: str | None) -> bool:
    if text is None or text.lower() in ("0", "false", "no"):
        return False
    if text.lower() in ("", "1", "true", "yes"):
        return True
    raise UsageError(f"worker {worker}: {option} is 1 or 0, not {text!r}")


def _hint(word: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(word, known, 1)
    return f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(known)}"


def _trace(line: str) -> None:
    print(f"trace: {line}", file=sys.stderr, flush=True)
