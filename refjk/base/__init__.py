"""What every chapter stands on: the error family and octet tools. No I/O."""

from refjk.base.errors import (
    CheckFailed,
    InputError,
    InternalDefect,
    LocalProtocolError,
    Malformed,
    NothingSelected,
    RefjkError,
    Unreachable,
    UsageError,
)

__all__ = [
    "CheckFailed",
    "InputError",
    "InternalDefect",
    "LocalProtocolError",
    "Malformed",
    "NothingSelected",
    "RefjkError",
    "Unreachable",
    "UsageError",
]
