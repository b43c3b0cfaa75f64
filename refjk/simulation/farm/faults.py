"""What a seed makes of a farm: settings, archives and faults by chance, as the lines of a scenario."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from refjk.simulation.cluster.settings import Mode
from refjk.simulation.farm.disk import Step

APPLICATIONS = ("shop", "blog")
_SIZES = (300, 20_480, 25_000, 45_000)  # octets: one part, one that ends with an empty part, some, many
_FRESH = "last"
_SOON_MS = 20_000  # without faults: looks, starts and catalogs


@dataclass(slots=True)
class _State:
    """What the lines so far have come to.

    Whether a node of `unsure` runs is not known: it was ended, or is to end at a step of its disk.
    """

    source: random.Random
    nodes: tuple[str, ...]
    original: str | None  # one that is like those of Tomcat 5.5
    late: list[str]  # that have not joined yet
    sizes: dict[str, int]
    unsure: list[str] = field(default_factory=list)
    cuts: list[str] = field(default_factory=list)
    slow: list[str] = field(default_factory=list)
    versions: list[str] = field(default_factory=list)
    watched: list[str] = field(default_factory=list)  # as `take` has them

    def joining(self, node: str) -> str:
        return f"{'original' if node == self.original else 'join'} {node}"

    def there(self) -> list[str]:
        return [node for node in self.nodes if node not in self.late]

    def sure(self) -> list[str]:
        return [node for node in self.there() if node not in self.unsure]


def setting_lines(source: random.Random, mode: Mode) -> Iterator[str]:
    """Times and bounds, small ones among them so that they are met."""
    frequency_ms, low_ms = source.choice((500, 1000, 1000)), source.choice((1, 1, 5, 20))
    yield f"set mode {mode.value}"
    yield f"set frequency {frequency_ms}ms"
    yield f"set drop-time {frequency_ms * source.choice((3, 4, 6))}ms"
    yield f"set delay {low_ms}ms..{low_ms + source.choice((0, 3, 30, 150))}ms"
    yield f"set loss {source.choice((0, 0, 1, 5, 20))}%"
    yield f"set duplicates {source.choice((0, 0, 2, 10))}%"
    yield f"set threads {source.choice((1, 2, 6))}"
    yield f"set connect-time {source.choice((400, 1000))}ms"
    yield f"set answer-time {source.choice((300, 500, 1500))}ms"
    yield f"set lost {source.choice((0, 0, 1, 5, 25))}%"
    yield f"set doubled {source.choice((0, 0, 5, 30))}%"
    yield f"set late {source.choice((0, 0, 5, 30))}%"
    yield f"set late-by {source.choice((20, 300, 5000))}ms"
    yield f"set look {source.choice((300, 1000, 2000))}ms"
    yield f"set start {source.choice((0, 0, 50, 1500))}ms"
    yield f"set inbox {source.choice((3, 20, 512))}"
    yield f"set catalog {source.choice((2000, 5000))}ms"
    yield f"set catalog-answer {source.choice((1000, 3000))}ms"
    yield f"set silent {source.choice((5000, 20_000))}ms"
    yield f"set fetch {source.choice((500, 2000))}ms"
    yield f"set fetches {source.choice((1, 4))}"
    yield f"set transfers {source.choice((4, 16))}"
    yield f"set transfer {source.choice((3000, 10_000))}ms"
    yield f"set skew {source.choice((0, 1000, 3_600_000))}ms"


def farm_lines(seed: int, node_count: int, faulty_ms: int, mode: Mode | None) -> Iterator[str]:
    """Faults for a time (safety), then none, and everything must become well (liveness)."""
    source = random.Random(f"scenario {seed}")
    yield from setting_lines(source, mode or source.choice(tuple(Mode)))
    nodes = tuple(f"n{number + 1}" for number in range(node_count))
    late = [node for node in nodes[2:] if source.random() < 0.4]
    sizes = {name: source.choice(_SIZES) for name in APPLICATIONS}
    original = source.choice(nodes) if node_count > 2 and source.random() < 0.25 else None
    state = _State(source, nodes, original, late, sizes)
    for node in state.there():
        yield state.joining(node)
        yield f"pass {source.choice((0, 10, 700, 1900))}ms"
    yield f"pass {source.choice((0, 3000))}ms"
    passed_ms = 0
    while passed_ms < faulty_ms:
        yield from _happening(state)
        pause_ms = source.choice((0, 20, 150, 500, 1000, 3000))
        yield f"pass {pause_ms}ms"
        passed_ms += pause_ms
    yield from _healing(state)


def _happening(state: _State) -> Iterator[str]:
    happenings: tuple[tuple[int, Callable[[_State], Iterator[str]]], ...] = (
        (30, _put),
        (8, _take),
        (6, _cut),
        (6, _heal),
        (6, _end),
        (12, _trap),
        (16, _back),
        (4, _break),
        (4, _slow),
        (5, _fail),
        (4, _join),
    )
    weights = [weight for weight, _ in happenings]
    yield from state.source.choices([act for _, act in happenings], weights)[0](state)


def _put(state: _State) -> Iterator[str]:
    """A new version mostly; an old one now and then; sometimes two nodes get different ones at once."""
    source = state.source
    for node in source.sample(state.there(), source.choice((1, 1, 1, 2))):
        name = source.choice(APPLICATIONS)
        known = [version for version in state.versions if version.startswith(f"{name}=")]
        if known and source.random() < 0.25:
            chosen = source.choice(known)
        else:
            chosen = f"{name}=v{len(state.versions) + 1}"
            size = state.sizes[name] if source.random() < 0.7 else source.choice((*_SIZES, 150_000))
            yield f"version {chosen} {size} {source.choice(('',) * 8 + ('broken', 'lame'))}".rstrip()
            state.versions.append(chosen)
        if source.random() < 0.1:
            yield f"half {node} {chosen}"
            yield f"pass {source.choice((100, 1000, 3000))}ms"
        yield f"put {node} {chosen}"
        if f"{node} {name}" not in state.watched:
            state.watched.append(f"{node} {name}")


def _take(state: _State) -> Iterator[str]:
    if state.watched:
        chosen = state.source.choice(state.watched)
        state.watched.remove(chosen)
        yield f"take {chosen}"


def _cut(state: _State) -> Iterator[str]:
    one, other = state.source.sample(state.there(), 2)
    pair = f"{one} {state.source.choice(('', '', '-> '))}{other}"
    state.cuts.append(pair)
    yield f"cut {pair}"


def _heal(state: _State) -> Iterator[str]:
    if state.cuts:
        pair = state.source.choice(state.cuts)
        state.cuts.remove(pair)
        yield f"heal {pair}"


def _end(state: _State) -> Iterator[str]:
    if state.sure():
        node = state.source.choice(state.sure())
        state.unsure.append(node)
        yield f"{state.source.choice(('crash', 'kill'))} {node}"


def _trap(state: _State) -> Iterator[str]:
    """Somebody is to end at some step of its disk, soon perhaps."""
    source = state.source
    if state.sure():
        node = source.choice(state.sure())
        state.unsure.append(node)
        step = source.choice((Step.SEND, Step.SEND, *Step)).value
        yield f"end {node} {source.choice(('crash', 'kill'))} {step} {source.choice((1, 1, 2, 4))}"


def _back(state: _State) -> Iterator[str]:
    if state.unsure:
        node = state.source.choice(state.unsure)
        yield f"back {node}"


def _break(state: _State) -> Iterator[str]:
    one, other = state.source.sample(state.there(), 2)
    yield f"break {one} {other}"


def _slow(state: _State) -> Iterator[str]:
    node = state.source.choice(state.there())
    state.slow.append(node)
    yield f"slow {node} {state.source.choice((0, 1, 40, 400))}ms"


def _fail(state: _State) -> Iterator[str]:
    """The disk of somebody is full for a moment."""
    source = state.source
    step = source.choice(tuple(step for step in Step if step not in (Step.SWEEP, Step.SEND))).value
    yield f"fail {source.choice(state.there())} {step} {source.choice((1, 1, 2, 3))}"


def _join(state: _State) -> Iterator[str]:
    if state.late:
        yield state.joining(state.late.pop(0))


def _healing(state: _State) -> Iterator[str]:
    """Most are back, some may stay away; then a new version comes, and goes again."""
    source = state.source
    yield "heal"
    yield from (f"slow {node} 0ms" for node in dict.fromkeys(state.slow))
    back = [node for node in dict.fromkeys(state.unsure) if source.random() < 0.8]
    running = [node for node in (*back, *state.sure()) if node != state.original]
    if not running:
        running = [next(node for node in state.there() if node != state.original)]
        back += running
    if back:
        yield f"back {' '.join(back)}"
    yield "settle"
    node = source.choice(running)
    yield f"version {APPLICATIONS[0]}={_FRESH} {source.choice(_SIZES)}"
    yield f"put {node} {APPLICATIONS[0]}={_FRESH}"
    yield f"pass {_SOON_MS}ms"
    yield f"expect all serves {APPLICATIONS[0]}={_FRESH}"
    yield f"take {node} {APPLICATIONS[0]}"
    yield f"pass {_SOON_MS}ms"
    yield "expect all same"
    yield f"expect all has {APPLICATIONS[0]}=none"
