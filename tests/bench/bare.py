"""The upper bound: `python -m tests.bench.bare PORT` answers AJP requests without looking at them.

One thread, one selector, fixed octets for whatever arrives in one read. The load sends requests
without a body, each smaller than a read, and mod_jk has one request at a time on a connection.
"""

from __future__ import annotations

import selectors
import socket
import struct
import sys

from tests.bench.app import BODY, HEADERS


def fixed_answer() -> bytes:
    """SEND_HEADERS, SEND_BODY_CHUNK and END_RESPONSE with reuse, as `app` would have them said."""

    def string(text: str) -> bytes:
        return struct.pack(">H", len(text)) + text.encode() + b"\0"

    def packet(payload: bytes) -> bytes:
        return b"AB" + struct.pack(">H", len(payload)) + payload

    codes = {"Content-Type": 0xA001, "Content-Length": 0xA003}
    head = struct.pack(">BH", 4, 200) + string("OK") + struct.pack(">H", len(HEADERS))
    head += b"".join(struct.pack(">H", codes[name]) + string(value) for name, value in HEADERS)
    body = struct.pack(">BH", 3, len(BODY)) + BODY + b"\0"
    return packet(head) + packet(body) + packet(b"\x05\x01")


def serve(port: int) -> None:
    """Serve until killed."""
    answer = fixed_answer()
    selector = selectors.DefaultSelector()
    listener = socket.create_server(("127.0.0.1", port), backlog=1024)
    selector.register(listener, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            connection = key.fileobj
            assert isinstance(connection, socket.socket)
            if connection is listener:
                accepted, _ = listener.accept()
                accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                selector.register(accepted, selectors.EVENT_READ)
            elif connection.recv(8192):
                connection.sendall(answer)
            else:
                selector.unregister(connection)
                connection.close()


if __name__ == "__main__":
    serve(int(sys.argv[1]))
