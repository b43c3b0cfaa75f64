"""Absent programs become skips with a reason; the logs of running peers become part of a failure."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.interop.peers import Certificates, PeerMissing, Tomcat, create_certificates
from tests.interop.peers.process import LIVE


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, None, None]:
    try:
        return (yield)
    except PeerMissing as missing:
        pytest.skip(str(missing))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    try:
        return (yield)
    except PeerMissing as missing:
        pytest.skip(str(missing))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        report.sections += [(f"running {peer.name}", peer.logs()) for peer in LIVE]
    return report


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority with a server and a client certificate."""
    directory: Path = tmp_path_factory.mktemp("certificates")
    return create_certificates(directory)


@pytest.fixture(scope="session")
def tomcat() -> Iterator[Tomcat]:
    """A Tomcat without secret for all tests that need no special connector."""
    with Tomcat() as peer:
        yield peer
