"""`refjk decode`: AJP13 and cluster traffic made visible, from a recording or, AJP13, live as a relay."""

from __future__ import annotations

import argparse
import os
import re
import signal
import sys
from collections.abc import Callable, Iterable
from io import BufferedReader
from pathlib import Path
from types import FrameType
from typing import Protocol

from refjk.base.errors import InputError, NothingSelected, UsageError
from refjk.cli.cluster_forms import ClusterJsonForm, ClusterTextForm
from refjk.cli.relay_view import CaptureRecorder, RelayView
from refjk.cli.standard_input import StandardInput
from refjk.cli.values import packet_size
from refjk.decode import ClusterEvent, Event, Misfit, Opened, PacketSeen, Reader, Settings, Wire
from refjk.decode.cluster_events import AnswerSeen, ChannelMisfit, ChannelOpened, DatagramSeen, FrameSeen
from refjk.decode.describe import Style, amount
from refjk.decode.diagram import DiagramForm
from refjk.decode.json_lines import JsonForm
from refjk.decode.text import TextForm
from refjk.runtime.addresses import Address, parse_address
from refjk.runtime.relay import Relay
from refjk.runtime.relay_tap import Tap

HELP = "show AJP13 and cluster traffic: hex text, a capture file, or AJP13 live as a relay"

READ_SIZE = 1 << 16
STDIN = "-"

_PLAIN_GLYPHS = str.maketrans("→←▶◀─│═…", "><><-|=~")
_COLON_FORM = re.compile(r"(?:(\[[^\]]*\]|[^:=]*):)?(\d+):(\[[^\]]*\]|[^:=]+):(\d+)")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = (
        "FILE is hex text (plain, xxd, hexdump -C; `>` or `<` before a line tells the sender), pcap or\n"
        "pcapng; its content tells which. Exit: 0 nothing wrong, 1 something wrong, 3 cannot be read,\n"
        "5 no AJP13 packet in it, nor anything of a cluster."
    )
    parser.add_argument(
        "file", nargs="?", metavar="FILE", help="the recording; - or nothing is standard input"
    )
    parser.add_argument(
        "--protocol",
        type=_wire,
        metavar="NAME",
        help="show only ajp, membership or channel (default: all of them, told by content)",
    )
    parser.add_argument(
        "--port",
        type=_port,
        metavar="N",
        help="in captures: the container's port, every connection to it is AJP13 (default: told by content);"
        " with another --protocol the port of the group, or of a receiver",
    )
    parser.add_argument(
        "--packet-size",
        type=packet_size,
        metavar="N",
        help="packets longer than this are wrong (default: no judgement)",
    )
    parser.add_argument("--lenient", action="store_true", help="no complaint where lenient decoding has none")
    parser.add_argument(
        "--verbose",
        "-v",
        action="count",
        default=0,
        help="all fields with offset, size and octets; twice: all octets",
    )
    forms = parser.add_mutually_exclusive_group()
    forms.add_argument("--json", action="store_true", help="one JSON object per line")
    forms.add_argument("--diagram", action="store_true", help="a sequence diagram in text")
    parser.add_argument(
        "--show-secrets",
        action="store_true",
        help="show the secret, Authorization and cookies instead of ***",
    )
    parser.add_argument(
        "--relay",
        type=_relay,
        metavar="LISTEN=TARGET",
        help="pass connections to LISTEN on to TARGET and show them; each is [HOST:]PORT, such as"
        " 8010=127.0.0.1:8009, on loopback unless said otherwise; LISTEN:TARGET, with TARGET as"
        " HOST:PORT, means the same",
    )
    parser.add_argument(
        "--allow-remote", action="store_true", help="with --relay: listen on an address that others reach"
    )
    parser.add_argument(
        "--write", metavar="FILE", help="with --relay: also record what passes, secrets included, as pcap"
    )


def run(options: argparse.Namespace) -> int:
    settings = Settings(packet_size=options.packet_size, strict=not options.lenient)
    printer = _Printer(options)
    if options.relay is not None:
        return _run_relay(options, settings, printer)
    if options.write or options.allow_remote:
        raise UsageError("--write and --allow-remote go with --relay")
    return _run_file(options.file or STDIN, Reader(settings, options.port, options.protocol), printer)


class _Form(Protocol):
    def lines(self, event: Event) -> Iterable[str]: ...


class _ClusterForm(Protocol):
    def lines(self, event: ClusterEvent) -> Iterable[str]: ...


