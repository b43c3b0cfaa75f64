"""Plays golden datagrams and member tables of Tomcat 5.5 against `refjk.membership`."""

from __future__ import annotations

import ipaddress
from functools import partial

from refjk.base.errors import InputError, Malformed
from refjk.membership import Announcement, Layout, MemberAdded, MemberDropped, MemberTable, Tomcat55Membership
from refjk.vectors.document import Node
from refjk.vectors.golden import play_all, same
from refjk.vectors.result import Played

DATAGRAM_KIND = "member datagram"
TABLE_KIND = "member table"


def play_datagrams(document: Node) -> Played:
    """In both directions. The layout is told by the entries: one of them has a domain."""
    sides = [side.table() for one in document["vectors"].items() for side in _sides(one)]
    layout = Layout.DOMAIN if any("domain" in side for side in sides) else Layout.PLAIN
    dialect = Tomcat55Membership(layout, ipv6_as_original=True)
    return play_all(document, DATAGRAM_KIND, partial(_play_datagram, dialect))


def _sides(vector: Node) -> list[Node]:
    return [side for key in ("member", "decoded") if (side := vector.get(key)) is not None]


def _play_datagram(dialect: Tomcat55Membership, vector: Node) -> None:
    octets, decoded = vector["hex"].octets(), vector["decoded"]
    if (member := vector.get("member")) is not None:
        same("written", octets.hex(), dialect.encode(_announcement(member)).hex())
    try:
        read = dialect.decode(octets)
    except Malformed as error:
        if "exception" not in decoded.table():
            same("read", decoded.value, f"refused: {error}")
        return
    same("read", decoded.table().get("exception"), None)
    same("read, name", decoded["name"].text(), _utf_16(read.name))
    same("read, host", decoded["host"].text(), read.host)
    same("read, port", decoded["port"].number(), read.port)
    same("read, alive_ms", decoded["alive_ms"].number(), read.alive_ms)
    if (domain := decoded.get("domain")) is not None:
        same("read, domain", domain.text(), _utf_16(read.domain))


def _announcement(member: Node) -> Announcement:
    try:
        address = ipaddress.ip_address(member["host"].text()).packed
        name = member["name"].text().encode("utf-16", "surrogatepass").decode("utf-16").encode()
    except ValueError:
        raise InputError(f"{member.place}: no address, or a name that is no text") from None
    domain = member.get("domain")
    return Announcement(
        name,
        name,
        address,
        member["port"].number(),
        member["alive_ms"].number(),
        b"" if domain is None else domain.text().encode(),
    )


def _utf_16(octets: bytes) -> str:
    return octets.decode("utf-8", "replace")


def play_tables(document: Node) -> Played:
    """Step by step. Time passes only where a step says so."""
    return play_all(document, TABLE_KIND, _play_table)


def _play_table(vector: Node) -> None:
    table, now_ms = MemberTable(Tomcat55Membership(), vector["local_name"].text().encode()), 0
    for step in vector["steps"].items():
        text = step["step"].text()
        verb, *words = text.split(" ")
        try:
            if verb == "alive":
                name, alive_ms, port = words[0].encode(), int(words[1]), int(words[2])
                events = table.hear(Announcement(name, name, bytes(4), port, alive_ms), now_ms)
                same(text, step["is_new"].flag(), any(isinstance(event, MemberAdded) for event in events))
            elif verb == "expire":
                events = table.expire(now_ms, int(words[0]))
                gone = sorted(event.member.text for event in events if isinstance(event, MemberDropped))
                same(text, sorted(one.text() for one in step["expired"].items()), gone)
            elif verb == "sleep":
                now_ms += int(words[0])
            elif verb == "reset":
                table.reset()
            else:
                raise InputError(f"{step.place}: unknown step {verb!r}")
        except (IndexError, ValueError):
            raise InputError(f"{step.place}: cannot read step {text!r}") from None
        members = sorted(f"{one.text} alive={one.alive_ms} port={one.port}" for one in table.oldest_first())
        same(f"{text}, members", [one.text() for one in step["members"].items()], members)
