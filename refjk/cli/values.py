"""What the values of options may be; for `type=` of argparse, which tells the user and exits with 2."""

from __future__ import annotations

import argparse
import math

from refjk.ajp13.codes import check_packet_size


def seconds(text: str) -> float:
    """A time above 0."""
    value = pause(text)
    if not value:
        raise argparse.ArgumentTypeError("a time of 0 seconds leaves no time for an answer")
    return value


def pause(text: str) -> float:
    """A time of 0 or more."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return value


def count(text: str) -> int:
    """A whole number of 0 or more."""
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of 0 or more")
    return int(text)


def two_octets(text: str) -> int:
    """What AJP13 can say as a number: 0 to 65535."""
    value = count(text)
    if value > 0xFFFF:
        raise argparse.ArgumentTypeError(f"{text} is not within 0 to 65535")
    return value


def packet_size(text: str) -> int:
    """8192 to 65536."""
    try:
        return check_packet_size(count(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
