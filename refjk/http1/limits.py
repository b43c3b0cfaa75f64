"""How much of everything a client may send; sizes are octets."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what a client controls; each is the largest value that is still accepted."""

    request_line_size_max: int = 8190  # without its CR LF; beyond: 414
    header_line_size_max: int = 8190  # one header line without its CR LF; beyond: 431
    head_size_max: int = 65536  # request line, headers and the empty line; beyond: 431
    header_count_max: int = 100  # header lines in a head; beyond: 431
    body_size_max: int | None = None  # octets of content; None: any size; beyond: 413
    chunk_line_size_max: int = 256  # chunk size and extensions without CR LF; beyond: 400
    trailer_size_max: int = 8192  # all trailer lines and the empty line; beyond: 431
    pipelined_size_max: int = 262144  # kept behind the request under way; beyond: close after it
    drain_size_max: int = 65536  # of a body nobody read, thrown away to keep the connection

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None and value < 0:
                raise ValueError(f"{field.name} {value} is negative")

    @property
    def buffer_size_max(self) -> int:
        """What a connection keeps at most between two calls."""
        return max(
            self.head_size_max, self.chunk_line_size_max + 1, self.trailer_size_max, self.pipelined_size_max
        )
