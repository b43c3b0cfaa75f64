"""Who may ask a status worker for what."""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass, field
from hashlib import sha256
from ipaddress import ip_address

from refjk.configuration import StatusWorker
from refjk.status.request import Command, Option, StatusRequest

METHODS = ("GET", "HEAD", "POST")
READ_ONLY = "This command is not allowed in read only mode."
_PORT = re.compile(r":[0-9]{0,5}\Z")


@dataclass(frozen=True, slots=True)
class Policy:
    """What a status worker permits, for as long as the configuration holds.

    `key` is random and made anew at every start; `hosts` are the names under which the server may be asked,
    beside addresses and `localhost`. `writable`: changes are permitted; `remote`: not only from this machine.
    """

    worker: StatusWorker
    key: bytes = field(repr=False)
    writable: bool = False
    remote: bool = False
    hosts: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if len(self.key) < 16:
            raise ValueError(f"a key of {len(self.key)} octets can be guessed")


@dataclass(frozen=True, slots=True)
class Access:
    """Who asks and how. `peer` is the client's address; `user` who has logged in, if anybody.

    `host`, `origin` and `fetch_site` are the headers Host, Origin and Sec-Fetch-Site.
    """

    policy: Policy
    method: str
    peer: str
    host: str | None = None
    origin: str | None = None
    fetch_site: str | None = None
    user: str | None = None

    def token(self, worker: str) -> str:
        """What a form that changes `worker` carries."""
        # STA-ACC-05
        text = "\0".join((self.policy.worker.name, worker, self.user or ""))
        return hmac.new(self.policy.key, text.encode("utf-8", "replace"), sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why not, and the status to say it with."""

    status: int
    message: str


def refuse(request: StatusRequest, access: Access) -> Refusal | None:
    """The reason to refuse, in the order of the clauses; None: go on."""
    return refuse_visitor(access) or _refuse_change(request, access)


def may_edit(request: StatusRequest, access: Access) -> bool:
    """Whether to offer what changes something."""
    return access.policy.writable and not request.options & Option.READ_ONLY


def refuse_visitor(access: Access) -> Refusal | None:
    """The reason to show nothing at all."""
    policy = access.policy
    if access.method not in METHODS:
        return Refusal(405, "Use GET, HEAD or POST.")
    # STA-ACC-01
    if not policy.remote and not _is_loopback(access.peer):
        return Refusal(403, "Access denied: the status is for this machine only.")
    # STA-ACC-02
    if not _is_own_host(access.host, policy.hosts):
        return Refusal(403, "Access denied: this server is not known by the name in the Host header.")
    # STA-ACC-03
    users, user = policy.worker.user, access.user
    if policy.worker.user_case_insensitive:
        users, user = tuple(name.casefold() for name in users), user and user.casefold()
    if users and user not in users:
        return Refusal(403, "Access denied.")
    return None


def _refuse_change(request: StatusRequest, access: Access) -> Refusal | None:
    command = request.command
    # STA-ACC-04
    if (command.changes or command is Command.EDIT) and not may_edit(request, access):
        return Refusal(200, READ_ONLY)
    if not command.changes:
        return None
    # STA-ACC-08
    if access.method != "POST":
        how = "Changes are made by POST with the token of the edit form: see cmd=edit (html or json)."
        return Refusal(200, how)
    # STA-ACC-07
    if not _is_same_site(access):
        return Refusal(403, "Access denied: this form comes from another site.")
    if not hmac.compare_digest(
        access.token(request.worker).encode(), request.token.encode("utf-8", "replace")
    ):
        return Refusal(403, "Access denied: the token is missing or old. Open the edit form anew.")
    return None


def _is_loopback(peer: str) -> bool:
    try:
        address = ip_address(peer)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def _is_own_host(host: str | None, names: frozenset[str]) -> bool:
    """An address cannot have been made to point here by somebody else, a name can."""
    if host is None:
        return True
    name = _PORT.sub("", host).lower().removesuffix(".")
    if name == "localhost" or name in {other.lower() for other in names}:
        return True
    try:
        ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


def _is_same_site(access: Access) -> bool:
    if access.fetch_site not in (None, "same-origin", "none"):
        return False
    if access.origin is None:
        return True
    scheme, _, authority = access.origin.lower().partition("://")
    return scheme in ("http", "https") and access.host is not None and authority == access.host.lower()
