"""The logs of a configured front: CustomLog, JkLogFile and JkRequestLogFormat of each of its servers."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from refjk.base.errors import InputError
from refjk.configuration import Configuration, Server
from refjk.logformat import LogEntry, RequestRenderer, compile_request_log
from refjk.runtime.access_log import AccessLog
from refjk.runtime.jk_log import JkLog, JkLogHandler, logging_level

NOTE_TYPE = "JK_WORKER_TYPE"


class ServerLogs:
    """What is written for the requests of one server."""

    def __init__(
        self, access: Sequence[AccessLog], jk: JkLog | None, render_request: RequestRenderer | None
    ) -> None:
        self.access = tuple(access)
        self.jk = jk
        self._render_request = render_request

    def write(self, entry: LogEntry) -> None:
        """A request is over."""
        for log in self.access:
            log.write(entry)
        # LOG-REQ-03: what went to no worker has no such note.
        if self.jk is not None and self._render_request is not None and NOTE_TYPE in entry.notes:
            self.jk.request(self._render_request(entry))


class FrontLogs:
    """All logs; a file that several servers name is opened once."""

    def __init__(self, configuration: Configuration) -> None:
        self._access: dict[tuple[str, object, str], AccessLog] = {}
        self._jk: dict[str, JkLog] = {}
        self._handler: JkLogHandler | None = None
        self._configuration = configuration
        self.of: Mapping[int, ServerLogs] = {
            id(server): self._open(server) for server in configuration.servers
        }
        main = configuration.main.log_file.value
        self.main: JkLog | None = None if main is None else self._jk[main]

    def attach(self) -> None:
        """What the loggers of refjk say goes into the main server's JkLogFile from now on."""
        if self.main is not None:
            self._handler = JkLogHandler(self.main)
            logger = logging.getLogger("refjk")
            logger.addHandler(self._handler)
            logger.setLevel(logging_level(self.main.level))

    def reopen(self) -> None:
        """After the files were moved away."""
        for log in self._all():
            log.reopen()

    def close(self) -> None:
        """The last line was written."""
        if self._handler is not None:
            logging.getLogger("refjk").removeHandler(self._handler)
        for log in self._all():
            log.close()

    def _all(self) -> list[AccessLog | JkLog]:
        return [*self._access.values(), *self._jk.values()]

    def _open(self, server: Server) -> ServerLogs:
        root = self._configuration.server_root
        access = []
        for one in server.access_logs:
            key = one.file, one.format, one.condition
            if key not in self._access:
                self._access[key] = AccessLog(_ready(one.file, root), one.format, condition=one.condition)
            access.append(self._access[key])
        file = server.log_file.value
        jk = None if file is None else self._open_jk(file, server)
        items = server.request_log_format.value
        return ServerLogs(access, jk, compile_request_log(items) if items else None)

    def _open_jk(self, file: str, server: Server) -> JkLog:
        if file not in self._jk:
            self._jk[file] = JkLog(
                _ready(file, self._configuration.server_root),
                server.log_level.value,
                profile=self._configuration.profile.value,
                stamp_format=server.log_stamp_format.value,
            )
        elif server.log_level.is_given and self._jk[file].is_on(server.log_level.value) is False:
            # Two servers with one file: the more talkative level counts.
            self._jk[file].level = server.log_level.value
        return self._jk[file]


def _ready(file: str, server_root: str) -> str:
    if not file.startswith("|") and file != "-":
        make_folder(file, server_root)
    return file


def make_folder(file: str, server_root: str) -> None:
    """The folder of a file, if it is missing and below the server root. LOG-FIL-01"""
    folder, root = Path(file).parent, Path(server_root)
    if not folder.exists() and folder.is_relative_to(root):
        try:
            folder.mkdir(parents=True, exist_ok=True)  # another process may do the same
        except OSError as error:
            raise InputError(f"cannot make the folder {folder}: {error.strerror}") from None
