"""Compares the clauses of `spec/` with the code that decides them and the tests that show them.

Tests need only `covers`; it imports nothing else of this package, so that a test starts fast.
All other modules work on text, except `tree`, which reads the files.
"""

from refjk.speccheck.marker import covers

__all__ = ["covers"]
