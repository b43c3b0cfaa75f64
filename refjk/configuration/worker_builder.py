"""One worker after another out of the property map: its type, its values, what is refused."""

from __future__ import annotations

from refjk.configuration.complaints import Complaints, shown
from refjk.configuration.effective import ACTIVATION, LOCK, METHOD, Effective, complain_of_length
from refjk.configuration.origins import Origin, Place, Profile, Source
from refjk.configuration.property_text import PropertyMap
from refjk.configuration.worker_model import (
    Activation,
    AjpWorker,
    BalancerWorker,
    Member,
    PingMode,
    StatusWorker,
    Worker,
)

MEMBERS_MAX = 1000
_ALIGNMENT = 1024
_PACKET_SIZE_MIN, _PACKET_SIZE_MAX = 8192, 65536
_PORT_MIN_7, _PORT_MAX = 1025, 65535
# CFG-WRK-02: what can be run of the types that each version takes.
_AJP_TYPES = ("ajp13", "ajp14", "ajp12")
_TYPES = {Profile.V1_2_7: (*_AJP_TYPES, "lb", "jni"), Profile.V1_2_50: (*_AJP_TYPES, "lb", "status")}
_WITHOUT_CORE = {
    "ajp12": "AJP12 is not spoken by refjk",
    "jni": "a container inside the web server's process is no matter of refjk",
}


