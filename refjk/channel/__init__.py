"""Messages between nodes: frames, answers, the rules of the three senders, the bus; no sockets, no clock.

Receiving, for each connection:

    connection = ReceivingConnection(Tomcat55Channel())
    for envelope in connection.receive(octets):
        handled = bus.receive(envelope.payload)
        connection.processed(envelope, handled=not handled.faults)
    write(connection.answers_to_send())

Sending one message over one connection is `SendingConnection`, sharing connections `PlacePool`, leaving
messages for later `SendQueue`. Another dialect is another `ChannelDialect`; nothing else here knows how a
frame or an answer looks. The chapter is spec/channel.md; the sockets are `refjk.runtime.senders` and
`refjk.runtime.replication_receiver`.
"""

from refjk.channel.bus import Bus, Fault, Handled, Listener, MessageClass, MessageRegistry
from refjk.channel.dialect import (
    Answer,
    AnswerReader,
    AnswerTime,
    ChannelDialect,
    ChannelLimits,
    Envelope,
    FrameReader,
)
from refjk.channel.frames import Frame, FrameLayout, OriginalCutter, StrictCutter, encode_frame
from refjk.channel.pooling import Granted, PlacePool, Refused
from refjk.channel.queueing import Entry, Offer, QueueCounters, QueueRules, SendQueue, WhenFull
from refjk.channel.receiver import ReceivingConnection
from refjk.channel.results import Fate, MemberResult, SendResult, Suspicion
from refjk.channel.sending import Phase, SendingConnection, SendingCounters, SendingRules, Step
from refjk.channel.tomcat55 import Compress, Tomcat55Channel
from refjk.channel.zipping import unzip_data, zip_payload

__all__ = [
    "Answer",
    "AnswerReader",
    "AnswerTime",
    "Bus",
    "ChannelDialect",
    "ChannelLimits",
    "Compress",
    "Entry",
    "Envelope",
    "Fate",
    "Fault",
    "Frame",
    "FrameLayout",
    "FrameReader",
    "Granted",
    "Handled",
    "Listener",
    "MemberResult",
    "MessageClass",
    "MessageRegistry",
    "Offer",
    "OriginalCutter",
    "Phase",
    "PlacePool",
    "QueueCounters",
    "QueueRules",
    "ReceivingConnection",
    "Refused",
    "SendQueue",
    "SendResult",
    "SendingConnection",
    "SendingCounters",
    "SendingRules",
    "Step",
    "StrictCutter",
    "Suspicion",
    "Tomcat55Channel",
    "WhenFull",
    "encode_frame",
    "unzip_data",
    "zip_payload",
]
