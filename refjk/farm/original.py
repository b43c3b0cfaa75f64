"""The deployer of 5.5.5 as it was, step by step. Only for comparison with the original.

It takes a host and directories as its caller gives them, and yields what the original asks of both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from refjk.farm.messages import FileMessage, UndeployMessage
from refjk.farm.names import SUFFIX, context_path_of, last_part
from refjk.farm.parts import OriginalWriter, message_of, parts_of
from refjk.farm.watching import Happening, OriginalWatcher, Seen, WatchTicks


class OriginalHost(Protocol):
    """The application manager, and what of the file system the deployer touches through it."""

    def is_serviced(self, path: str) -> bool: ...

    def add_serviced(self, path: str) -> None: ...

    def remove_serviced(self, path: str) -> None: ...

    def check(self, path: str) -> None: ...

    def stop(self, path: str) -> bool:
        """Stops the context; False when the host knows none of this path."""

    def delete(self, path: str) -> None:
        """The archive, else the directory, else the descriptor file of the path. FAR-UND-07"""

    def entries(self) -> Sequence[Seen]:
        """The watched directory."""

    def watched(self, name: str) -> bytes: ...

    def copy_to_deploy(self, name: str) -> None: ...

    def clear_temp(self, name: str) -> None: ...

    def append_temp(self, name: str, octets: bytes) -> None: ...

    def move_to_deploy(self, name: str) -> None: ...


class OriginalDeployer:
    """One node. Messages for all others are yielded; the caller delivers each before it goes on."""

    def __init__(self, host: OriginalHost, *, watch_enabled: bool) -> None:
        self._host = host
        self._ticks = WatchTicks(enabled=watch_enabled)
        self._watcher = OriginalWatcher()
        self._writers: dict[str, OriginalWriter] = {}

    @property
    def told(self) -> Sequence[str]:
        """The watched names that have been told of and are not gone."""
        return self._watcher.told

    def tick(self, now_ns: int, directory: str) -> Iterator[FileMessage | UndeployMessage]:
        """`directory`: of the watched files, as it stands in file names."""
        if not self._ticks.tick():
            return
        for event in self._watcher.check(self._host.entries(), now_ns):
            path = context_path_of(event.name, as_original=True)
            if event.happening is Happening.CHANGED:
                yield from self._changed(event.name, path, directory)
            else:
                yield self._undeploy(path, True)
                self.remove(path)

    def _changed(self, name: str, path: str, directory: str) -> Iterator[FileMessage | UndeployMessage]:
        """FAR-DEP-10"""
        self._host.copy_to_deploy(name)
        yield self._undeploy(path, False)
        if "#" in name or "?" in name:
            return
        octets = self._host.watched(name)
        for part in parts_of(len(octets), as_original=True):
            content = octets[part.offset : part.offset + part.size]
            yield message_of(
                part,
                content,
                file_name=f"{directory}/{name}",
                context_path=path,
                size=len(octets),
                whole_array=True,
            )

    @staticmethod
    def _undeploy(path: str, undeploy: bool) -> UndeployMessage:
        return UndeployMessage(path, undeploy, f"Undeploy:{path}:0")

    def receive(self, message: FileMessage | UndeployMessage) -> None:
        if isinstance(message, UndeployMessage):
            self.remove(message.context_path or "")
            return
        key = message.file_name or ""
        name = last_part(key)
        if key not in self._writers:
            self._writers[key] = OriginalWriter()
            self._host.clear_temp(name)
        octets, complete = self._writers[key].write(message)
        self._host.append_temp(name, octets)
        if not complete:
            return
        del self._writers[key]
        path = message.context_path or ""
        if self._host.is_serviced(path):
            return
        self._host.add_serviced(path)
        self._remove_known(path)
        self._host.move_to_deploy(name if name.endswith(SUFFIX) else name + SUFFIX)
        self._host.check(path)
        self._host.remove_serviced(path)

    def remove(self, path: str) -> None:
        """Whatever the flag of the message says. FAR-UND-06"""
        if self._host.is_serviced(path):
            return
        self._host.add_serviced(path)
        self._remove_known(path)
        self._host.remove_serviced(path)

    def _remove_known(self, path: str) -> None:
        if self._host.stop(path):
            self._host.delete(path)
            self._host.check(path)
