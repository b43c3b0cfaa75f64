"""The files of a checkout. The only module here that touches a disk."""

from __future__ import annotations

from pathlib import Path

from refjk.base.errors import InputError
from refjk.speccheck.survey import COVERAGE_FILE, Survey, Texts, survey


def find_root(given: Path | None, start: Path) -> Path:
    """The folder with `spec/` and `refjk/`: the given one, or the nearest at or above `start`.

    Raises `InputError` where there is none.
    """
    if given is not None:
        if not _is_root(given):
            raise InputError(f"{given} is not a checkout of refjk: it must hold spec/ and refjk/")
        return given
    for folder in [start, *start.parents]:
        if _is_root(folder):
            return folder
    raise InputError(
        f"no checkout of refjk (a folder with spec/ and refjk/) at or above {start}; an installed refjk"
        " carries no specification: go to a checkout or name one with --root DIR"
    )


def read_survey(root: Path) -> Survey:
    """Read and compare a checkout. Raises `InputError` for a file that cannot be read."""
    spec = _read(root, "spec", "*.md")
    coverage = spec.pop(COVERAGE_FILE, None)
    return survey(
        Texts(
            spec=spec,
            code=_read(root, "refjk", "*.py"),
            tests=_read(root, "tests", "*.py"),
            coverage=coverage,
        )
    )


def write_coverage(root: Path, text: str) -> None:
    """Raises `InputError` where the file cannot be written."""
    try:
        (root / COVERAGE_FILE).write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise InputError(f"cannot write {root / COVERAGE_FILE}: {error.strerror}") from error


def _is_root(folder: Path) -> bool:
    return (folder / "spec").is_dir() and (folder / "refjk").is_dir()


def _read(root: Path, folder: str, pattern: str) -> dict[str, str]:
    texts = {}
    for path in sorted((root / folder).rglob(pattern)):
        try:
            texts[path.relative_to(root).as_posix()] = path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise InputError(f"cannot read {path}: octet {error.start} is not UTF-8") from error
        except OSError as error:
            raise InputError(f"cannot read {path}: {error.strerror}") from error
    return texts
