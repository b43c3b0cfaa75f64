"""The command for all of a cluster's numbers, in its short mode."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.interop.peers.process import PROJECT


def test_a_short_run_gives_text_numbers_and_pictures_of_all(tmp_path: Path) -> None:
    words = ["cluster", "--short", "--rounds", "1", "--seconds", "0.1"]
    files = ["--json", str(tmp_path / "numbers.json"), "--svg", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench", *words, *files],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr

    numbers = json.loads((tmp_path / "numbers.json").read_text())
    assert list(numbers) == ["senders", "replication", "objects", "growth"]
    assert all(f"## {name}\n" in done.stdout for name in numbers)
    assert {"p50_us", "p99_us", "sessions_per_s"} <= set(numbers["replication"]["numbers"]["pooled, 2 nodes"])
    assert numbers["replication"]["join"]["a cart"]["sessions"] > 0
    assert numbers["replication"]["memory"]["a cart, resident"] > 0
    assert {path.stem for path in tmp_path.glob("*.svg")} == {
        "replication-latency",
        "growth-wait",
        "growth-capacity",
    }
