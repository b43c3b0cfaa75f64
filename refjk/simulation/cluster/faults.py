"""What a seed makes of a cluster: settings, messages and faults by chance, as the lines of a scenario."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from refjk.simulation.cluster.settings import ClusterSettings, Mode, with_setting

KEYS = ("cart", "user", "page")


@dataclass(slots=True)
class _State:
    """What the lines so far have come to."""

    source: random.Random
    nodes: tuple[str, ...]
    settings: ClusterSettings
    up: list[str] = field(default_factory=list)  # running
    down: list[str] = field(default_factory=list)  # killed or crashed
    cuts: list[str] = field(default_factory=list)  # as `cut` and `heal` have them
    slow: list[str] = field(default_factory=list)
    value: int = 0

    def two(self) -> Sequence[str]:
        return self.source.sample(self.nodes, 2)

    def next_value(self) -> int:
        self.value += 1
        return self.value


def setting_lines(source: random.Random, mode: Mode) -> Iterator[str]:
    """Times and bounds, small ones among them so that they are met."""
    frequency_ms = source.choice((200, 500, 500, 1000))
    low_ms = source.choice((1, 1, 5, 20))
    yield f"set mode {mode.value}"
    yield f"set frequency {frequency_ms}ms"
    yield f"set drop-time {frequency_ms * source.choice((3, 4, 6, 6, 8)) + source.choice((0, 0, 1, 130))}ms"
    yield f"set delay {low_ms}ms..{low_ms + source.choice((0, 3, 30, 150))}ms"
    yield f"set loss {source.choice((0, 0, 1, 5, 20))}%"
    yield f"set duplicates {source.choice((0, 0, 2, 10))}%"
    yield f"set threads {source.choice((1, 2, 6))}"
    yield f"set connect-time {source.choice((400, 1000, 5000))}ms"
    if mode is Mode.ASYNCHRONOUS:
        yield f"set queue-length {source.choice((1, 2, 5, 10_000))}"
        yield f"set when-full {source.choice(('block', 'drop-oldest', 'refuse'))}"
        yield f"set block {source.choice((100, 1000, 5000))}ms"
        yield f"set retries {source.choice((0, 1, 3))}"
        yield f"set retry-pause {source.choice((50, 500))}ms"
        return
    yield f"set answer-time {source.choice((150, 500, 1500, 4000))}ms"
    yield f"set keep-alive-time {source.choice((1000, 60_000))}ms"
    yield f"set keep-alive-count {source.choice((1, 2, 5, 100))}"
    if mode is Mode.POOLED:
        yield f"set pool-size {source.choice((1, 2, 3, 25))}"
        yield f"set pool-wait {source.choice((100, 1000, 15_000))}ms"


def cluster_lines(
    seed: int, node_count: int, duration_ms: int, mode: Mode | None, *, faulty_ms: int
) -> Iterator[str]:
    """Phases in turn until the duration is over: faults for `faulty_ms` (safety), then none, and everything
    must become well (liveness)."""
    source = random.Random(f"scenario {seed}")
    chosen = mode or source.choice(tuple(Mode))
    settings = list(setting_lines(source, chosen))
    state = _State(source, tuple(f"n{number + 1}" for number in range(node_count)), _read(settings))
    network = [line for line in settings if line.startswith(("set loss", "set duplicates"))]
    yield from settings
    for node in state.nodes:
        yield f"join {node}"
        yield f"pass {source.choice((0, 10, 700, 1900))}ms"
    state.up.extend(state.nodes)
    passed_ms = 0
    while passed_ms < duration_ms:
        yield from network
        end_ms = min(passed_ms + faulty_ms, duration_ms)
        while passed_ms < end_ms:
            pause_ms = source.choice((0, 1, 20, 150, 400, 900))
            yield from _happening(state)
            yield f"pass {pause_ms}ms"
            passed_ms += pause_ms
        yield from _healing(state)


def _read(lines: Sequence[str]) -> ClusterSettings:
    """What `set` lines come to."""
    settings = ClusterSettings()
    for line in lines:
        _, name, text = line.split()
        settings = with_setting(settings, name, text)
    return settings


def _happening(state: _State) -> Iterator[str]:
    """A message mostly; a fault now and then, or the end of one."""
    happenings: tuple[tuple[int, Callable[[_State], Iterator[str]]], ...] = (
        (60, _send),
        (6, _cut),
        (6, _heal),
        (4, _end),
        (7, _restart),
        (4, _break),
        (5, _slow),
    )
    weights = [weight for weight, _ in happenings]
    yield from state.source.choices([act for _, act in happenings], weights)[0](state)


def _send(state: _State) -> Iterator[str]:
    """Some at once, as requests come together."""
    for _ in range(state.source.choice((1, 1, 1, 2, 4))):
        if state.up:
            key = state.source.choice(KEYS)
            yield f"send {state.source.choice(state.up)} {key}={state.next_value()}"


def _cut(state: _State) -> Iterator[str]:
    one, other = state.two()
    pair = f"{one} {state.source.choice(('', '', '-> '))}{other}"
    state.cuts.append(pair)
    yield f"cut {pair}"


def _heal(state: _State) -> Iterator[str]:
    if state.cuts:
        pair = state.source.choice(state.cuts)
        state.cuts.remove(pair)
        yield f"heal {pair}"


def _end(state: _State) -> Iterator[str]:
    if state.up:
        node = state.source.choice(state.up)
        state.up.remove(node)
        state.down.append(node)
        yield f"{state.source.choice(('crash', 'kill'))} {node}"


def _restart(state: _State) -> Iterator[str]:
    if state.down:
        node = state.source.choice(state.down)
        state.down.remove(node)
        state.up.append(node)
        yield f"restart {node}"


def _break(state: _State) -> Iterator[str]:
    one, other = state.two()
    yield f"break {one} {other}"


def _slow(state: _State) -> Iterator[str]:
    node = state.source.choice(state.nodes)
    state.slow.append(node)
    yield f"slow {node} {state.source.choice((0, 1, 40, 300, 700))}ms"


def _healing(state: _State) -> Iterator[str]:
    """Some of those that ended may stay away: the others must have dropped them."""
    yield "heal"
    state.cuts.clear()
    yield from (f"slow {node} 0ms" for node in dict.fromkeys(state.slow))
    state.slow.clear()
    while state.down and (len(state.up) < 2 or state.source.random() < 0.8):
        yield from _restart(state)
    yield "settle"
    yield "expect all see all"
    for node in state.up:
        for key in KEYS:
            yield f"send {node} {key}={state.next_value()}"
    yield "settle"
    if state.settings.mode is not Mode.ASYNCHRONOUS:
        yield from _acknowledging(state)


def _acknowledging(state: _State) -> Iterator[str]:
    """With nothing else under way, one message of each node reaches everybody."""
    delay_ms = state.settings.delay_ms[1]
    if state.settings.answer_time_ms <= 2 * delay_ms:  # answers come too late, faults or not
        return
    for node in state.up:
        yield f"send {node} last={state.next_value()}"
        # For each member a reset of an old connection, a new one, the frame and its answer.
        yield f"pass {len(state.up) * 7 * (delay_ms + 1)}ms"
        yield from (f"expect {node} -> {other} acknowledged" for other in state.up if other != node)
