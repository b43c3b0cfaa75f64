"""The messages of the cluster beside a JVM, which has classes of the original's names and numbers.

The classes are stubs: nothing of the original but names, `serialVersionUID`s and types of fields.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from refjk import farm, session
from refjk.farm.codec import Layout, read_message, write_message
from refjk.speccheck import covers

pytestmark = pytest.mark.interop

SOURCES = Path(__file__).parent / "java" / "cluster"
# What is compiled where, and what else it is compiled against: releases differ in classes of one name.
FOLDERS: dict[str, tuple[str, ...]] = {
    "all": (),
    "from_5": ("all",),
    "from_10": ("all",),
    "from_13": ("from_10", "all"),
}
RELEASES = (5, 9, 10, 12, 13, 36)
DEADLINE_S = 120
PACKAGE = "org.apache.catalina.cluster."
NOW_MS = 1_104_537_600_123
PRINCIPAL = PACKAGE + "session.SerializablePrincipal"
Texts = Mapping[str, object]


@dataclass(frozen=True)
class Case:
    """A message, and the fields that an object of its class must have; members are `field.name`."""

    message: session.Message | farm.FileMessage | farm.UndeployMessage
    class_name: str
    fields: Texts = field(repr=False)

    def encode(self, release: int) -> bytes:
        if isinstance(self.message, farm.FileMessage | farm.UndeployMessage):
            return write_message(self.message, Layout.V555 if release < 10 else Layout.V5510)
        return session.encode_message(self.message, release)

    def decode(self, octets: bytes) -> object:
        is_farm = isinstance(self.message, farm.FileMessage | farm.UndeployMessage)
        return read_message(octets) if is_farm else session.decode_message(octets)

    @property
    def text(self) -> str:
        ordered = sorted(self.fields.items(), key=lambda item: item[0].split("."))
        return "\n".join(
            [PACKAGE + self.class_name, *(f"{name}={shown(value)}" for name, value in ordered), ""]
        )


def shown(value: object) -> str:
    """A value as the Java program tells it."""
    if isinstance(value, str):
        units = struct.unpack(
            f">{len(value.encode('utf-16-be', 'surrogatepass')) // 2}H",
            value.encode("utf-16-be", "surrogatepass"),
        )
        return (
            '"'
            + "".join(
                chr(unit) if 32 < unit < 127 and unit not in b'\\"' else f"\\{unit:04x}" for unit in units
            )
            + '"'
        )
    if isinstance(value, bytes):
        return f"hex {value.hex()}"
    if isinstance(value, bool):
        return "true" if value else "false"
    return "null" if value is None else str(value)


# -- the table ------------------------------------------------------------------------------------


def member_fields(where: str, release: int) -> dict[str, object]:
    """Those of the member that every full message here names."""
    found: dict[str, object] = {
        f"{where}.name": "tcp://192.0.2.10:4001",
        f"{where}.host": "192.0.2.10",
        f"{where}.port": 4001,
        f"{where}.memberAliveTime": 1 << 40,
        f"{where}.msgCount": -42,
    }
    return found if release < 10 else found | {f"{where}.domain": "katalog-\u00fc"}


def session_member(release: int) -> session.MemberAddress:
    domain = None if release < 10 else "katalog-\u00fc"
    return session.MemberAddress("tcp://192.0.2.10:4001", "192.0.2.10", 4001, 1 << 40, -42, domain)


def farm_member(release: int) -> farm.Member:
    domain = None if release < 10 else "katalog-\u00fc"
    return farm.Member("tcp://192.0.2.10:4001", "192.0.2.10", 4001, 1 << 40, -42, domain)


def later(release: int, since: int, **values: object) -> dict[str, object]:
    """Fields that there are since a release."""
    return values if release >= since else {}


def flags(release: int) -> dict[str, int]:
    """Those of every full message, where the layout has them."""
    return {"resend": 1, "compress": 0} if release >= 10 else {}


def session_messages(release: int) -> list[Case]:
    name = "session.SessionMessageImpl"
    full = session.SessionMessage(
        13,
        "/l\u00e4den",
        "0A1B.node1",
        bytes(range(256)) * 5,
        "0A1B.node1-1104537600000",
        NOW_MS,
        session_member(release),
        timestamp_set=release >= 10,
        **flags(release),
    )
    bare = session.SessionMessage(4, None, None)
    fields = {
        "mEvtType": 13,
        "mContextName": "/l\u00e4den",
        "mSessionID": "0A1B.node1",
        "mSession": bytes(range(256)) * 5,
        "uniqueId": "0A1B.node1-1104537600000",
        "serializationTimestamp": NOW_MS,
        **member_fields("mSrc", release),
        **flags(release),
        **later(release, 10, timestampSet=True),
    }
    nothing = dict.fromkeys(("mContextName", "mSessionID", "mSession", "uniqueId", "mSrc"))
    empty = {"mEvtType": 4, "serializationTimestamp": 0, **nothing}
    empty |= later(release, 10, compress=2, resend=2, timestampSet=False)
    return [Case(full, name, fields), Case(bare, name, empty)]


def session_id_messages(release: int) -> list[Case]:
    name = "session.SessionIDMessage"
    host = "shop.example.test" if release >= 13 else None
    full = session.SessionIdMessage(
        "0A1B.node1", "0A1B.node2", "/shop", 7, -NOW_MS, session_member(release), host, **flags(release)
    )
    fields = {
        "orignalSessionID": "0A1B.node1",
        "backupSessionID": "0A1B.node2",
        "contextPath": "/shop",
        "messageNumber": 7,
        "timestamp": -NOW_MS,
        **member_fields("address", release),
        **flags(release),
        **later(release, 13, host=host),
    }
    empty = {"messageNumber": 0, "timestamp": 0}
    nothing = dict.fromkeys(("orignalSessionID", "backupSessionID", "contextPath", "address"))
    empty_fields = empty | nothing | later(release, 10, compress=2, resend=2) | later(release, 13, host=None)
    return [
        Case(full, name, fields),
        Case(session.SessionIdMessage(None, None, None), name, empty_fields),
    ]


def single_sign_on_messages(release: int) -> list[Case]:
    name = "authenticator.SingleSignOnMessage"
    full = session.SingleSignOnMessage(
        4,
        "5F00",
        "0A1B.node1",
        "/shop",
        "FORM",
        "anna",
        "\U0001d11e \0",
        NOW_MS,
        session_member(release),
        "5F00#-#1",
        **flags(release),
    )
    fields = {
        "action": 4,
        "ssoId": "5F00",
        "sessionId": "0A1B.node1",
        "ctxname": "/shop",
        "authType": "FORM",
        "username": "anna",
        "password": "\U0001d11e \0",
        "timestamp": NOW_MS,
        "uniqueId": "5F00#-#1",
        **member_fields("address", release),
        **flags(release),
    }
    return [Case(full, name, fields)] if release >= 10 else []


def file_messages(release: int) -> list[Case]:
    name = "deploy.FileMessage"
    full = farm.FileMessage(
        "/srv/watch/shop.war",
        "/shop",
        3,
        1 << 33,
        1 << 34,
        bytes(10240),
        17,
        farm_member(release),
        NOW_MS,
        **flags(release),
    )
    fields = {
        "fileName": "/srv/watch/shop.war",
        "contextPath": "/shop",
        "messageNumber": 3,
        "totalNrOfMsgs": 1 << 33,
        "totalLength": 1 << 34,
        "data": bytes(10240),
        "dataLength": 17,
        "timestamp": NOW_MS,
        **member_fields("address", release),
        **flags(release),
    }
    empty = dict.fromkeys(("messageNumber", "totalNrOfMsgs", "totalLength", "dataLength", "timestamp"), 0)
    nothing = dict.fromkeys(("fileName", "contextPath", "data", "address"))
    empty_fields = empty | nothing | later(release, 10, compress=2, resend=0)
    return [Case(full, name, fields), Case(farm.FileMessage(None, None), name, empty_fields)]


def undeploy_messages(release: int) -> list[Case]:
    name = "deploy.UndeployMessage"
    full = farm.UndeployMessage(
        "/shop", True, "Undeploy:/shop:1", farm_member(release), NOW_MS, **flags(release)
    )
    fields = {
        "contextPath": "/shop",
        "undeploy": True,
        "uniqueId": "Undeploy:/shop:1",
        "timestamp": NOW_MS,
        **member_fields("address", release),
        **flags(release),
    }
    nothing = dict.fromkeys(("contextPath", "uniqueId", "address"))
    empty_fields = {"undeploy": False, "timestamp": 0} | nothing | later(release, 10, compress=2, resend=2)
    return [Case(full, name, fields), Case(farm.UndeployMessage(None), name, empty_fields)]


def cases(release: int) -> list[Case]:
    return [
        *session_messages(release),
        *session_id_messages(release),
        *single_sign_on_messages(release),
        *file_messages(release),
        *undeploy_messages(release),
    ]


# -- the program ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of compiled classes for each folder of sources."""
    if shutil.which("javac") is None or shutil.which("java") is None:
        pytest.skip("no javac (a JDK, Debian's default-jdk-headless)")
    target = tmp_path_factory.mktemp("classes")
    for folder, others in FOLDERS.items():
        path = ":".join(str(target / other) for other in others) or str(target)
        sources = sorted(map(str, (SOURCES / folder).rglob("*.java")))
        command = ["javac", "-encoding", "UTF-8", "-cp", path, "-d", str(target / folder), *sources]
        subprocess.run(command, check=True, timeout=DEADLINE_S, capture_output=True)
    return target


