"""`--secret-file FILE`: the secret never stands on a command line."""

from __future__ import annotations

from refjk.base.errors import InputError, UsageError


def read_secret_if_given(path: str | None) -> bytes | None:
    """None without the option; an empty name is a mistake, such as a variable that is not set."""
    if path == "":
        raise UsageError("--secret-file is given without a file; leave it out to serve without a secret")
    return None if path is None else read_secret(path)


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
