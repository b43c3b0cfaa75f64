"""Which worker a path belongs to, and the one form in which a path is judged and forwarded.

`spec/uri-mapping.md`; no I/O.

    canonical = canonicalise_path(raw_path)     # raises Malformed: answer 400
    match = mapper.map(canonical.path)          # None: the path belongs to no worker
    …                                           # forward canonical.uri
"""

from refjk.mapping.mapper import Mapper, Match
from refjk.mapping.mount import Mount, MountKind, parse_mount
from refjk.mapping.path import CanonicalPath, canonicalise_path, forwarded_uri, normalise_path

__all__ = [
    "CanonicalPath",
    "Mapper",
    "Match",
    "Mount",
    "MountKind",
    "canonicalise_path",
    "forwarded_uri",
    "normalise_path",
    "parse_mount",
]