def run(classes: Path, release: int, what: str, entries: list[bytes]) -> list[bytes]:
    """What the program with the classes of a release gives for these entries."""
    layers = ["from_5"] if release < 10 else ["from_13", "from_10"] if release >= 13 else ["from_10"]
    path = ":".join(str(classes / layer) for layer in [*layers, "all"])
    sent = b"".join(struct.pack(">i", len(entry)) + entry for entry in entries) + struct.pack(">i", -1)
    command = ["java", "-Xmx256m", "-Xshare:auto", "-cp", path, "ClusterMessages", what]
    ended = subprocess.run(command, input=sent, capture_output=True, timeout=DEADLINE_S, check=False)
    assert ended.returncode == 0, ended.stderr.decode("utf-8", "replace")[-2000:]
    found, at = [], 0
    while at < len(ended.stdout):
        (size,) = struct.unpack_from(">i", ended.stdout, at)
        found.append(ended.stdout[at + 4 : at + 4 + size])
        at += 4 + size
    return found


# -- the tests ------------------------------------------------------------------------------------


@covers("SES-MSG-01", "SES-MSG-02", "SES-SSO-01", "FAR-MSG-01", "FAR-UND-01")
@pytest.mark.parametrize("release", RELEASES)
def test_a_jvm_finds_every_field_of_the_messages_that_are_written_here(classes: Path, release: int) -> None:
    table = cases(release)
    told = run(classes, release, "read", [case.encode(release) for case in table])
    assert [text.decode("ascii") for text in told] == [case.text for case in table]


