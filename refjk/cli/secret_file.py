"""`--secret-file FILE`: the secret never stands on a command line."""

from __future__ import annotations

from refjk.base.errors import InputError


def read_secret(path: str) -> bytes:
    """The first line of a file; raises `InputError` when there is none."""
    try:
        with open(path, "rb") as file:
            secret = file.readline(65536).rstrip(b"\r\n")
    except OSError as error:
        raise InputError(f"cannot read the secret file {path}: {error.strerror}") from None
    if not secret:
        raise InputError(f"the secret file {path} is empty; an empty secret would protect nothing")
    return secret
