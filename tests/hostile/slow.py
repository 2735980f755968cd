"""Clients that take their time, or go away, while somebody else wants an answer."""

import contextlib
import json
import socket
import struct
import time

HEAD = b"POST /generate HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"


def drip(target, count, begin, seconds):
    """`count` connections that sent `begin` and add a byte a second. Gives how many the server still holds at the end, and the slowest
    answer to others meanwhile, in seconds."""
    with contextlib.ExitStack() as stack:
        held = []
        for _ in range(count):
            connection = stack.enter_context(target.open())
            connection.sendall(begin)
            connection.setblocking(False)
            held.append(connection)
        slowest, until = 0.0, time.monotonic() + seconds
        while time.monotonic() < until:
            held = [connection for connection in held if still_open(connection)]
            began = time.monotonic()
            answer = target.ask("POST", "/generate", {"input": "stone", "max_tokens": 2})
            if answer is None or answer.status != 200:
                raise AssertionError(f"beside slow clients: {answer}")
            slowest = max(slowest, time.monotonic() - began)
            time.sleep(0.5)
        return len(held), slowest


def still_open(connection):
    try:
        connection.send(b"a")
        return connection.recv(1 << 16) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


def headers(target, count, seconds):
    return drip(target, count, HEAD + b"x-a: ", seconds)


def bodies(target, count, seconds):
    return drip(target, count, HEAD + b"content-length: 100000\r\n\r\n{", seconds)


def silent(target, count, seconds):
    """Connections on which nothing comes at all."""
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(target.open()) for _ in range(count)]
        time.sleep(seconds)
        return sum(is_silent(connection) for connection in held)


def is_silent(connection):
    connection.setblocking(False)
    try:
        return connection.recv(1) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


def gone(target, count):
    """Clients that break off: before the head, in a body, in a stream, with a reset each."""
    body = json.dumps({"input": "a", "max_tokens": 200, "stream": True, "ignore_eos": True}).encode()
    for index in range(count):
        connection = target.open()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        match index % 4:
            case 1:
                connection.sendall(HEAD + b"content-length: 500\r\n\r\n" + body)
            case 2:
                connection.sendall(HEAD + b"content-length: %d\r\n\r\n" % len(body) + body)
            case 3:
                connection.sendall(HEAD + b"content-length: %d\r\n\r\n" % len(body) + body)
                connection.recv(100)
        connection.close()
