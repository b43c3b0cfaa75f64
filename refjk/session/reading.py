"""A state on its way from octets to sessions: it may take long, and needs no lock of the manager's."""

from __future__ import annotations

from refjk.session.attributes import AttributeCodecs
from refjk.session.messages import SessionMessage
from refjk.session.state import SessionState, decode_all_sessions


class StateReading:
    """`read`, in any thread; `states` gives what came of it."""

    def __init__(self, message: SessionMessage, release: int, codecs: AttributeCodecs) -> None:
        self.message = message
        self._release = release
        self._codecs = codecs
        self._states: list[SessionState] = []
        self._error: Exception | None = None

    def read(self) -> None:
        """Never raises: whoever began the reading has to end it."""
        try:
            self._states = decode_all_sessions(self.message.octets or b"", self._release, self._codecs)
        except Exception as error:
            self._error = error

    def states(self) -> list[SessionState]:
        """Raises what went wrong: `Malformed`, or whatever a codec raises."""
        if self._error is not None:
            raise self._error
        return self._states
