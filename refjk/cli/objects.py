"""`refjk objects show FILE`: what a Java object stream holds, as a tree."""

from __future__ import annotations

import argparse
import base64
import binascii
import json
import sys
from collections.abc import Iterable
from pathlib import Path

from refjk.base.errors import InputError, UsageError
from refjk.cli.object_tree import lines_of
from refjk.objectstream import Limits, read_stream

HELP = "show what a Java object stream holds; no class is ever loaded"

STDIN = "-"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    what = "print the objects of a stream as a tree"
    showing = actions.add_parser(
        "show",
        help=what,
        description=what,
        epilog="Exit: 0 shown, 1 the stream is malformed (clause and offset are named), 3 cannot be read.",
        allow_abbrev=False,
    )
    showing.add_argument("file", metavar="FILE", help="the stream; - is standard input")
    forms = showing.add_mutually_exclusive_group()
    forms.add_argument("--hex", action="store_true", help="FILE is hex text; white space does not matter")
    forms.add_argument("--base64", action="store_true", help="FILE is base64 text")
    showing.add_argument("--json", action="store_true", help="one JSON object per line")
    showing.add_argument(
        "--without-fields",
        action="append",
        default=[],
        metavar="CLASS",
        help="objects of this class have no field data although its descriptor lists fields",
    )
    showing.add_argument(
        "--depth",
        type=int,
        default=Limits().depth,
        metavar="N",
        help="records at most this deep (default: %(default)s)",
    )


def run(options: argparse.Namespace) -> int:
    if options.depth < 1:
        raise UsageError("--depth: at least 1")
    limits = Limits(depth=options.depth)
    octets = _decoded(_read(options.file, limits), options)
    stream = read_stream(octets, limits=limits, fieldless=options.without_fields)
    lines = lines_of(stream)
    if options.json:
        _print(json.dumps(line.as_json()) for line in lines)
    else:
        _print(map(str, lines))
    return 0


def _read(file: str, limits: Limits) -> bytes:
    """The file; of one that is too long as much as shows it."""
    size_max = 4 * limits.octets  # hex takes two or three characters for each octet
    if file == STDIN:
        return sys.stdin.buffer.read(size_max)
    try:
        with Path(file).open("rb") as opened:
            return opened.read(size_max)
    except OSError as error:
        raise InputError(f"{file}: {error.strerror}") from None


def _decoded(octets: bytes, options: argparse.Namespace) -> bytes:
    if not options.hex and not options.base64:
        return octets
    text = b"".join(octets.split())
    try:
        return binascii.unhexlify(text) if options.hex else base64.b64decode(text, validate=True)
    except ValueError as error:
        form = "hex" if options.hex else "base64"
        raise InputError(f"{options.file}: no {form} text: {error}") from None


def _print(lines: Iterable[str]) -> None:
    encoding = sys.stdout.encoding or "utf-8"
    for line in lines:
        print(line.encode(encoding, "backslashreplace").decode(encoding))
