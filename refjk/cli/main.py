"""`refjk COMMAND …`: one table of commands, one place where errors become exit codes.

A command is a module of this package with `HELP` (one line), `add_arguments(parser)` and
`run(options) -> int`; it is imported only when it is called, so that `--version` starts fast.
"""

from __future__ import annotations

import argparse
import importlib
import io
import os
import sys
from collections.abc import Sequence
from typing import Any

from refjk import __version__
from refjk.base.errors import RefjkError

EXIT_DEFECT = 70
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141  # as a program that SIGPIPE ends

COMMANDS: dict[str, str] = {
    "demo": "three nodes, a front and a small application, with one command",
    "serve": "serve a WSGI application over AJP13 (the container's side)",
    "up": "run what the httpd.conf and the server.xml files of a folder describe",
    "node": "run one node: the connectors and applications of a server.xml",
    "front": "an HTTP front that balances over AJP13 workers (the web server's side)",
    "ping": "send CPING to a container and report the answers",
    "request": "send one request to a container over AJP13 and print the answer",
    "decode": "show AJP13 and cluster traffic: hex text, a capture file, or AJP13 live as a relay",
    "members": "watch a cluster without joining it: who comes, beats and vanishes",
    "farm": "list, push and remove the applications of a farm, whose nodes deploy what one of them watches",
    "war": "build and check archives of applications",
    "objects": "show what a Java object stream holds; no class is ever loaded",
    "config": "read the files of httpd, mod_jk and Tomcat: what is wrong in them, what they come to",
    "simulate": "many users against your own balancer in simulated time: shares, moves, losses",
    "vectors": "play recorded exchanges and golden data against refjk",
    "spec": "the specification: compare clauses with code and tests, explain one",
}


def build_parser(command: str | None) -> argparse.ArgumentParser:
    """The parser; only `command` (or none) gets its arguments, the others just their help line."""
    parser = argparse.ArgumentParser(
        prog="refjk",
        description="Tomcat clustering behind mod_jk as an executable specification.",
        epilog="refjk COMMAND --help tells more; exit codes: docs/reference/exit-codes.md",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"refjk {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, help_line in COMMANDS.items():
        sub = commands.add_parser(name, help=help_line, description=help_line, allow_abbrev=False)
        if name == command:
            _module(name).add_arguments(sub)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code (argparse itself exits with 0 or 2)."""
    if arguments is None:
        _buffer_output()
        arguments = sys.argv[1:]
    command = next((word for word in arguments if word in COMMANDS), None)
    try:
        options, unknown = build_parser(command).parse_known_args(list(arguments))
        if unknown:
            parser = argparse.ArgumentParser(prog=f"refjk {options.command}", usage="%(prog)s [--help] …")
            parser.error(f"unrecognized arguments: {' '.join(unknown)}")
        code: int = _module(options.command).run(options)
        sys.stdout.flush()
        return code
    except RefjkError as error:
        print(f"refjk {command}: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of our output went away (`refjk decode … | head`): nobody knows the result.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_BROKEN_PIPE
    except Exception as error:
        print(
            f"refjk {command}: internal error: {type(error).__name__}: {error}\n"
            "This is a defect of refjk; please report it with the command line"
            " (REFJK_TRACEBACK=1 shows where it happened).",
            file=sys.stderr,
        )
        if os.environ.get("REFJK_TRACEBACK"):
            raise
        return EXIT_DEFECT


def _buffer_output() -> None:
    """With PYTHONUNBUFFERED a write that a signal interrupts loses what had not left yet."""
    raw = getattr(sys.stdout, "buffer", None)
    if isinstance(raw, io.RawIOBase):
        encoding, errors = sys.stdout.encoding, sys.stdout.errors
        sys.stdout = io.TextIOWrapper(
            io.BufferedWriter(raw), encoding=encoding, errors=errors, line_buffering=True
        )


def _module(command: str) -> Any:
    return importlib.import_module(f"refjk.cli.{command}")
