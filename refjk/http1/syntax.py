"""The octets that names, values and lines are made of, as compiled patterns.

All repeats are possessive: no input makes a pattern go back and try again.
"""

from __future__ import annotations

import re

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
_TARGET = rb"[\x21\x22\x24-\x7e]++"
_VALUE = rb"[^\x00-\x08\x0a-\x1f\x7f]*+"

TOKEN = re.compile(_TOKEN)
NOT_TOKEN = re.compile(rb"[^!#$%&'*+\-.^_`|~0-9A-Za-z]")
NOT_TARGET = re.compile(rb"[^\x21\x22\x24-\x7e]")
VALUE = re.compile(_VALUE)
NOT_VALUE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")

REQUEST_LINE = re.compile(b"(" + _TOKEN + b") (" + _TARGET + rb") (HTTP/1\.[01])")
VERSION = re.compile(rb"HTTP/[0-9]\.[0-9]")

# Anchored at both ends of a line: as many matches as line feeds means that every line is one.
HEADER_LINES = re.compile(b"^(" + _TOKEN + rb"):[ \t]*+(" + _VALUE + rb")\r\n", re.MULTILINE)
HEADER_LINE = re.compile(_TOKEN + b":" + _VALUE)

# A line feed, or a carriage return whose successor is known not to be one.
LINE_BREAK = re.compile(rb"\n|\r[^\n]")

CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,16}+)(?:[ \t]*+;" + _VALUE + b")?")

HOST = re.compile(rb"(?:[0-9A-Za-z\-._~]++|\[[0-9A-Fa-f:.]++\])(?::([0-9]{0,5}+))?")
ABSOLUTE_TARGET = re.compile(rb"https?://([^/?]*+)([^?]*+)(?:\?(.*+))?", re.IGNORECASE)
