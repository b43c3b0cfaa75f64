"""Whole channels: objects out at one node and in at the others."""

from __future__ import annotations

import contextlib
import ssl
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from refjk.channel import Fate, Handled, MessageRegistry, Tomcat55Channel
from refjk.membership import Departure, MemberAdded, MemberDropped, Tomcat55Membership
from refjk.runtime.addresses import Address
from refjk.runtime.replication_receiver import ReceiverSettings
from refjk.runtime.senders import Mode, SenderSettings
from refjk.runtime.senders_carrier import CarrierSettings
from refjk.runtime.senders_channel import Channel
from refjk.speccheck import covers
from tests.channel.test_answers_and_receiver import Loud
from tests.interop.peers.certificates import Certificates, create_certificates
from tests.interop.peers.process import PeerMissing
from tests.runtime.replication import dial, frame_of, read_exactly, until

DIALECT = Tomcat55Channel()


class Recorder:
    def __init__(self, *, fails: bool = False) -> None:
        self.got: list[object] = []
        self._fails = fails

    def accept(self, message: object) -> bool:
        return isinstance(message, str | list)

    def received(self, message: object) -> None:
        self.got.append(message)
        if self._fails:
            raise RuntimeError("listener")


def member(address: Address) -> MemberAdded:
    return MemberAdded(Tomcat55Membership().introduce(address.host, address.port))


@contextlib.contextmanager
def running(*channels: Channel) -> Iterator[list[Address]]:
    with contextlib.ExitStack() as stack:
        addresses = []
        for channel in channels:
            addresses.append(channel.start())
            stack.callback(channel.stop)
        yield addresses


def name_of(address: Address) -> bytes:
    return f"tcp://{address}".encode()


@covers("CHN-BUS-01", "CHN-BUS-05")
@pytest.mark.parametrize("mode", list(Mode))
def test_a_message_reaches_the_listeners_of_all_members(mode: Mode) -> None:
    a, b, c = (Channel(DIALECT, MessageRegistry(), SenderSettings(mode)) for _ in range(3))
    hears_b, hears_c = Recorder(), Recorder()
    b.add_listener(hears_b)
    c.add_listener(hears_c)
    with running(a, b, c) as (_, at_b, at_c):
        a.take_members([member(at_b), member(at_c)])
        result = a.send(["hello", "world"])
        fate = Fate.QUEUED if mode is Mode.ASYNCHRONOUS else Fate.ACKNOWLEDGED
        assert result.of(fate) == (name_of(at_b), name_of(at_c))
        assert until(lambda: hears_b.got == hears_c.got == [["hello", "world"]])
        a.take_members([MemberDropped(member(at_b).member, Departure.SILENT)])
        a.send("only c")
        assert until(lambda: hears_c.got[-1] == "only c")
        assert a.send("nobody", to=[name_of(at_b)]).of(Fate.FAILED) == (name_of(at_b),)
        assert [snapshot.address for snapshot in a.snapshots()] == [at_c]
        assert until(lambda: c.received.messages == 2)
    assert len(hears_b.got) == 1


@covers("CHN-BUS-03", "CHN-BUS-04")
def test_faults_are_reported_and_the_sender_is_answered_all_the_same() -> None:
    faults: list[Handled] = []
    told = threading.Event()

    def on_fault(handled: Handled) -> None:
        faults.append(handled)
        told.set()

    receiver = Channel(DIALECT, MessageRegistry(), on_fault=on_fault)
    good = Recorder()
    receiver.add_listener(Recorder(fails=True))
    receiver.add_listener(good)
    with running(receiver) as [address], dial(address) as node:
        node.sendall(frame_of(b"no object"))
        assert read_exactly(node, 3) == b"\x06\x02\x03"
        sender = Channel(DIALECT, MessageRegistry())
        sender.take_members([member(address)])
        assert sender.send("hello").complete
        assert sender.send(5).complete
        sender.stop()
    assert good.got == ["hello"]
    assert [(handled.takers, len(handled.faults)) for handled in faults] == [(0, 1), (2, 1), (0, 0)]
    assert receiver.unclaimed == 1


