"""Object streams beside a JVM: it reads what we write, and we read what it writes."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path
from random import Random

import pytest

from refjk.objectstream import ObjectInput, ObjectOutput, read_object, read_stream, write_object, write_stream
from refjk.speccheck import covers
from tests.objectstream.random_values import RandomValues, describe

pytestmark = pytest.mark.interop

SOURCES = Path(__file__).parent / "java"
SEED = 20_050_331
DEADLINE_S = 120


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled program."""
    if shutil.which("javac") is None or shutil.which("java") is None:
        pytest.skip("no javac (a JDK, Debian's default-jdk-headless)")
    target = tmp_path_factory.mktemp("classes")
    command = ["javac", "-d", str(target), *map(str, sorted(SOURCES.glob("*.java")))]
    subprocess.run(command, check=True, timeout=DEADLINE_S, capture_output=True)
    return target


def echo(classes: Path, what: str, streams: list[bytes]) -> list[bytes]:
    """The entries that the program writes for these streams."""
    entries = b"".join(struct.pack(">i", len(octets)) + octets for octets in streams)
    ended = subprocess.run(
        ["java", "-Xmx256m", "-cp", str(classes), "Echo", what],
        input=entries + struct.pack(">i", -1),
        capture_output=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr.decode("utf-8", "replace")[-2000:]
    found, at = [], 0
    while at < len(ended.stdout):
        (size,) = struct.unpack_from(">i", ended.stdout, at)
        found.append(ended.stdout[at + 4 : at + 4 + size])
        at += 4 + size
    return found


@covers("OBS-WRT-01", "OBS-WRT-02", "OBS-WRT-03", "OBS-VAL-01", "OBS-VAL-03", "OBS-VAL-05", "OBS-ARR-04")
def test_a_jvm_reads_two_hundred_random_values_and_gives_back_the_same(classes: Path) -> None:
    print(f"seed {SEED}")
    values = RandomValues(Random(SEED))
    sent = [values.value() for _ in range(199)]
    sent.append(["\U0001d11e" * 30_000, "\0" * 40_000, "x" * 65_535, "x" * 65_536])
    streams = [write_object(value) for value in sent]

    entries = echo(classes, "values", streams)

    assert len(entries) == 2 * len(sent)
    for number, value in enumerate(sent):
        said, octets = entries[2 * number].decode("ascii"), entries[2 * number + 1]
        assert said == describe(value), f"value {number} of seed {SEED}"
        assert describe(read_object(octets)) == said, f"value {number} of seed {SEED}"
        assert write_stream(read_stream(octets)) == octets, f"value {number} of seed {SEED}"


@covers("OBS-BLK-01", "OBS-BLK-02", "OBS-BLK-03", "OBS-BLK-04")
def test_a_jvm_reads_primitive_values_and_objects_in_turn(classes: Path) -> None:
    shared = ["shared"]
    target = ObjectOutput()
    target.write_boolean(True)
    target.write_byte(-2)
    target.write_short(-300)
    target.write_char("€")
    target.write_object(shared)
    target.write_int(-5)
    target.write_long(1 << 40)
    target.write_float(1.5)
    target.write_double(-0.1)
    target.write_utf("a\0\U0001d11e" * 400)
    target.write_object({"one": shared})
    target.write_object(None)
    target.write_octets(bytes(range(250)) * 12)
    octets = target.octets()

    (echoed,) = echo(classes, "sequence", [octets])

    assert echoed == write_stream(read_stream(echoed))
    for stream in (octets, echoed):
        source = ObjectInput(stream)
        assert [source.read_boolean(), source.read_byte(), source.read_short()] == [True, -2, -300]
        assert source.read_char() == "€"
        first = source.read_object()
        assert [source.read_int(), source.read_long()] == [-5, 1 << 40]
        assert [source.read_float(), source.read_double()] == [1.5, -0.1]
        assert source.read_utf() == "a\0\U0001d11e" * 400
        table = source.read_object()
        assert isinstance(table, dict)
        assert table["one"] is first
        assert source.read_object() is None
        assert source.read_octets(3000) == bytes(range(250)) * 12
        source.expect_end()
