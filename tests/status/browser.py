"""A real browser without a screen: what its document looks like after it has read a page."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
DEADLINE_S = 60.0


def find_browser() -> str:
    """The program; skips the test when there is none."""
    for name in PROGRAMS:
        if (path := shutil.which(name)) is not None:
            return path
    pytest.skip(f"no browser: none of {', '.join(PROGRAMS)} is installed")


def browse(url: str, directory: Path, *options: str) -> subprocess.CompletedProcess[bytes]:
    """The document of `url` on standard output; with a profile of its own below `directory`."""
    command = [find_browser(), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
    command += ["--disable-dev-shm-usage", f"--user-data-dir={directory / 'profile'}", *options]
    done = subprocess.run(
        [*command, "--dump-dom", url],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")[-2000:]
    return done


def dump_dom(url: str, directory: Path) -> str:
    """The document of `url` as HTML, after the browser has read it."""
    return browse(url, directory).stdout.decode("utf-8")
