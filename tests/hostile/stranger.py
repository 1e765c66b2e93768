"""The endpoint of a stranger on loopback: it keeps whatever it is sent."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

#: What stands in for the user's key; no request to a stranger may hold it.
KEY = "sk-planted-word-of-the-user"


class Stranger:
    """A server on loopback that keeps whatever it is sent, and answers with a redirect to itself."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address: tuple[str, int] = self._listening.getsockname()
        self.url = f"http://127.0.0.1:{self.address[1]}/v1"
        self.heard: list[bytes] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def with_key(self) -> int:
        """The number of requests that hold the user's key."""
        return sum(KEY.encode() in request for request in self.heard)

    def _serve(self) -> None:
        # Ends when the socket is closed.
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                with connection:
                    connection.settimeout(1.0)
                    with suppress(OSError):
                        self.heard.append(connection.recv(1 << 16))
                        answer = f"HTTP/1.1 307 Away\r\nLocation: {self.url}/files\r\nContent-Length: 0\r\n\r\n"
                        connection.sendall(answer.encode())

    def close(self) -> None:
        self._listening.close()


@contextmanager
def stranger() -> Iterator[Stranger]:
    """A stranger's endpoint until the block ends."""
    server = Stranger()
    try:
        yield server
    finally:
        server.close()
