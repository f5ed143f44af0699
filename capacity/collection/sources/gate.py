"""The one way to a server: a port of this machine behind which the server is, for as long and as much as allowed.

Drivers wait in C, read what they are sent and know no deadline for all of it. So they talk to a gate, which
passes bytes on in both directions, counts those of the server, and closes both sides when the time is over, the
server says too much, or somebody gives it up. The driver then ends by itself, whatever it was waiting for.
"""

import selectors
import socket
import time
from contextlib import suppress
from threading import Event, Thread

LOOPBACK = "127.0.0.1"
CHUNK = 65536
TICK = 0.2  #: seconds within which a new deadline is seen
MAX_LOGIN = 256 * 1024  #: bytes that a server may send until somebody is logged in
MAX_ANSWER = 2 * 1024 * 1024  #: bytes of one answer; the sizes of 10,000 databases are half of it
TAIL = 2048

TIMEOUT, TOO_MUCH, GIVEN_UP = "timeout", "too_much", "given_up"


class Gate:
    """To `address`:`port`, whose connecting may take `seconds`; nothing passes after `end` (time.monotonic).

    Raises OSError when there is no connection to be had. Its thread ends with close(), with the server, and at
    the latest with `end`.
    """

    def __init__(self, address: str, port: int, seconds: float, end: float) -> None:
        self.end = end
        self.failure = ""  #: why it was closed: TIMEOUT, TOO_MUCH, GIVEN_UP; "" while open, or when a side hung up
        self.tail = b""  #: what the server said last, for what a driver does not tell
        self.expect(seconds, MAX_LOGIN)
        self._closing = Event()
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._server = socket.create_connection((address, port), left)
        self._listener = socket.create_server((LOOPBACK, 0), backlog=1)
        self.port: int = self._listener.getsockname()[1]
        self._thread = Thread(target=self._pass_on, name="collect-gate", daemon=True)
        self._thread.start()

    def expect(self, seconds: float, size: int = MAX_ANSWER) -> None:
        """From now on the server may take `seconds` and say `size` bytes, until this is called again."""
        self._deadline = min(time.monotonic() + seconds, self.end)
        self._left = size

    def close(self, failure: str = "") -> None:
        """From any thread; both sides are hung up within TICK."""
        self.failure = self.failure or failure
        self._closing.set()
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)

    def _pass_on(self) -> None:
        client: socket.socket | None = None
        try:
            client = self._accept()
            self._listener.close()
            if client:
                self._relay(client)
        except TimeoutError:
            self.failure = self.failure or TIMEOUT
        except OSError:
            pass  # a side hung up: the driver tells it in its own words
        finally:
            for side in (self._listener, self._server, client):
                if side:
                    side.close()

    def _accept(self) -> socket.socket | None:
        self._listener.settimeout(TICK)
        while not self._closing.is_set():
            self._remaining()
            with suppress(TimeoutError):
                return self._listener.accept()[0]
        return None

    def _relay(self, client: socket.socket) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(client, selectors.EVENT_READ, self._server)
            selector.register(self._server, selectors.EVENT_READ, client)
            while not self._closing.is_set():
                for key, _events in selector.select(min(self._remaining(), TICK)):
                    source, sink = key.fileobj, key.data
                    data = source.recv(CHUNK)  # type: ignore[union-attr]
                    if not data:
                        return
                    if source is self._server:
                        self._left -= len(data)
                        if self._left < 0:
                            self.failure = self.failure or TOO_MUCH
                            return
                        self.tail = (self.tail + data)[-TAIL:]
                    sink.settimeout(self._remaining())
                    sink.sendall(data)

    def _remaining(self) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left
