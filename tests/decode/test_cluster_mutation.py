"""Whatever the octets are: nothing escapes but `InputError`, and nothing is held without bound."""

from __future__ import annotations

from random import Random

import pytest

from refjk.cli.cluster_forms import ClusterJsonForm, ClusterTextForm
from refjk.decode import ClusterEvent, Wire
from refjk.decode.describe import Style
from tests.decode.cluster_support import (
    ANSWER,
    RECEIVER,
    SENDER,
    announcement,
    flagged,
    frame,
    golden,
    read,
    udp,
)
from tests.decode.support import Talk, pcap

MESSAGE = bytes.fromhex(golden("farm-message-555.json")[0]["hex"])
SEEDS = 150


def mutated(random: Random, octets: bytes) -> bytes:
    changed = bytearray(octets)
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(changed))
        kind = random.randrange(4)
        if kind == 0:
            changed[at] = random.randrange(256)
        elif kind == 1:
            del changed[at : at + random.randint(1, 9)]
        elif kind == 2:
            changed[at:at] = random.randbytes(random.randint(1, 9))
        else:
            changed[at:at] = changed[max(0, at - 20) : at]
        if not changed:
            changed += b"\0"
    return bytes(changed)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_mutated_traffic_is_shown_in_every_form(seed: int) -> None:
    random = Random(seed)
    frames = [frame("hello"), flagged(2, MESSAGE), flagged(1, frame()[11:-7]), frame(data=b"")]
    sent = mutated(random, b"".join(random.choices(frames, k=3)))
    said = Talk(SENDER, RECEIVER).open().say(">", sent, size=random.choice((7, 1400)))
    said.say("<", mutated(random, ANSWER * 3))
    random.shuffle(said.packets)
    packets = [*said.packets, udp(mutated(random, announcement())), udp(mutated(random, b"refjkmac" * 8))]
    wire = random.choice((None, Wire.CHANNEL, Wire.MEMBERSHIP))
    port = random.choice((None, 4001)) if wire is Wire.CHANNEL else None
    events = read(pcap(packets), step=random.choice((1, 50, 10_000)), wire=wire, port=port)
    shown = [event for event in events if isinstance(event, ClusterEvent)]
    for style in (Style(), Style(detail=2, show_secrets=True)):
        for form in (ClusterTextForm(style, colour=False), ClusterJsonForm(style)):
            for event in shown:
                for line in form.lines(event):
                    assert line.isprintable()
