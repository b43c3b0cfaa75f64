"""`refjk serve MODULE:APP`: a WSGI application behind a web server that speaks AJP13."""

from __future__ import annotations

import argparse
import logging
import os
import re
import sys

from refjk.base.errors import UsageError
from refjk.cli.running import run_until_stopped
from refjk.cli.secret_file import read_secret_if_given
from refjk.cli.values import count, pause, seconds
from refjk.runtime.access_log import FORMATS, AccessLog
from refjk.runtime.addresses import AJP_PORT_DEFAULT, Address, parse_address
from refjk.runtime.connector import AjpServer, check_exposure
from refjk.runtime.listening import inherited_listeners, resolve
from refjk.runtime.loading import load_application
from refjk.runtime.settings import ConnectorSettings

HELP = "serve a WSGI application over AJP13 (the container's side)"

_DEFAULTS = ConnectorSettings()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "application", metavar="MODULE:APP", help="the WSGI callable; APP is `app` if left out"
    )
    parser.add_argument(
        "--listen",
        metavar="HOST:PORT",
        default="127.0.0.1:8009",
        help="where to listen (default %(default)s; port 0 takes a free one)",
    )
    parser.add_argument("--secret-file", metavar="FILE", help="the secret that the web server must send")
    parser.add_argument(
        "--threads",
        type=int,
        metavar="N",
        default=_DEFAULTS.threads,
        help="requests that run at the same time (default %(default)s)",
    )
    parser.add_argument(
        "--connections",
        type=int,
        metavar="N",
        default=_DEFAULTS.connections_max,
        help="connections from web servers (default %(default)s)",
    )
    parser.add_argument(
        "--packet-size",
        type=int,
        metavar="N",
        default=_DEFAULTS.packet_size,
        help="octets, 8192 to 65536, the same as in the web server (default %(default)s)",
    )
    parser.add_argument(
        "--max-headers",
        type=int,
        metavar="N",
        default=_DEFAULTS.header_count_max,
        help="headers in a request (default %(default)s)",
    )
    parser.add_argument(
        "--max-body",
        type=count,
        metavar="N",
        default=_DEFAULTS.body_size_max,
        help="octets of request body, 0 for no bound (default %(default)s)",
    )
    for phase, default, meaning in (
        ("read", _DEFAULTS.read_timeout_s, "to the next part of a request"),
        ("write", _DEFAULTS.write_timeout_s, "until the web server takes more of an answer"),
        ("idle", _DEFAULTS.idle_timeout_s, "between requests on a connection"),
    ):
        parser.add_argument(
            f"--{phase}-timeout",
            type=seconds,
            metavar="S",
            default=default,
            help=f"{meaning} (default {default:g} s)",
        )
    parser.add_argument(
        "--graceful-timeout",
        type=pause,
        metavar="S",
        default=10.0,
        help="how long running requests may take to finish on SIGTERM (default %(default)g s)",
    )
    parser.add_argument("--script-name", metavar="PATH", default="", help="SCRIPT_NAME, such as /app")
    parser.add_argument(
        "--trust-remote-user", action="store_true", help="take REMOTE_USER and AUTH_TYPE from the web server"
    )
    parser.add_argument(
        "--lift-attribute",
        metavar="NAME",
        action="append",
        default=[],
        help="a request attribute that becomes an environ key of its own (repeatable)",
    )
    parser.add_argument(
        "--only-attributes",
        metavar="REGEX",
        help="refuse requests with other request attributes with 403, as Tomcat does",
    )
    parser.add_argument("--lenient", action="store_true", help="tolerate what old web servers get wrong")
    parser.add_argument("--access-log", metavar="FILE", help="`-` is standard output")
    parser.add_argument("--access-log-format", choices=FORMATS, default="common", help="default %(default)s")
    parser.add_argument(
        "--check-config", action="store_true", help="load everything, listen nowhere, and exit"
    )


def run(options: argparse.Namespace) -> int:
    """Serve until a signal comes. What is wrong is told in one line (WSG-STP-07), with
    `--check-config` before anything listens (WSG-STP-08)."""
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    settings = _settings(options)
    address = parse_address(options.listen, port_default=AJP_PORT_DEFAULT, port_min=0)
    application = load_application(options.application)
    access_log = AccessLog(options.access_log, options.access_log_format) if options.access_log else None
    inherited = inherited_listeners(os.environ)
    if options.check_config:
        if not inherited:
            check_exposure((Address(host, address.port) for _, host in resolve(address)), settings)
        print(f"{options.application} can be served on {options.listen}")
        return 0
    server = AjpServer(
        application,
        options.listen,
        settings,
        sockets=inherited,
        access_log=access_log,
    )
    return run_until_stopped(server, f"serves {options.application}", options.graceful_timeout, access_log)


def _settings(options: argparse.Namespace) -> ConnectorSettings:
    try:
        only = re.compile(options.only_attributes.encode("utf-8")) if options.only_attributes else None
    except re.error as error:
        raise UsageError(f"--only-attributes is not a regular expression: {error}") from None
    return ConnectorSettings(
        secret=read_secret_if_given(options.secret_file),
        packet_size=options.packet_size,
        strict=not options.lenient,
        threads=options.threads,
        connections_max=options.connections,
        header_count_max=options.max_headers,
        body_size_max=options.max_body or None,
        read_timeout_s=options.read_timeout,
        write_timeout_s=options.write_timeout,
        idle_timeout_s=options.idle_timeout,
        trust_remote_user=options.trust_remote_user,
        script_name=_wire_text(options.script_name),
        lifted_attributes=frozenset(map(_wire_text, options.lift_attribute)),
        allowed_attributes=only,
    )


def _wire_text(word: str) -> str:
    """An option's octets in the form that text from the wire has, one character for each."""
    return os.fsencode(word).decode("latin-1")
