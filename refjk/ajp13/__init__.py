"""AJP13, both ends, without I/O. The chapter is `spec/ajp13.md`."""

from refjk.ajp13.admission import ContainerPolicy
from refjk.ajp13.codes import PACKET_SIZE_DEFAULT, AttributeCode
from refjk.ajp13.container import ContainerConnection
from refjk.ajp13.messages import ForwardRequest
from refjk.ajp13.rules import ContainerPhase, WebServerPhase
from refjk.ajp13.web_server import EndMarker, WebServerConnection

__all__ = [
    "PACKET_SIZE_DEFAULT",
    "AttributeCode",
    "ContainerConnection",
    "ContainerPhase",
    "ContainerPolicy",
    "EndMarker",
    "ForwardRequest",
    "WebServerConnection",
    "WebServerPhase",
]
