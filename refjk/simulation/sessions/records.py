"""What happens to sessions in a simulated cluster, as those who watch from outside are told.

`session` is an id without its route: a session keeps it when it moves. `click` numbers the changes that users
make, from 1; 0 is a session that has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from refjk.session import EventType
from refjk.simulation.cluster.journal import Journal, Record


@dataclass(frozen=True, slots=True)
class Seen:
    """A session as a node has it."""

    session_id: str
    click: int
    count: int


# The sessions of a node by their ids without route.
View = Mapping[str, Seen]


def bare(session_id: str) -> str:
    """Without route."""
    return session_id.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Announced:
    """The others can know it: what comes from now on is kept until its application begins."""

    at_ms: int
    node: str

    def __str__(self) -> str:
        return f"{self.node} announces itself"


@dataclass(frozen=True, slots=True)
class Opened:
    """The application begins, and asks for the state if it has members."""

    at_ms: int
    node: str

    def __str__(self) -> str:
        return f"{self.node} begins its application"


@dataclass(frozen=True, slots=True)
class Loaded:
    """It has taken a state, and not refused it."""

    at_ms: int
    node: str
    message: int

    def __str__(self) -> str:
        return f"{self.node} loads the state of message {self.message}"


@dataclass(frozen=True, slots=True)
class Ready:
    """Its application may be served; `loaded` says whether a state was. `view`: what it has now."""

    at_ms: int
    node: str
    loaded: bool
    view: View

    def __str__(self) -> str:
        how = "with a state" if self.loaded else "without a state"
        return f"{self.node} is ready {how}: {len(self.view)} sessions"


@dataclass(frozen=True, slots=True)
class Told:
    """A node begins to tell others; `event` None: of a new id. `click`: that of the session now."""

    at_ms: int
    node: str
    message: int
    event: EventType | None
    session: str
    targets: tuple[str, ...]
    click: int

    def __str__(self) -> str:
        what = "NEW ID" if self.event is None else self.event.name
        about = f" of {self.session[:6]}" if self.session else ""
        return (
            f"{self.node} tells {', '.join(self.targets) or 'nobody'}: {what}{about}, message {self.message}"
        )


@dataclass(frozen=True, slots=True)
class Found:
    """A request looked for its session; `click` None: the node has none of that id."""

    at_ms: int
    node: str
    session: str
    click: int | None

    def __str__(self) -> str:
        what = "nothing" if self.click is None else f"click {self.click}"
        return f"{self.node} looks for {self.session[:6]} and finds {what}"


@dataclass(frozen=True, slots=True)
class Clicked:
    """A request has changed a session that had the click `base`."""

    at_ms: int
    node: str
    session: str
    click: int
    base: int

    def __str__(self) -> str:
        return f"{self.node} does click {self.click} on {self.base} of {self.session[:6]}"


@dataclass(frozen=True, slots=True)
class Answered:
    """A user has the answer to a click."""

    at_ms: int
    node: str
    session: str
    click: int

    def __str__(self) -> str:
        return f"{self.node} has answered click {self.click} of {self.session[:6]}"


@dataclass(frozen=True, slots=True)
class LoggedOut:
    """The application ends a session."""

    at_ms: int
    node: str
    session: str

    def __str__(self) -> str:
        return f"{self.node} logs {self.session[:6]} out"


@dataclass(frozen=True, slots=True)
class SessionBegan:
    """A session listener was told."""

    at_ms: int
    node: str
    session: str

    def __str__(self) -> str:
        return f"{self.node}'s listener: {self.session[:6]} is created"


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """A session listener was told."""

    at_ms: int
    node: str
    session: str

    def __str__(self) -> str:
        return f"{self.node}'s listener: {self.session[:6]} is destroyed"


@dataclass(frozen=True, slots=True)
class AttributeTold:
    """An attribute listener was told; `what` is added, replaced or removed, `now` what stands there then."""

    at_ms: int
    node: str
    session: str
    what: str
    name: str
    value: object
    now: object

    def __str__(self) -> str:
        return f"{self.node}'s listener: {self.name} of {self.session[:6]} is {self.what}: {self.value}"


SessionRecord = (
    Announced
    | Opened
    | Loaded
    | Ready
    | Told
    | Found
    | Clicked
    | Answered
    | LoggedOut
    | SessionBegan
    | SessionEnded
    | AttributeTold
)


class SessionJournal(Journal):
    """The journal of a cluster with sessions in it."""

    def note(self, record: Record | SessionRecord) -> None:
        super().note(cast(Record, record))  # any record is told and written alike
