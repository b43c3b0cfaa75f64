"""`--json FILE`: a command's result for programs."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from refjk.base.errors import UsageError


def write_json(file: str, value: object) -> None:
    """Write the value, or print it for `-`; raises `UsageError` when the file cannot be written."""
    text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    if file == "-":
        sys.stdout.write(text)
        return
    try:
        Path(file).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write --json {file}: {error.strerror}") from None