class WorkerBuilder:
    """Builds workers by name, the members of balancers with them."""

    def __init__(self, properties: PropertyMap, complaints: Complaints, threads: int) -> None:
        self.workers: dict[str, Worker] = {}
        self._properties = properties
        self._profile = properties.profile
        self._complaints = complaints
        self._threads = threads

    def build(self, name: str, place: Place) -> None:
        """Builds the worker, and the members of a balancer; refusals name `place` where nothing else can."""
        self._complain_of_name(name, place)
        values = Effective(name, self._properties, self._complaints)
        type_ = values.text("type") or ""
        if type_ == "lb":
            self._build_balancer(name, values, place)
        elif type_ == "status" and self._profile is Profile.V1_2_50:
            self.workers[name] = _status(name, values)
        elif self._is_ajp(type_, values, place):
            self.workers[name] = self._ajp(type_, values, place, None)

    def complain_of_unused(self) -> None:
        """Workers with properties of their own that nobody lists, balances or refers to. CFG-WRK-08"""
        referred = {entry.value for entry in self._properties.entries() if entry.name.endswith(".reference")}
        used = {self._properties.key(f"worker.{name}") for name in self.workers}
        used |= {self._properties.key(prefix) for prefix in referred}
        for prefix in self._properties.prefixes():
            if not prefix.startswith("worker.") or prefix in used:
                continue
            first = self._properties.below(prefix)[0]
            name = prefix.partition(".")[2]
            what = f"the worker {shown(name)} is not used: no list, balancer or reference names it"
            near = self._complaints.nearest(name, (used_name.partition(".")[2] for used_name in used))
            self._complaints.warning(first.place, first.name, what, "CFG-WRK-08", near)

    def _complain_of_name(self, name: str, place: Place) -> None:
        if self._profile is not Profile.V1_2_7:
            complain_of_length(f"the worker name {shown(name)}", name, place, name, self._complaints)

    def _is_ajp(self, type_: str, values: Effective, place: Place) -> bool:
        # CFG-WRK-02
        entry = values.given("type")
        place = place if entry is None else entry.place
        name = f"worker.{values.name}.type"
        known = _TYPES[self._profile]
        if type_ in _WITHOUT_CORE and type_ in known:
            what = f"type {type_}: {_WITHOUT_CORE[type_]}"
            self._complaints.error(place, name, what, "CFG-WRK-02", remedy="use ajp13")
            return False
        if type_ not in known:
            what = f"there is no worker type {shown(type_)}"
            self._complaints.error(place, name, what, "CFG-WRK-02", self._complaints.nearest(type_, known))
            return False
        return True

    def _ajp(
        self, type_: str, values: Effective, place: Place, balancer_secret: tuple[str, Origin] | None
    ) -> AjpWorker:
        """An ajp13 or ajp14 worker. CFG-VAL-08 for the defaults that follow from others."""
        number, derived = values.number, values.derived
        mode, ping_timeout = values.ping_mode(), number("ping_timeout")
        retries, interval = number("retries"), number("retry_interval")
        socket_timeout = number("socket_timeout")
        pool = derived("connection_pool_size", lambda: self._threads)
        packet = _packet_size(number("max_packet_size"))
        secret, secretkey = values.text("secret"), values.text("secretkey")
        if type_ == "ajp14" and not secretkey:
            # CFG-WRK-02
            what = "an ajp14 worker needs a secretkey"
            self._complaints.error(place, f"worker.{values.name}.secretkey", what, "CFG-WRK-02")
        if secret is None and balancer_secret is not None:
            # CFG-WRK-06
            secret, origin = balancer_secret
            values.origins["secret"] = Origin(Source.INHERITED, origin.place)

        def ping(letter: PingMode, time: int) -> int:
            return time if letter in mode else 0

        return AjpWorker(
            name=values.name,
            type=type_,
            host=values.text("host") or "",
            port=self._port(values, type_, place),
            source=values.text("source"),
            prefer_ipv6=values.flag("prefer_ipv6"),
            connection_pool_size=pool,
            connection_pool_minsize=derived("connection_pool_minsize", lambda: (pool + 1) // 2),
            connection_pool_timeout=number("connection_pool_timeout"),
            recycle_timeout=number("recycle_timeout"),
            connection_acquire_timeout=derived("connection_acquire_timeout", lambda: retries * interval),
            socket_timeout=socket_timeout,
            socket_connect_timeout=derived("socket_connect_timeout", lambda: max(socket_timeout, 0) * 1000),
            socket_keepalive=values.flag("socket_keepalive"),
            socket_buffer=_socket_buffer(number("socket_buffer"), packet),
            connect_timeout=derived("connect_timeout", lambda: ping(PingMode.CONNECT, ping_timeout)),
            prepost_timeout=derived("prepost_timeout", lambda: ping(PingMode.PREPOST, ping_timeout)),
            ping_mode=mode,
            ping_timeout=ping_timeout,
            connection_ping_interval=derived(
                "connection_ping_interval", lambda: ping(PingMode.INTERVAL, int(ping_timeout / 100))
            ),
            reply_timeout=number("reply_timeout"),
            retries=retries,
            retry_interval=interval,
            recovery_options=number("recovery_options"),
            fail_on_status=values.statuses("fail_on_status"),
            max_packet_size=packet,
            busy_limit=number("busy_limit"),
            secret=secret,
            secretkey=secretkey,
            origins=values.known_origins(),
        )

    def _port(self, values: Effective, type_: str, place: Place) -> int:
        entry = values.given("port")
        port = values.number("port")
        if entry is None:
            return 8011 if type_ == "ajp14" else port
        # CFG-VAL-11
        least = _PORT_MIN_7 if self._profile is Profile.V1_2_7 else 0
        if not least <= port <= _PORT_MAX:
            what = f"port {port} is not within {least} to {_PORT_MAX}"
            self._complaints.error(entry.place, entry.name, what, "CFG-VAL-11")
        return port

    def _build_balancer(self, name: str, values: Effective, place: Place) -> None:
        names = values.names("balance_workers")
        # CFG-WRK-03
        if not names:
            what = f"the balancer {shown(name)} has no members"
            remedy = f"write worker.{shown(name)}.balance_workers=…"
            self._complaints.error(place, f"worker.{name}.balance_workers", what, "CFG-WRK-03", remedy=remedy)
            return
        secret = values.text("secret")
        shared = None if secret is None else (secret, values.origins["secret"])
        if self._profile is Profile.V1_2_7:
            shared = None
        entry = values.given("balance_workers")
        assert entry is not None
        if len(names) > MEMBERS_MAX:
            self._complaints.error(entry.place, entry.name, f"more than {MEMBERS_MAX} members", "CFG-PRP-10")
        members = []
        for member in names[:MEMBERS_MAX]:
            built = self._member(member, entry.place, shared)
            if built is not None:
                members.append(built)
        self._complain_of_equal_routes(name, members, entry.place)
        self.workers[name] = _balancer(name, values, secret, tuple(members))

    def _member(self, name: str, place: Place, secret: tuple[str, Origin] | None) -> Member | None:
        values = Effective(name, self._properties, self._complaints)
        type_ = values.text("type") or ""
        if type_ in ("lb", "status") and type_ in _TYPES[self._profile]:
            # CFG-WRK-07
            what = f"the member {shown(name)} is of type {type_}: only containers can be balanced"
            self._complaints.error(place, name, what, "CFG-WRK-07")
            return None
        self._complain_of_name(name, place)
        if not self._is_ajp(type_, values, place):
            return None
        worker = self._ajp(type_, values, place, secret)
        self.workers[name] = worker
        own = Effective(name, self._properties, self._complaints)
        activation = self._activation(own)
        if worker.port == 0:
            # CFG-VAL-11: nobody can connect to it, so that it takes part as a stopped one.
            activation = Activation.STOPPED
            own.origins["activation"] = Origin(Source.DERIVED)
        route = own.text("route")
        if route is None:
            route = name
            own.origins["route"] = Origin(Source.DERIVED)
        return Member(
            worker,
            lbfactor=own.number("lbfactor"),
            route=route,
            domain=self._domain(own, route),
            redirect=own.text("redirect"),
            distance=own.number("distance"),
            activation=activation,
            local_worker=own.flag("local_worker"),
            origins=own.known_origins(),
        )

    def _domain(self, values: Effective, route: str) -> str:
        domain = values.text("domain")
        if domain is not None:
            return domain
        # CFG-VAL-08
        head, dot, _ = route.partition(".")
        values.origins["domain"] = Origin(Source.DERIVED)
        return head if dot else ""

    def _activation(self, values: Effective) -> Activation:
        entry = values.given("activation")
        if entry is None or entry.name.endswith(".activation"):
            return values.letter("activation", ACTIVATION)
        # CFG-WRK-04
        values.origins["activation"] = entry.origin
        for word, activation in (("stopped", Activation.STOPPED), ("disabled", Activation.DISABLED)):
            old = self._properties.get(f"worker.{values.name}.{word}")
            if old is not None and values.flag_of(old):
                values.origins["activation"] = old.origin
                return activation
        return Activation.ACTIVE

    def _complain_of_equal_routes(self, name: str, members: list[Member], place: Place) -> None:
        if self._profile is Profile.V1_2_7:
            return
        first: dict[str, str] = {}
        for member in members:
            if member.route in first:
                # CFG-WRK-10
                what = (
                    f"{shown(first[member.route])} and {shown(member.name)} of {shown(name)}"
                    f" have the same route {shown(member.route)}"
                )
                self._complaints.error(place, f"worker.{name}.balance_workers", what, "CFG-WRK-10")
            first.setdefault(member.route, member.name)


def _balancer(
    name: str, values: Effective, secret: str | None, members: tuple[Member, ...]
) -> BalancerWorker:
    recover_time = values.number("recover_time")
    return BalancerWorker(
        name=name,
        members=members,
        sticky_session=values.flag("sticky_session"),
        sticky_session_force=values.flag("sticky_session_force"),
        local_worker_only=values.flag("local_worker_only"),
        method=values.letter("method", METHOD),
        lock=values.letter("lock", LOCK),
        recover_time=recover_time,
        error_escalation_time=values.derived("error_escalation_time", lambda: recover_time // 2),
        max_reply_timeouts=values.number("max_reply_timeouts"),
        retries=values.number("retries"),
        retry_interval=values.number("retry_interval"),
        lb_retries=values.number("lb_retries"),
        session_cookie=values.text("session_cookie") or "",
        session_path=values.text("session_path") or "",
        set_session_cookie=values.flag("set_session_cookie"),
        session_cookie_path=values.text("session_cookie_path") or "",
        max_packet_size=max((member.worker.max_packet_size for member in members), default=_PACKET_SIZE_MIN),
        secret=secret,
        origins=values.known_origins(),
    )


def _status(name: str, values: Effective) -> StatusWorker:
    return StatusWorker(
        name=name,
        css=values.text("css"),
        read_only=values.flag("read_only"),
        user=values.names("user"),
        user_case_insensitive=values.flag("user_case_insensitive"),
        good=values.names("good"),
        bad=values.names("bad"),
        ns=values.text("ns") or "",
        xmlns=values.text("xmlns") or "",
        doctype=values.text("doctype"),
        prefix=values.text("prefix") or "",
        origins=values.known_origins(),
    )


def _packet_size(size: int) -> int:
    # CFG-VAL-07
    aligned = (size + _ALIGNMENT - 1) // _ALIGNMENT * _ALIGNMENT
    return min(max(aligned, _PACKET_SIZE_MIN), _PACKET_SIZE_MAX)


def _socket_buffer(size: int, packet_size: int) -> int:
    # CFG-VAL-07
    return max(size, packet_size) if size > 0 else 0
