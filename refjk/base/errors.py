"""The errors that are expected. Anything else that escapes is a defect.

Every class carries the exit code with which a command ends when nobody catches it
(`docs/reference/exit-codes.md`).
"""

from __future__ import annotations


class RefjkError(Exception):
    """Base of everything refjk raises on purpose; its text is one line for a user."""

    exit_code = 1


class Malformed(RefjkError):
    """Octets or text from a peer break a clause.

    `offset` counts octets from the start of what was being decoded.
    """

    def __init__(self, clause: str, *, offset: int, expected: str, actual: str) -> None:
        super().__init__(f"{clause} at octet {offset}: expected {expected}, got {actual}")
        self.clause = clause
        self.offset = offset
        self.expected = expected
        self.actual = actual


class LocalProtocolError(RefjkError):
    """The caller asked a core for something the protocol forbids now; nothing was changed."""


class CheckFailed(RefjkError):
    """A check was carried out and its answer is no."""

    exit_code = 1


class UsageError(RefjkError):
    """Options that make no sense, alone or together."""

    exit_code = 2


class InputError(RefjkError):
    """Configuration, application or input that cannot be loaded; names the place where it can."""

    exit_code = 3


class Unreachable(RefjkError):
    """The target does not answer, or nothing could be judged."""

    exit_code = 4


class NothingSelected(RefjkError):
    """A selection that matched nothing, which is a mistake and not a success."""

    exit_code = 5


class InternalDefect(RefjkError):
    """A defect of refjk itself."""

    exit_code = 70
