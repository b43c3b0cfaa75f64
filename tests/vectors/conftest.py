"""Recordings for the players' tests: those of the repository, and some made here."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

VECTORS = Path(__file__).resolve().parents[2] / "spec" / "vectors"

Document = dict[str, Any]


@pytest.fixture
def vectors() -> Path:
    """The folder of the repository's recordings."""
    return VECTORS


@pytest.fixture
def recorded() -> Callable[[str], Document]:
    """Reads a recording by folder and name, fresh each time so that a test may change it."""

    def read(name: str) -> Document:
        document: Document = json.loads((VECTORS / f"{name}.json").read_text("utf-8"))
        return document

    return read


@pytest.fixture
def edge_of_container(recorded: Callable[[str], Document]) -> Callable[..., Document]:
    """An edge of a container: steps of the client, answers in words, what became of the connection."""
    packets = {
        packet["decoded"]["type"]
        + str(packet["decoded"].get("status", packet["decoded"].get("reuse", ""))): packet
        for name in ("c-many-in-one", "c-attr-req", "c-cl-neg", "c-method-0", "c-body-normal")
        for packet in recorded(f"ajp13-edge/{name}")["received"]
    }
    words = {
        "SEND_HEADERS200": "HEADERS 200",
        "SEND_HEADERS400": "HEADERS 400",
        "SEND_HEADERS500": "HEADERS 500",
        "END_RESPONSE0": "END reuse=0",
        "END_RESPONSE1": "END reuse=1",
        "CPONG": "CPONG",
        "GET_BODY_CHUNK": "GET_BODY 8186",
    }

    def make(sent: list[Document], answers: list[str], closed: bool = False, **container: object) -> Document:
        return {
            "producers": {"to_server": "a container"},
            "setup": {"container": {"packetSize": 8192, "connectionTimeout": 3000, **container}},
            "sent": sent,
            "received": [packets[answer] for answer in answers],
            "received_short": [words[answer] for answer in answers],
            "connection_after": {"state": "closed at once" if closed else "still open after 10 s"},
            "cping_probe": None,
        }

    return make


@pytest.fixture
def edge_of_web_server(recorded: Callable[[str], Document]) -> Callable[..., Document]:
    """An edge of a web server: the container's steps, and what one product made of them."""

    def make(
        script: list[Document],
        status_line: str = "HTTP/1.1 200 OK",
        kept: bool = True,
        cping_script: list[Document] | None = None,
    ) -> Document:
        document = recorded("ajp13-edge/s-normal")
        result = document["results"]["mod_jk 1.2.48"]
        result["http"]["status_line"] = status_line
        result["connections_after"][0]["state"] = "open" if kept else "closed by the web server"
        return {
            **document,
            "container_script": script,
            "cping_script": cping_script,
            "results": {"a web server": result},
        }

    return make
