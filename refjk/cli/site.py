"""A front from a `httpd.conf`: its options, and how it is run (`refjk front --config`, `refjk up`)."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from refjk.base.errors import InputError, UsageError
from refjk.cli.config import profile_argument
from refjk.configuration import Configuration, Profile, Severity, raise_if_refused, read_httpd
from refjk.runtime.addresses import Address, parse_address
from refjk.runtime.child import ChildControl
from refjk.runtime.configured import Site
from refjk.runtime.disk_files import DiskFiles
from refjk.runtime.front import HTTP_PORT_DEFAULT, Front, now_ms
from refjk.runtime.front_logs import FrontLogs, make_folder
from refjk.runtime.front_settings import ServingSettings
from refjk.runtime.front_status import new_key
from refjk.runtime.jk_log import current_request_id
from refjk.runtime.listening import inherited_listeners
from refjk.runtime.process_group import LIFELINE
from refjk.runtime.processes import Plan, Supervisor
from refjk.runtime.shared_memory import SharedMemory
from refjk.webserver import WebServer


def add_site_arguments(parser: argparse.ArgumentParser) -> None:
    """Options that only make sense with a configuration."""
    parser.add_argument(
        "--profile",
        type=profile_argument,
        help="the version whose rules apply: 1.2.7 or 1.2.50 (default: what the file states, or 1.2.50)",
    )
    parser.add_argument(
        "--define",
        action="append",
        default=[],
        metavar="NAME",
        help="a name that <IfDefine> takes for defined, as with httpd -D; may be repeated",
    )
    parser.add_argument(
        "--status-remote",
        action="store_true",
        help="answer status pages not only to this machine (protect the mount by other means)",
    )
    parser.add_argument(
        "--processes",
        type=int,
        metavar="N",
        default=1,
        help="processes that serve together and share what the balancers know (default %(default)s)",
    )


def run_site(file: str, options: argparse.Namespace, settings: ServingSettings) -> int:
    """Serve until a signal comes. SIGHUP reads everything anew, SIGUSR1 opens logs anew.

    `options` has those of `add_site_arguments`, `listen` (None: where the file says), `graceful_timeout`
    and `check_config`.
    """
    if options.processes < 1:
        raise UsageError("--processes: at least 1 process serves")
    listen = None
    if options.listen is not None:
        listen = parse_address(options.listen, port_default=HTTP_PORT_DEFAULT, port_min=0)
    if options.check_config:
        site = Site.of(read_site(file, options))
        FrontLogs(site.configuration).close()
        plan = site.plan
        where = ", ".join(str(address) for address in ((listen,) if listen else site.addresses()))
        print(
            f"the front can be started; servers: {len(plan.hosts)}, balancers: {len(plan.balancers)}, "
            f"workers: {len(plan.workers)}, listens on: {where}"
        )
        return 0
    supervisor = Supervisor(
        lambda: _prepare(file, options, settings, listen),
        graceful_s=options.graceful_timeout,
        sockets=inherited_listeners(os.environ),
        lifeline_fd=0 if os.environ.get(LIFELINE) == "1" else None,
        announce=_announce,
    )
    return supervisor.run()


def read_site(file: str, options: argparse.Namespace) -> Configuration:
    """The configuration; warnings go to standard error, an error is raised as `InputError`."""
    profile: Profile | None = options.profile
    configuration = read_httpd(
        os.path.abspath(file), DiskFiles(), profile=profile, environment=os.environ, defines=options.define
    )
    for complaint in configuration.complaints:
        if complaint.severity is not Severity.ERROR:
            print(complaint, file=sys.stderr)
    raise_if_refused(configuration.complaints)
    return configuration


def find_site(place: str) -> str:
    """The httpd.conf of a folder (`conf/httpd.conf` or `httpd.conf` in it), or the file itself."""
    path = Path(place)
    if not path.is_dir():
        return place
    for name in ("conf/httpd.conf", "httpd.conf"):
        if (path / name).is_file():
            return str(path / name)
    raise InputError(f"{place}: there is neither conf/httpd.conf nor httpd.conf in it")


def _prepare(
    file: str, options: argparse.Namespace, settings: ServingSettings, listen: Address | None
) -> Plan:
    """What one reading of the configuration comes to; runs in the parent."""
    configuration = read_site(file, options)
    site = Site.of(configuration)
    FrontLogs(site.configuration).close()  # what cannot be opened is said before anything serves
    parts = WebServer.parts(site.plan, options.processes)
    memory = _share(configuration, parts, several=options.processes > 1)
    # The first writer; it serves nobody, and repairs what a dead process leaves behind.
    keeper = WebServer(site.plan, now_ms(), memory)
    key = new_key()
    remote: bool = options.status_remote

    def child_died(slot: int) -> None:
        with memory.lock:
            keeper.forget_process(slot)

    return Plan(
        listen=(listen,) if listen is not None else site.addresses(),
        serve=lambda control: _serve(site, settings, memory, key, remote, control),
        processes=options.processes,
        child_died=child_died,
        close=memory.close,
    )


def _share(configuration: Configuration, parts: dict[str, int], *, several: bool) -> SharedMemory:
    """The memory of all processes, in JkShmFile or its default. PRC-SHM-07"""
    file = configuration.shm_file
    try:
        if file.value is not None:
            make_folder(file.value, configuration.server_root)
        return SharedMemory.create(file.value, parts, several=several)
    except InputError as error:
        if file.is_given:
            raise
        print(f"refjk: {error}; memory without a file is used", file=sys.stderr)
        return SharedMemory.create(None, parts, several=several)


def _serve(
    site: Site,
    settings: ServingSettings,
    memory: SharedMemory,
    key: bytes,
    remote_status: bool,
    control: ChildControl,
) -> int:
    """One process."""
    logs = FrontLogs(site.configuration)
    if logs.main is None:
        logging.basicConfig(
            level=logging.WARNING, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
        )
    logs.attach()
    front = site.front(
        settings,
        control.sockets,
        logs,
        memory=memory,
        slot=control.slot,
        key=key,
        remote_status=remote_status,
    )
    front.start()
    if logs.main is not None:
        current_request_id.set("JK_INIT")
        logs.main.info(f"refjk front initialized, process {control.slot}")
    code = control.attend(front, reopen=logs.reopen, report=lambda: _tell(front))
    _tell(front)
    logs.close()
    return code


def _announce(addresses: Sequence[Address]) -> None:
    for address in addresses:
        print(f"refjk front listens on http://{address}", file=sys.stderr, flush=True)


def _tell(front: Front) -> None:
    counted = ", ".join(f"{name} {count}" for name, count in front.counters.items() if count)
    print(f"refjk counted: {counted or 'nothing'}", file=sys.stderr, flush=True)
