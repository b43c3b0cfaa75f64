"""`reference`: what a worker lacks is copied from another one."""

from __future__ import annotations

from refjk.configuration.complaints import Complaints, shown
from refjk.configuration.origins import Origin, Source
from refjk.configuration.property_text import PROPERTIES_MAX, Property, PropertyMap

REFERENCE_DEPTH_MAX = 20
_SUFFIX = ".reference"


def resolve_references(properties: PropertyMap, complaints: Complaints) -> None:
    """Copies into the map; a template's own reference is resolved before it is copied.

    CFG-PRP-13
    """
    resolved: set[str] = set()
    for entry in properties.entries():
        if entry.name.startswith("worker.") and entry.name.endswith(_SUFFIX):
            chain = _chain(properties, entry, complaints)
            if chain is None:
                return
            for step in reversed(chain):
                if step.name not in resolved:
                    resolved.add(step.name)
                    if not _inherit(properties, step, complaints):
                        return


def _chain(properties: PropertyMap, first: Property, complaints: Complaints) -> list[Property] | None:
    """A reference and those of the templates behind it; None when there is no end of them."""
    chain = [first]
    while (following := properties.get(chain[-1].value + _SUFFIX)) is not None:
        if len(chain) == REFERENCE_DEPTH_MAX:
            what = f"more than {REFERENCE_DEPTH_MAX} references in a row, or a circle of them"
            complaints.error(first.place, first.name, what, "CFG-PRP-13")
            return None
        chain.append(following)
    return chain


def _inherit(properties: PropertyMap, reference: Property, complaints: Complaints) -> bool:
    inherited = properties.below(reference.value)
    if not inherited:
        what = f"{shown(reference.value)} has no properties to copy"
        complaints.error(
            reference.place, reference.name, what, "CFG-PRP-13", remedy="write it as worker.NAME"
        )
        return False
    own = reference.name.removesuffix("reference")
    for entry in inherited:
        name = own + entry.name.rpartition(".")[2]
        if properties.get(name) is not None:
            continue
        if len(properties) >= PROPERTIES_MAX:
            complaints.error(
                reference.place, reference.name, f"more than {PROPERTIES_MAX} properties", "CFG-PRP-10"
            )
            return False
        properties.put(Property(name, entry.value, Origin(Source.REFERENCE, entry.place)))
    return True
