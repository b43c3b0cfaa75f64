"""Plays what a raw client sent to a recorded container against refjk's container end, and judges."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from refjk.ajp13.codes import PACKET_SIZE_MAX
from refjk.base.errors import InputError, Malformed
from refjk.vectors.document import Node
from refjk.vectors.edge_shell import Ask, End, Ending, Head, Pong, Shell, Token, head_of
from refjk.vectors.packets import cut_one_packet, describe_to_web_server, require_same, short_words
from refjk.vectors.result import Difference, Judgement, Played, Unlike, Verdict, judged_once
from refjk.vectors.setup import container_packet_size, container_policy

KIND = "ajp13 edge, container"

SILENCE_MS = 10_000  # for how long the recorded client waited in the end

# Refusing and going on all the same is what refjk never does.
CLOSES_AFTER_REFUSAL = "AJP-END-03"  # who said that the connection must not be reused closes it
CLOSES_AFTER_SECRET = "AJP-SEC-06"  # the same, after a secret that was not right
WRONG_SECRET = "AJP-SEC-02"

_WORDS = re.compile(
    r"(?P<pong>CPONG)|HEADERS (?P<status>\d+)|END reuse=(?P<reuse>\d+)|GET_BODY (?P<ask>\d+)|CHUNK \d+|flush"
)


@dataclass(frozen=True, slots=True)
class _Recorded:
    """What the product did: its packets, and whether it closed by itself."""

    product: str
    tokens: list[Token]
    closed: bool


def play_edge_container(document: Node) -> Played:
    """Raises `InputError` for a document that does not keep to the schema."""
    product = document["producers"]["to_server"].text()
    try:
        theirs = _read_recorded(document, product)
        judgement = _judge(_play(document, theirs), theirs, "received")
        if judgement.verdict is Verdict.SAME and document.get("cping_probe") is not None:
            judgement = _judge_probe(document, theirs)
    except Unlike as unlike:
        judgement = Judgement(product, Verdict.UNEXPLAINED, difference=unlike.difference)
    return judged_once(KIND, [judgement])


def _play(document: Node, theirs: _Recorded) -> Shell:
    shell = _send(document, theirs)
    shell.wait(SILENCE_MS)
    return shell


def _judge_probe(document: Node, theirs: _Recorded) -> Judgement:
    """The second run, with a CPING (or whatever it was) some time after the last octet."""
    probe = document["cping_probe"]
    shell = _send(document, theirs)
    shell.wait(probe["sent_after_ms"].number())
    said_before = len(shell.tokens)
    shell.receive(probe["sent_hex"].octets())
    tokens = [*shell.tokens[:said_before]]
    for word in probe["answer"].items():
        tokens.extend(_token_of_words(word))
    closed = probe["connection"].text() == "closed"
    return _judge(shell, _Recorded(theirs.product, tokens, closed), "cping_probe")


def _send(document: Node, theirs: _Recorded) -> Shell:
    container = document["setup"]["container"]
    timeout = container.get("connectionTimeout") or container.get("keepAliveTimeout")
    shell = Shell(
        container_policy(container),
        container_packet_size(container),
        _asks_per_cycle(theirs.tokens),
        None if timeout is None or timeout.number() < 0 else timeout.number(),
    )
    for step in document["sent"].items():
        if step.get("hex") is not None:
            shell.receive(step["hex"].octets())
        elif step.get("pause_ms") is not None:
            shell.wait(step["pause_ms"].number())
        elif step.get("tcp") is not None:
            shell.receive_eof()
        else:
            raise InputError(f"{step.place}: expected hex, pause_ms or tcp")
    return shell


def _asks_per_cycle(tokens: Sequence[Token]) -> list[int]:
    counts = [0]
    for token in tokens:
        if isinstance(token, Ask):
            counts[-1] += 1
        elif isinstance(token, End):
            counts.append(0)
    return counts


def _read_recorded(document: Node, product: str) -> _Recorded:
    """The product's side; its packets must be what their description says, as refjk reads them."""
    tokens: list[Token] = []
    words: list[str] = []
    for received in document["received"].items():
        packet, entry = received["hex"].octets(), received["decoded"]
        try:
            cut_one_packet(packet, False, PACKET_SIZE_MAX)
            described, _ = describe_to_web_server(packet)
        except Malformed as complaint:
            where = f"{received.place}.hex, octet {complaint.offset} ({complaint.clause})"
            raise Unlike(where, complaint.expected, complaint.actual) from None
        require_same(entry.table(), described, entry.place)
        words.append(short_words(described))
    short = document.get("received_short")
    if short is not None:
        require_same([word.text() for word in short.items()], words, short.place)
    for number, text in enumerate(words):
        tokens.extend(_token_of_words(Node(text, f"received[{number}]")))
    state = document["connection_after"]["state"].text()
    return _Recorded(product, tokens, state.startswith("closed at once"))


