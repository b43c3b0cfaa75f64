"""`refjk war build DIR` and `refjk war check FILE`: archives of applications for the farm."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from refjk.base.errors import InputError, Malformed
from refjk.farm import SUFFIX, check_archive_name, context_path_of, is_public
from refjk.runtime.war_archive import ArchiveReport, build_archive, verify_archive

HELP = "build and check archives of applications"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    what = "make an archive of a folder with WEB-INF/web.xml"
    building = actions.add_parser("build", help=what, description=what, allow_abbrev=False)
    building.add_argument("folder", type=Path, metavar="DIR", help="the application, unpacked")
    building.add_argument(
        "--output", type=Path, metavar="FILE", help="the archive to write; otherwise DIR.war beside DIR"
    )
    what = "read an archive whole, as a node does before it deploys it; exit 1 when a node would refuse it"
    checking = actions.add_parser("check", help=what, description=what, allow_abbrev=False)
    checking.add_argument("file", type=Path, metavar="FILE")
    checking.add_argument("--verbose", action="store_true", help="also list the files")


def run(options: argparse.Namespace) -> int:
    if options.action == "build":
        return _build(options.folder, options.output)
    return _check(options.file, options.verbose)


def _build(folder: Path, output: Path | None) -> int:
    target = output or Path(f"{folder.resolve()}{SUFFIX}")
    try:
        check_archive_name(target.name)
        report = build_archive(folder, target)
    except Malformed as error:
        raise InputError(f"{folder}: no node would deploy it: {error}") from error
    print(f"{target}: {_in_words(target.name, report)}")
    return 0


def _check(file: Path, verbose: bool) -> int:
    try:
        check_archive_name(file.name)
        report = verify_archive(file)
    except Malformed as error:
        print(f"{file}: refused: {error}", file=sys.stderr)
        return error.exit_code
    print(f"{file}: {_in_words(file.name, report)}")
    if verbose:
        for name in report.names:
            print(f"  {'served' if is_public(name) else 'hidden'}  {name}")
    return 0


def _in_words(name: str, report: ArchiveReport) -> str:
    application = report.application
    kind = ", distributable" if application.distributable else ""
    return (
        f"{application.module}:{application.attribute} at {context_path_of(name) or '/'}{kind}; "
        f"{len(report.names)} entries, {report.size} octets packed, {report.expanded_size} unpacked; "
        f"SHA-256 {report.digest.hex()}"
    )
