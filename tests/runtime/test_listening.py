"""Listening sockets: opened, refused, inherited."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from refjk.base.errors import InputError, UsageError
from refjk.runtime import listening
from refjk.runtime.addresses import Address
from refjk.runtime.listening import inherited_listeners, open_listeners, resolve
from refjk.speccheck import covers

PROJECT = Path(__file__).resolve().parents[2]


def close(listeners: list[socket.socket]) -> None:
    for listener in listeners:
        listener.close()


def test_port_0_takes_a_free_one() -> None:
    (listener,) = open_listeners(Address("127.0.0.1", 0))
    with listener:
        assert listener.getsockname()[1] > 0
        socket.create_connection(listener.getsockname(), timeout=10).close()


def test_a_name_is_listened_on_at_all_its_addresses_with_one_port() -> None:
    listeners = open_listeners(Address("localhost", 0))
    names = [listener.getsockname() for listener in listeners]
    close(listeners)
    assert {name[0] for name in names} <= {"127.0.0.1", "::1"}
    assert len({name[1] for name in names}) == 1


def test_addresses_of_a_name_that_this_machine_does_not_have_are_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    foreign, here = (socket.AF_INET, "192.0.2.1"), (socket.AF_INET, "127.0.0.1")
    for found in ([foreign, here], [here, foreign]):
        monkeypatch.setattr(listening, "resolve", lambda address, found=found: found)
        (listener,) = open_listeners(Address("name", 0))
        assert listener.getsockname()[0] == "127.0.0.1"
        listener.close()
    monkeypatch.setattr(listening, "resolve", lambda address: [foreign, foreign])
    with pytest.raises(InputError, match="this machine does not have that address"):
        open_listeners(Address("name", 0))


@covers("WSG-STP-07")
def test_a_taken_port_is_said_in_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=rf"cannot listen on 127\.0\.0\.1:{port}: the port is taken"):
            open_listeners(Address("127.0.0.1", port))


@covers("WSG-STP-07")
@pytest.mark.parametrize(
    ("host", "why"),
    [
        ("192.0.2.1", "this machine does not have that address"),
        ("no-such-host.invalid", "cannot listen on no-such-host.invalid: "),
        ("x" * 64 + ".invalid", "not a host name|cannot listen on"),
    ],
)
def test_an_address_that_cannot_be_had_is_said_in_one_sentence(host: str, why: str) -> None:
    with pytest.raises(InputError, match=why) as caught:
        open_listeners(Address(host, 0))
    assert "\n" not in str(caught.value)
    assert "Errno" not in str(caught.value)


def test_a_port_is_free_again_as_soon_as_it_was_given_up() -> None:
    (first,) = open_listeners(Address("127.0.0.1", 0))
    port = first.getsockname()[1]
    client = socket.create_connection(("127.0.0.1", port), timeout=10)
    first.accept()[0].close()  # leaves a connection in TIME_WAIT
    client.close()
    first.close()
    close(open_listeners(Address("127.0.0.1", port)))
    assert resolve(Address("127.0.0.1", port)) == [(socket.AF_INET, "127.0.0.1")]


# -- inherited ----------------------------------------------------------------------------


@covers("WSG-STP-05")
def test_without_the_variables_nothing_is_inherited() -> None:
    assert inherited_listeners({}) == []
    for others in ({"LISTEN_FDS": "0"}, {"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid() + 1)}):
        assert inherited_listeners(others) == []
        assert others == {}


@covers("WSG-STP-05")
@pytest.mark.parametrize("pid", [True, False])
def test_descriptors_from_3_on_are_taken_and_the_variables_removed(pid: bool) -> None:
    script = (
        "import os, sys\n"
        "from refjk.runtime.listening import inherited_listeners\n"
        "if sys.argv[1] == 'True':\n"
        "    os.environ['LISTEN_PID'] = str(os.getpid())\n"
        "os.environ['LISTEN_FDNAMES'] = 'a:b'\n"
        "found = inherited_listeners(os.environ)\n"
        "print([listener.getsockname()[1] for listener in found])\n"
        "print([os.get_inheritable(listener.fileno()) for listener in found])\n"
        "print([name for name in os.environ if name.startswith('LISTEN_')])\n"
        "for listener in found:\n"
        "    listener.close()\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        done = with_descriptors(script, str(pid), one=one.fileno(), two=two.fileno())
        ports = [one.getsockname()[1], two.getsockname()[1]]
    assert done.stderr == ""
    assert done.stdout.splitlines() == [str(ports), "[False, False]", "[]"]


def with_descriptors(script: str, *words: str, one: int, two: int) -> subprocess.CompletedProcess[str]:
    """Python with two descriptors at 3 and 4, as a service manager would start it."""
    start = (
        "import fcntl, os, sys\n"
        "high = [fcntl.fcntl(int(fd), fcntl.F_DUPFD_CLOEXEC, 20) for fd in sys.argv[1:3]]\n"
        "for fd, copy in enumerate(high, 3):\n"
        "    os.dup2(copy, fd)\n"
        "os.execv(sys.executable, [sys.executable, '-W', 'error', '-c', *sys.argv[3:]])\n"
    )
    return subprocess.run(
        [sys.executable, "-c", start, str(one), str(two), script, *words],
        pass_fds=(one, two),
        env={**os.environ, "LISTEN_FDS": "2"},
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=30,
    )


@covers("WSG-STP-06")
@pytest.mark.parametrize("count", ["", "x", "-1", "1.5", "²"])
def test_a_number_of_descriptors_that_is_none_is_refused(count: str) -> None:
    with pytest.raises(UsageError, match="LISTEN_FDS is a number"):
        inherited_listeners({"LISTEN_FDS": count})


@covers("WSG-STP-06")
@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("connected", "is not a listening stream socket"),
        ("datagram", "is not a listening stream socket"),
        ("file", "Socket operation on non-socket"),
    ],
)
def test_a_descriptor_that_does_not_listen_is_refused(kind: str, why: str, tmp_path: Path) -> None:
    script = (
        "import os\n"
        "from refjk.base.errors import UsageError\n"
        "from refjk.runtime.listening import inherited_listeners\n"
        "try:\n"
        "    inherited_listeners(os.environ)\n"
        "except UsageError as error:\n"
        "    print(error)\n"
    )
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname(), timeout=10) as connected,
        socket.socket(type=socket.SOCK_DGRAM) as datagram,
        (tmp_path / "file").open("wb") as file,
    ):
        second = {"connected": connected, "datagram": datagram, "file": file}[kind].fileno()
        done = with_descriptors(script, one=listener.fileno(), two=second)
    assert done.stdout == f"descriptor 4 named by LISTEN_FDS{':' if kind == 'file' else ''} {why}\n"
