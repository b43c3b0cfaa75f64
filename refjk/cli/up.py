"""`refjk up`: what the files of a folder describe, with one command."""

from __future__ import annotations

import argparse

from refjk.cli.site import add_site_arguments, find_site, run_site
from refjk.runtime.front_settings import ServingSettings

HELP = "run what a httpd.conf, or the folder around it, describes"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "place", metavar="DIR|FILE", help="a httpd.conf, or a folder with conf/httpd.conf or httpd.conf in it"
    )
    parser.add_argument(
        "--listen", metavar="HOST:PORT", help="listen here, and not where the file says (port 0: a free one)"
    )
    add_site_arguments(parser)
    parser.add_argument(
        "--graceful-timeout",
        type=float,
        metavar="S",
        default=10.0,
        help="how long running requests may take to finish on SIGTERM (default %(default)g s)",
    )
    parser.add_argument("--check-config", action="store_true", help="check all files, and exit")


def run(options: argparse.Namespace) -> int:
    return run_site(find_site(options.place), options, ServingSettings())