def _token_of_words(node: Node) -> list[Token]:
    found = _WORDS.fullmatch(node.text())
    if found is None:
        raise InputError(f"{node.place}: no packet in words: {node.text()!r}")
    if found["pong"]:
        return [Pong()]
    if found["status"]:
        return [head_of(int(found["status"]))]
    if found["reuse"]:
        return [End(found["reuse"] != "0")]
    return [Ask(int(found["ask"]))] if found["ask"] else []


def _judge(shell: Shell, theirs: _Recorded, where: str) -> Judgement:
    """Compare packet by packet, and in the end the connection; the first difference decides."""
    ours = shell.tokens
    for position in range(max(len(ours), len(theirs.tokens))):
        mine = ours[position] if position < len(ours) else None
        other = theirs.tokens[position] if position < len(theirs.tokens) else None
        if mine != other:
            return _explain(shell, theirs, position, mine, other, where)
    if (shell.ending is Ending.CLOSED) == theirs.closed:
        return Judgement(theirs.product, Verdict.SAME)
    if shell.ending is Ending.CLOSED:
        return _stricter(shell, theirs, len(ours)) or _unexplained(
            theirs, f"{where}, the connection", "kept", "closed"
        )
    return _unexplained(theirs, f"{where}, the connection", "closed", "kept")


def _explain(
    shell: Shell, theirs: _Recorded, position: int, mine: Token | None, other: Token | None, where: str
) -> Judgement:
    # refjk went on where the product refused, fell silent or closed: no clause excuses that.
    goes_on = mine == Head(refused=False) or mine == End(reuse=True) or isinstance(mine, Ask | Pong)
    stricter = None if goes_on else _stricter(shell, theirs, position)
    if stricter is not None:
        return stricter
    ending = "the connection is closed" if theirs.closed else "nothing more"
    expected = ending if other is None else str(other)
    actual = shell.ending.value if mine is None else str(mine)
    return _unexplained(theirs, f"{where}, answer {position + 1}", expected, actual)


def _stricter(shell: Shell, theirs: _Recorded, position: int) -> Judgement | None:
    reason = next((r for r in reversed(shell.reasons) if r.position <= position), None)
    if reason is None:
        return None
    clause, text = reason.clause, reason.text
    if position == len(shell.tokens) and shell.tokens[-1:] == [End(reuse=False)]:
        # The refusal itself is the same on both sides; only refjk closes after it.
        clause = CLOSES_AFTER_SECRET if clause == WRONG_SECRET else CLOSES_AFTER_REFUSAL
        text = f"closed after END_RESPONSE 0; refused by {text}"
    return Judgement(theirs.product, Verdict.STRICTER, clause, text)


def _unexplained(theirs: _Recorded, where: str, expected: str, actual: str) -> Judgement:
    difference = Difference(where, expected, actual)
    return Judgement(theirs.product, Verdict.UNEXPLAINED, difference=difference)
