"""What a relay has seen, turned into decoded events and into a capture file."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping

from refjk.base.errors import UsageError
from refjk.decode import Conversation, Event, Remark, Settings, Side
from refjk.decode.capture_writer import CAPTURE_HEAD, CaptureConnection
from refjk.decode.link import endpoint_text
from refjk.runtime.relay_tap import RelayEnded, RelayEvent, RelayFailed, RelayOpened, RelayPassed, Tap

CONNECTIONS_MAX = 4096
SLOW_OUTPUT = "the output was slower than the traffic"


class RelayView:
    """Follows every connection of a relay; forgets the oldest when there are too many."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._conversations: OrderedDict[int, Conversation] = OrderedDict()
        self._ended: dict[int, Side] = {}

    def events(self, event: RelayEvent) -> Iterator[Event]:
        """What an event of the relay means. Events of connections it does not know mean nothing."""
        conversation = self._conversations.get(event.connection)
        if isinstance(event, RelayOpened):
            yield from self._open(event)
        elif isinstance(event, RelayFailed):
            text = f"the container cannot be reached: {event.reason}"
            yield Remark(event.connection, event.time_ns, text)
        elif conversation is not None:
            if event.lost:
                yield from conversation.gap(_sender(event), event.lost, event.time_ns, SLOW_OUTPUT)
            if isinstance(event, RelayPassed):
                yield from conversation.receive(_sender(event), event.data, event.time_ns)
            else:
                yield from self._end_of_side(conversation, event)

    def end(self, lost: Mapping[tuple[int, bool], int]) -> Iterator[Event]:
        """What is left when the relay has stopped, losses that no event has told included."""
        while self._conversations:
            number, conversation = self._conversations.popitem(last=False)
            for toward_container, side in ((True, Side.WEB_SERVER), (False, Side.CONTAINER)):
                if size := lost.get((number, toward_container), 0):
                    yield from conversation.gap(side, size, None, SLOW_OUTPUT)
            yield from conversation.end_of_recording()

    def _open(self, event: RelayOpened) -> Iterator[Event]:
        self._conversations[event.connection] = Conversation(
            event.connection,
            self._settings,
            web_server=endpoint_text(event.web_server),
            container=endpoint_text(event.container),
        )
        if len(self._conversations) > CONNECTIONS_MAX:
            number, oldest = self._conversations.popitem(last=False)
            self._ended.pop(number, None)
            yield from oldest.end_of_recording()
            yield Remark(number, event.time_ns, "forgotten: more connections than are kept at a time")

    def _end_of_side(self, conversation: Conversation, event: RelayEnded) -> Iterator[Event]:
        side = _sender(event)
        yield from conversation.ended(side, "reset" if event.reset else "closed", event.time_ns)
        if event.reset or self._ended.setdefault(event.connection, side) is not side:
            self._ended.pop(event.connection, None)
            del self._conversations[event.connection]


class CaptureRecorder:
    """Writes a capture file from a tap of its own, in a thread of its own."""

    def __init__(self, path: str) -> None:
        """Raises `UsageError` when the file cannot be opened. Holding secrets, it is its owner's only."""
        self.tap = Tap()
        self.failure: str | None = None
        self._path = path
        self._connections: OrderedDict[int, CaptureConnection] = OrderedDict()
        try:
            self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        except OSError as error:
            raise UsageError(f"cannot write --write {path}: {error.strerror}") from None
        self._thread = threading.Thread(target=self._run, name="refjk-capture", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def finish(self) -> None:
        """Wait until everything is written; after the relay has stopped."""
        self._thread.join()

    def _run(self) -> None:
        try:
            with open(self._fd, "wb") as file:
                file.write(CAPTURE_HEAD)
                for event in self.tap.events():
                    file.writelines(self._records(event))
                    file.flush()
        except OSError as error:
            self.failure = f"cannot write {self._path} any further: {error.strerror}"

    def _records(self, event: RelayEvent) -> Iterator[bytes]:
        connection = self._connections.get(event.connection)
        if isinstance(event, RelayOpened):
            connection = CaptureConnection(event.web_server, event.container)
            self._connections[event.connection] = connection
            if len(self._connections) > CONNECTIONS_MAX:
                self._connections.popitem(last=False)
            yield from connection.opened(event.time_ns)
        elif connection is not None and not isinstance(event, RelayFailed):
            side = _sender(event)
            connection.lost(side, event.lost)
            if isinstance(event, RelayPassed):
                yield from connection.passed(side, event.data, event.time_ns)
            else:
                yield from connection.ended(side, event.reset, event.time_ns)


def _sender(event: RelayPassed | RelayEnded) -> Side:
    by_web_server = event.toward_container if isinstance(event, RelayPassed) else event.by_web_server
    return Side.WEB_SERVER if by_web_server else Side.CONTAINER