def test_without_a_report_faults_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    receiver = Channel(DIALECT, MessageRegistry())
    receiver.add_listener(Recorder(fails=True))
    sender = Channel(DIALECT, MessageRegistry())
    with running(receiver) as [address]:
        sender.take_members([member(address)])
        sender.send("hello")
        sender.stop()
    assert "failed: listener" in caplog.text


@covers("CHN-DLC-01")
@pytest.mark.parametrize("mode", [Mode.SYNCHRONOUS, Mode.POOLED])
def test_sockets_speak_another_dialect_without_a_change(mode: Mode) -> None:
    class Octets:
        def __init__(self) -> None:
            self.got: list[object] = []

        def accept(self, message: object) -> bool:
            if isinstance(message, bytes) and message.endswith(b"bad"):
                raise RuntimeError("bad")
            return True

        def received(self, message: object) -> None:
            self.got.append(message)

    octets = Octets()
    receiver = Channel(Loud(), MessageRegistry())
    receiver.add_listener(octets)
    sender = Channel(Loud(), MessageRegistry(), SenderSettings(mode))
    with running(receiver) as [address]:
        sender.take_members([member(address)])
        assert sender.send("hello").complete
        [failed] = sender.send("bad").members
        assert failed.reason == "await failed: the other node could not handle the message"
        sender.stop()
    assert octets.got == [MessageRegistry().write("hello")]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    try:
        return create_certificates(tmp_path_factory.mktemp("tls"))
    except PeerMissing as missing:
        pytest.skip(str(missing))


def channel_with(
    certificates: Certificates, client: ssl.SSLContext | None, mode: Mode = Mode.POOLED, **receiver: Any
) -> Channel:
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(certificates.authority))
    server.load_cert_chain(certificates.server, certificates.server_key)
    server.verify_mode = ssl.CERT_REQUIRED
    senders = SenderSettings(mode, carrier=CarrierSettings(tls=client))
    return Channel(DIALECT, MessageRegistry(), senders, ReceiverSettings(tls=server, **receiver))


@covers("CHN-TLS-03")
def test_connections_without_a_handshake_hold_nobody_up_and_are_closed(
    certificates: Certificates,
) -> None:
    receiver = channel_with(certificates, None, threads=1, handshake_ms=300)
    holder = channel_with(certificates, certificates.client_context(with_certificate=True))
    heard = Recorder()
    receiver.add_listener(heard)
    with running(receiver) as [address], dial(address) as silent, dial(address) as slow:
        slow.sendall(b"\x16\x03\x01")
        holder.take_members([member(address)])
        assert holder.send("hello").complete
        assert heard.got == ["hello"]
        assert read_exactly(silent, 1) == read_exactly(slow, 1) == b""
        assert holder.send("again").complete
        holder.stop()


@covers("CHN-TLS-01", "CHN-TLS-02")
@pytest.mark.parametrize("mode", list(Mode))
def test_with_certificates_only_their_holders_are_heard(mode: Mode, certificates: Certificates) -> None:
    receiver = channel_with(certificates, None)
    heard = Recorder()
    receiver.add_listener(heard)
    holder = channel_with(certificates, certificates.client_context(with_certificate=True), mode)
    stranger = channel_with(certificates, certificates.client_context())
    plain = channel_with(certificates, None)
    with running(receiver) as [address]:
        for sender in (holder, stranger, plain):
            sender.take_members([member(address)])
        for number in range(3):
            assert holder.send("x" * 100_000 + f"{number}").complete
        assert not stranger.send("stranger").complete
        assert not plain.send("plain").complete
        assert until(lambda: len(heard.got) == 3)
        for sender in (holder, stranger, plain):
            sender.stop()
    assert heard.got == ["x" * 100_000 + f"{number}" for number in range(3)]
    assert receiver.received.failed >= 2
