"""The pools of a front, as its settings or the properties of its workers say."""

from __future__ import annotations

import math

from refjk.configuration import AjpWorker
from refjk.runtime.addresses import Address, parse_address
from refjk.runtime.endpoint import EndpointSettings
from refjk.runtime.endpoint_pool import EndpointPool, PoolSettings, PoolStyle
from refjk.runtime.front_settings import FrontSettings, ServingSettings
from refjk.webserver import Style, WorkerPlan

# No connection is waited for longer than this, whatever the system does (EPL-SCK-01).
CONNECT_TIMEOUT_MAX_S = 120.0
_STYLES = {
    Style.REFJK: PoolStyle.REFJK,
    Style.JK_127: PoolStyle.V1_2_7,
    Style.JK_1250: PoolStyle.V1_2_50,
}


def build_pool(worker: WorkerPlan, style: Style, settings: ServingSettings) -> EndpointPool:
    """The connections to one worker."""
    if worker.ajp is None:
        assert isinstance(settings, FrontSettings)
        return EndpointPool(
            Address(worker.host, worker.port),
            EndpointSettings(
                packet_size=worker.packet_size,
                connect_timeout_s=settings.connect_timeout_s,
                ping_timeout_s=settings.ping_timeout_s,
                reply_timeout_s=settings.reply_timeout_s,
                send_timeout_s=settings.reply_timeout_s,
            ),
            PoolSettings(size_max=settings.pool_size or settings.threads),
        )
    ajp = worker.ajp
    return EndpointPool(Address(worker.host, worker.port), endpoint_settings(ajp), pool_settings(ajp, style))


def endpoint_settings(ajp: AjpWorker) -> EndpointSettings:
    """How to speak with a worker of a configuration, where 0 means without bound."""
    connect_s = min(_seconds(ajp.socket_connect_timeout), CONNECT_TIMEOUT_MAX_S)
    return EndpointSettings(
        packet_size=ajp.max_packet_size,
        connect_timeout_s=connect_s,
        ping_timeout_s=_seconds(ajp.ping_timeout),
        reply_timeout_s=_seconds(ajp.reply_timeout),
        send_timeout_s=math.inf,
        socket_timeout_s=ajp.socket_timeout if ajp.socket_timeout > 0 else None,
        keepalive=ajp.socket_keepalive,
        buffer_size=max(0, ajp.socket_buffer),
        source=parse_address(ajp.source, port_default=0, port_min=0) if ajp.source else None,
        prefer_ipv6=ajp.prefer_ipv6,
    )


def pool_settings(ajp: AjpWorker, style: Style) -> PoolSettings:
    """How many connections to a worker are kept, for how long, and when they are probed."""
    return PoolSettings(
        size_max=ajp.connection_pool_size,
        size_min=ajp.connection_pool_minsize,
        style=_STYLES[style],
        idle_timeout_s=ajp.connection_pool_timeout if ajp.connection_pool_timeout > 0 else None,
        recycle_timeout_s=ajp.recycle_timeout if ajp.recycle_timeout > 0 else None,
        ping_on_connect=ajp.connect_timeout > 0,
        ping_before_request=ajp.prepost_timeout > 0,
        ping_idle_s=None,
        ping_interval_s=ajp.connection_ping_interval if ajp.connection_ping_interval > 0 else None,
        connect_ping_timeout_s=_seconds(ajp.connect_timeout),
        request_ping_timeout_s=_seconds(ajp.prepost_timeout),
    )


def place_timeout_s(worker: WorkerPlan, settings: ServingSettings) -> float:
    """How long a request waits for a connection that is free."""
    if worker.ajp is None:
        assert isinstance(settings, FrontSettings)
        return settings.connect_timeout_s
    return max(0, worker.ajp.connection_acquire_timeout) / 1000


def _seconds(milliseconds: int) -> float:
    return milliseconds / 1000 if milliseconds > 0 else math.inf
