"""Simulated time in whole milliseconds."""

from __future__ import annotations

from typing import Any

from refjk.simulation.agenda import Agenda, Handler


class Clock:
    """The agenda of a simulated cluster, in the unit of its cores."""

    def __init__(self) -> None:
        self._agenda = Agenda()

    @property
    def now_ms(self) -> int:
        return self._agenda.now_us // 1000

    def after(self, delay_ms: int, handler: Handler, subject: Any = None) -> int:
        """Calls the handler so much later; returns the event's number, above 0 and never repeated."""
        # Between two runs the agenda stands a little after the ms that has ended.
        delay_us = (self.now_ms + delay_ms) * 1000 - self._agenda.now_us
        return self._agenda.add(max(delay_us, 0), handler, subject)

    def run(self, until_ms: int) -> None:
        """Lets everything happen that is due by then, that ms included."""
        self._agenda.run(until_ms * 1000 + 1)
