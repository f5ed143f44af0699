"""Servers that mean harm, or are broken: what they say to a client of PostgreSQL or MySQL, for serving()."""

import itertools
import socket
import struct
import time

from capacity.tests.servers import postgresql_message

FLOOD = b"x" * 60_000


def packet(number, body):
    return len(body).to_bytes(3, "little") + bytes([number]) + body


def greeting(plugin=b"mysql_native_password", version=b"8.0.36", tls=False):
    low, high = 0xFFFF if tls else 0xF7FF, 0x008A
    salt = struct.pack("<HBHHB10x", low, 45, 2, high, 21)
    start = b"\x0a" + version + b"\0" + struct.pack("<I", 1) + b"saltsalt\0"
    return packet(0, start + salt + b"saltsaltsalt\0" + plugin + b"\0")


READY = postgresql_message(b"Z", b"I")
OK = b"\0\0\0\x02\0\0\0"


def mysql_answering(answer):
    """Lets everybody in, and answers each query with what `answer(query)` yields: whole packets."""

    def talk(connection):
        connection.sendall(greeting())
        connection.recv(4096)
        mysql_session(connection, answer)

    return talk


def mysql_session(connection, answer, number=2):
    connection.sendall(packet(number, OK))
    while query := connection.recv(4096):
        if b"SET " in query[5:]:
            connection.sendall(packet(1, OK))
            continue
        for piece in answer(query[5:]):
            connection.sendall(piece)


def mysql_nothing(query):
    """A server without databases of its users."""
    values = {b"SELECT VERSION()": b"8.0.36", b"SELECT SCHEMA_NAME": b"mysql"}
    found = [value for start, value in values.items() if query.startswith(start)]
    rows = [packet(4, bytes([len(value)]) + value) for value in found]
    end = b"\xfe\0\0\x02\0"
    yield packet(1, b"\x01") + column(2) + packet(3, end) + b"".join(rows) + packet(4 + len(rows), end)


def column(number, name=b"a"):
    texts = b"".join(bytes([len(text)]) + text for text in (b"def", b"", b"", b"", name, b""))
    return packet(number, texts + b"\x0c" + struct.pack("<HIBHB2x", 45, 255, 253, 0, 0))


def endless_rows(query):
    yield packet(1, b"\x01") + column(2) + packet(3, b"\xfe\0\0\x02\0")
    for block in itertools.count():
        yield b"".join(packet((4 + block * 1000 + n) % 256, b"\x01a") for n in range(1000))


def endless_columns(query):
    yield packet(1, b"\xfd\xff\xff\xff")
    for block in itertools.count():
        yield b"".join(column((2 + block * 100 + n) % 256) for n in range(100))


def giant_packets(query):
    """One value, in packets of 16 MB that have no end."""
    for number in itertools.count(1):
        yield b"\xff\xff\xff" + bytes([number % 256])
        for _part in range(280):
            yield FLOOD


def trickle(query):
    yield b"\xff\xff\xff\x01"
    while True:
        yield b"a"
        time.sleep(0.1)


def asks_for_a_file(query):
    yield packet(1, b"\xfb/etc/passwd")


def trickling(start):
    """Announces a long message, of which a byte comes every now and then."""

    def talk(connection):
        connection.sendall(start)
        while True:
            connection.sendall(b"a")
            time.sleep(0.1)

    return talk


def mysql_asking(plugin, by_switch, heard):
    """Asks for the password by `plugin`, at once or by a switch; what it is answered goes to the list `heard`."""

    def talk(connection):
        connection.sendall(greeting(b"mysql_native_password" if by_switch else plugin))
        heard.append(connection.recv(4096))
        if by_switch:
            connection.sendall(packet(2, b"\xfe" + plugin + b"\0" + b"saltsaltsaltsaltsalt\0"))
            heard.append(connection.recv(4096))
        number = 4 if by_switch else 2
        connection.sendall(packet(number, b"\x01\x04"))  # "all of it, please"; for dialog a prompt
        heard.append(connection.recv(4096))

    return talk


def logged_in(version):
    settings = b"client_encoding\0UTF8", b"DateStyle\0ISO, MDY", b"standard_conforming_strings\0on"
    told = [postgresql_message(b"S", one + b"\0") for one in (*settings, b"server_version\0" + version)]
    return b"".join([postgresql_message(b"R", bytes(4)), *told, READY])


def asked_for_tls(connection):
    return connection.recv(8, socket.MSG_PEEK)[4:] == b"\x04\xd2\x16/" and bool(connection.recv(8))


def postgresql_answering(answer, version=b"15.1", knows_encoding=True):
    """Lets everybody in, and answers each query with what `answer()` yields; the first one may be answered well."""

    def talk(connection):
        if asked_for_tls(connection):
            connection.sendall(b"N")
        postgresql_session(connection, answer, version, knows_encoding)

    return talk


def postgresql_session(connection, answer, version=b"15.1", knows_encoding=True):
    connection.recv(4096)  # who we are
    connection.sendall(logged_in(version))
    while query := connection.recv(65536):
        if knows_encoding and b"getdatabaseencoding" in query:
            row = postgresql_message(b"D", b"\0\x01" + struct.pack(">i", 4) + b"UTF8")
            connection.sendall(ROW + row + postgresql_message(b"C", b"SELECT 1\0") + READY)
            continue
        for piece in answer():
            connection.sendall(piece)


ROW = postgresql_message(b"T", b"\0\x01a\0" + struct.pack(">ihihih", 0, 0, 25, -1, -1, 0))


def postgresql_rows():
    yield ROW
    while True:
        yield postgresql_message(b"D", b"\0\x01" + struct.pack(">i", 1) + b"a") * 1000


def postgresql_giant():
    yield ROW
    yield b"D" + struct.pack(">i", 1_000_000_000) + b"\0\x01" + struct.pack(">i", 999_999_000)
    while True:
        yield FLOOD


def postgresql_trickle():
    yield b"D" + struct.pack(">i", 1_000_000)
    while True:
        yield b"a"
        time.sleep(0.1)


def postgresql_half():
    """An answer that looks complete, and then nothing."""
    yield postgresql_message(b"C", b"SELECT 0\0")
    time.sleep(30)


def postgresql_parameters(connection):
    """Tells of ever more settings, and never of the end of the login."""
    connection.recv(8)
    connection.sendall(b"N")
    connection.recv(4096)
    connection.sendall(postgresql_message(b"R", bytes(4)))
    for number in itertools.count():
        connection.sendall(postgresql_message(b"S", b"p%d\0" % number + b"x" * 20_000 + b"\0"))


def postgresql_asking_in_clear(heard):
    def talk(connection):
        connection.recv(8)
        connection.sendall(b"N")
        connection.recv(4096)
        connection.sendall(postgresql_message(b"R", (3).to_bytes(4, "big")))
        heard.append(connection.recv(4096))

    return talk


def postgresql_nothing():
    yield ROW + postgresql_message(b"C", b"SELECT 0\0") + READY
