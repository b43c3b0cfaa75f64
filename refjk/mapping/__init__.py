"""Which worker a path belongs to, and the one form in which a path is judged and forwarded.

`spec/uri-mapping.md`; no I/O. What the front does with a request:

    canonical = canonicalise_path(raw_path)         # raises Malformed: answer 400
    match = mapper.map(canonical.path)              # None: the path belongs to no worker
    uri = uri_to_forward(form, canonical, raw_path) # raises Malformed: answer 400

What mod_jk decides about a path that its server has decoded:

    match = mapper.decide(mapper.normalise(decoded))    # normalise raises Malformed: it answers 400
    uri = jk_forwarded_uri(form, decoded, target)
"""

from refjk.mapping.forwarded import UriForm, jk_forwarded_uri, uri_to_forward
from refjk.mapping.jk_path import cut_path, resolve_path, strip_session
from refjk.mapping.mapper import Explanation, Lost, Mapper, Match
from refjk.mapping.mapper_127 import Mapper127
from refjk.mapping.mapper_1250 import Mapper1250
from refjk.mapping.path import CanonicalPath, canonicalise_path, forwarded_uri, normalise_path
from refjk.mapping.reload import MountFileWatch
from refjk.mapping.rule import (
    ANY_WORKER,
    Mount,
    Rule,
    Source,
    is_out_of_reach,
    parse_mount,
    rules_as_written,
)
from refjk.mapping.shapes import Kind, kind_127

__all__ = [
    "ANY_WORKER",
    "CanonicalPath",
    "Explanation",
    "Kind",
    "Lost",
    "Mapper",
    "Mapper127",
    "Mapper1250",
    "Match",
    "Mount",
    "MountFileWatch",
    "Rule",
    "Source",
    "UriForm",
    "canonicalise_path",
    "cut_path",
    "forwarded_uri",
    "is_out_of_reach",
    "jk_forwarded_uri",
    "kind_127",
    "normalise_path",
    "parse_mount",
    "resolve_path",
    "rules_as_written",
    "strip_session",
    "uri_to_forward",
]