class _Printer:
    """Prints events in the form that was asked for, and counts."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._form, self._cluster_form = _forms(options)
        self._glyphs = _glyphs()
        self.packets = self.connections = self.announcements = self.wrong = 0

    def show(self, events: Iterable[Event | ClusterEvent]) -> None:
        """Print them as they come; what was known before an error is out before it."""
        try:
            for event in events:
                self._count(event)
                lines = (
                    self._cluster_form.lines(event)
                    if isinstance(event, ClusterEvent)
                    else self._form.lines(event)
                )
                for line in lines:
                    print(self._glyphs(line))
        finally:
            sys.stdout.flush()

    def _count(self, event: Event | ClusterEvent) -> None:
        if isinstance(event, PacketSeen):
            self.packets += 1
            self.wrong += len(event.findings)
        elif isinstance(event, FrameSeen | AnswerSeen):
            self.packets += 1
            self.wrong += event.fault is not None
        elif isinstance(event, DatagramSeen):
            self.announcements += 1
            self.wrong += event.refused is not None
        elif isinstance(event, Misfit | ChannelMisfit):
            self.wrong += 1
        elif isinstance(event, Opened | ChannelOpened):
            self.connections += 1

    @property
    def empty(self) -> bool:
        return not (self.packets or self.announcements or self.wrong)

    def remark(self, text: str) -> None:
        print(f"refjk decode: {text}", file=sys.stderr, flush=True)

    def summarise(self) -> None:
        packets, connections = amount(self.packets, "packet"), amount(self.connections, "connection")
        counted = [f"{packets} on {connections}"] if self.packets or not self.announcements else []
        if self.announcements:
            counted.append(amount(self.announcements, "announcement"))
        self.remark(f"{', '.join(counted)}; {self.wrong or 'nothing'} wrong")

    @property
    def exit_code(self) -> int:
        return 1 if self.wrong else 0


def _forms(options: argparse.Namespace) -> tuple[_Form, _ClusterForm]:
    """For AJP13 and for a cluster's traffic, of which there is no diagram."""
    style = Style(detail=options.verbose, show_secrets=options.show_secrets)
    if options.json:
        return JsonForm(style), ClusterJsonForm(style)
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    form = DiagramForm(style) if options.diagram else TextForm(style, colour=colour)
    return form, ClusterTextForm(style, colour=colour)


def _run_file(name: str, reader: Reader, printer: _Printer) -> int:
    shown = "standard input" if name == STDIN else name
    try:
        if name == STDIN:
            with StandardInput() as given:
                _read(given.read1, reader, printer)
        else:
            with _open(name) as file:
                _read(
                    file.read1, reader, printer
                )  # what is there, so that a live capture is shown as it comes
    except KeyboardInterrupt:
        printer.summarise()
        raise
    except InputError as error:
        raise InputError(f"{shown}: {error}") from None
    if printer.empty:
        raise NothingSelected(f"there is no AJP13 packet in {shown}, nor anything of a cluster")
    printer.summarise()
    return printer.exit_code


def _open(name: str) -> BufferedReader:
    try:
        return Path(name).open("rb")
    except OSError as error:
        raise InputError(error.strerror) from None


def _read(read: Callable[[int], bytes], reader: Reader, printer: _Printer) -> None:
    while data := _next(read):
        printer.show(reader.feed(data))
    printer.show(reader.end())


def _next(read: Callable[[int], bytes]) -> bytes:
    try:
        return read(READ_SIZE)
    except OSError as error:
        raise InputError(error.strerror) from None


def _run_relay(options: argparse.Namespace, settings: Settings, printer: _Printer) -> int:
    listen, target = options.relay
    if options.file or options.port:
        raise UsageError("--relay takes neither FILE nor --port")
    if options.protocol not in (None, Wire.AJP):
        raise UsageError("--relay shows AJP13 only")
    if not listen.is_loopback() and not options.allow_remote:
        raise UsageError(
            f"{listen} is not a loopback address, and whoever reaches it reaches the container;"
            " add --allow-remote if that is what you want"
        )
    tap = Tap()
    recorder = CaptureRecorder(options.write) if options.write else None
    relay = Relay(listen, target, [tap, recorder.tap] if recorder else [tap])
    address = relay.start()
    _stop_on_signals(relay)
    try:
        if recorder:
            recorder.start()
        printer.remark(f"relaying {address} to {target}; Ctrl-C ends it")
        view = RelayView(settings)
        for event in tap.events():
            printer.show(view.events(event))
        printer.show(view.end(tap.untold))
    finally:
        relay.stop()
        if recorder:
            recorder.finish()
    if tap.octets_lost:
        printer.remark(f"{tap.octets_lost} octets passed unseen: the output was slower than the traffic")
    printer.summarise()
    if recorder and recorder.failure:
        raise InputError(recorder.failure)
    return printer.exit_code


def _stop_on_signals(relay: Relay) -> None:
    """The first signal ends the relay and lets what was seen be printed; a second one ends all."""
    stopping = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal stopping
        if stopping:
            raise KeyboardInterrupt
        stopping = True
        relay.ask_stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)


def _relay(text: str) -> tuple[Address, Address]:
    """`LISTEN=TARGET` or `LISTEN:TARGET`, for argparse."""
    listen, equals, target = text.partition("=")
    if not equals:
        found = _COLON_FORM.fullmatch(text)
        if found is None:
            raise argparse.ArgumentTypeError(f"{text!r} is not LISTEN=TARGET, such as 8010=127.0.0.1:8009")
        listen = f"{found[1]}:{found[2]}" if found[1] else found[2]
        target = f"{found[3]}:{found[4]}"
    try:
        return parse_address(_with_host(listen), port_min=0), parse_address(_with_host(target))
    except UsageError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _with_host(text: str) -> str:
    return f"127.0.0.1:{text}" if text.isdigit() else text


def _wire(text: str) -> Wire:
    try:
        return Wire(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not ajp, membership or channel") from None


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port, 1 to 65535")
    return int(text)


def _glyphs() -> Callable[[str], str]:
    """How lines are changed for an output that cannot show arrows."""
    try:
        "→│…".encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return lambda line: line.translate(_PLAIN_GLYPHS)
    return lambda line: line