@covers("SES-MSG-03", "SES-MSG-06", "FAR-MSG-03")
@pytest.mark.parametrize("release", RELEASES)
def test_messages_that_a_jvm_writes_are_read_here_and_are_octet_for_octet_ours(
    classes: Path, release: int
) -> None:
    table = cases(release)
    written = run(classes, release, "write", [case.text.encode("ascii") for case in table])
    for case, octets in zip(table, written, strict=True):
        assert case.decode(octets) == case.message
        assert octets == case.encode(release), case


@covers("SES-DLT-03", "SES-DLT-08")
def test_a_jvm_takes_a_delta_apart_and_writes_the_same_one(classes: Path) -> None:
    request = session.DeltaRequest("0A1B.node1", record_all=True)
    request.set_attribute("user", "anna \u20ac")
    request.set_attribute("visits", 3)
    request.remove_attribute("cart")
    request.set_principal(session.Principal("anna", None, ("reader", "buyer")))
    request.set_new(False)
    request.set_max_inactive_interval(-1)
    octets = session.encode_delta_request(request)

    text, again = run(classes, 5, "delta", [octets])

    assert text.decode("ascii").splitlines() == [
        '"0A1B.node1" true 6',
        '0 0 "user" "anna\\0020\\20ac"',
        '0 0 "visits" 3',
        '0 1 "cart" null',
        f'1 0 "__SET__PRINCIPAL__" {PRINCIPAL} name="anna" password=null roles=["buyer" "reader" ] ',
        '2 0 "__SET__ISNEW__" false',
        '3 0 "__SET__MAXINTERVAL__" -1',
    ]
    assert again == octets
    assert list(session.decode_delta_request(again)) == list(session.decode_delta_request(octets))


@covers("SES-LAY-01", "SES-LAY-02", "SES-LAY-03", "SES-LAY-04")
def test_a_jvm_takes_the_state_of_a_manager_apart_and_writes_the_same_one(classes: Path) -> None:
    shared = "said twice"
    states = [
        session.SessionState("0A1B.node1", 1, 2, 3, 1800, attributes={"first": shared, "count": 12}),
        session.SessionState(
            "0C2D.node2",
            NOW_MS,
            NOW_MS + 1,
            NOW_MS + 2,
            -1,
            is_new=True,
            principal=session.Principal("anna", "secret", ("buyer", "reader")),
            attributes={"second": shared},
        ),
    ]
    octets = session.encode_all_sessions(states, 5)

    text, again = run(classes, 5, "state", [octets])

    assert text.decode("ascii").splitlines() == [
        '2 1 2 1800 false true 3 false "0A1B.node1" 2 "first" "said\\0020twice" "count" 12 ',
        f"{NOW_MS} {NOW_MS + 1} -1 true true {NOW_MS + 2} "
        'true "anna" "secret" "buyer" "reader" "0C2D.node2" 1 "second" "said\\0020twice" ',
    ]
    assert again == octets
    assert session.decode_all_sessions(again, 5) == states


@covers("SES-LAY-11")
def test_a_jvm_reads_on_behind_a_reset(classes: Path) -> None:
    shared = "said often"
    states = [
        session.SessionState(f"{number:032X}.node1", 1, 2, 3, 1800, attributes={"a": shared, "n": number})
        for number in range(2001)
    ]
    octets = session.encode_all_sessions(states, 5)

    text, again = run(classes, 5, "state", [octets])

    assert text.count(b"said\\0020often") == len(states)
    assert again != octets  # the JVM's own writer resets nothing
    assert session.decode_all_sessions(again, 5) == states
