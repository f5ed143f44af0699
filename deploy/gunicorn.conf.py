"""Beside the options of the command: how long a connection may keep a thread waiting for what it has not sent.

gunicorn's own --timeout does not say: with threads it is about the worker, which goes on while its threads wait. A
client that sends a byte now and then is stopped by neither: that takes the proxy in front, which passes a request on
when it has all of it.
"""

import socket
import struct
from typing import Any

SECONDS = 3  #: of silence within a request; a proxy in front sends it in one piece
keepalive = 5


def when_ready(server: Any) -> None:
    """On the sockets that listen: Linux gives it on to each connection that is accepted from them."""
    for listener in server.LISTENERS:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", SECONDS, 0))
