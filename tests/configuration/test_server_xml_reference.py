"""The reference of server.xml is what the code reads by, and its tables agree with the model."""

from __future__ import annotations

import dataclasses

import pytest

from refjk.configuration import server_xml_model as model
from refjk.configuration.server_xml_table import ATTRIBUTES, CHILDREN, CLASSES, RENAMED, Effect
from tests.configuration.server_xml_tables import BEGIN, PAGE, tables

WRITE_ANEW = "write it anew: python -m tests.configuration.server_xml_tables"
PARTS = {
    "ReplicationValve": model.ReplicationValveElement,
    "JvmRouteBinderValve": model.RouteBinderElement,
    "JvmRouteSessionIDBinderListener": model.RouteListenerElement,
    **{
        name: getattr(model, f"{name}Element")
        for name in ("Server", "Service", "Connector", "Engine", "Host", "Context", "Manager", "Cluster")
    },
    **{name: getattr(model, f"{name}Element") for name in ("Membership", "Receiver", "Sender", "Deployer")},
}


def test_the_page_is_the_table_of_the_code() -> None:
    head, mark, body = PAGE.read_text("utf-8").partition(BEGIN)
    assert mark, WRITE_ANEW
    assert head.startswith("# ")
    assert body == tables(), WRITE_ANEW


@pytest.mark.parametrize("name", PARTS)
def test_every_honoured_attribute_is_a_field_of_the_model(name: str) -> None:
    honoured = {info.field for info in ATTRIBUTES[name] if info.effect is Effect.HONOURED}
    assert honoured <= {field.name for field in dataclasses.fields(PARTS[name])}
    assert len({info.name for info in ATTRIBUTES[name]}) == len(ATTRIBUTES[name])


def test_classes_belong_to_elements_and_parts_that_there_are() -> None:
    assert {info.element for info in CLASSES.values()} <= CHILDREN.keys()
    assert {info.part for info in CLASSES.values() if info.part} <= ATTRIBUTES.keys()
    assert set(RENAMED.values()) <= CLASSES.keys()
