"""Requests as bytes, because a client library would refuse to send most of them."""

import json
import socket

# Seconds that an answer may take: a refused request is refused at once, whatever is in it.
PATIENCE = 60


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def __repr__(self):
        return f"{self.status} {self.headers.get('content-type')} {self.body[:160]!r}"


class Target:
    def __init__(self, port):
        self.port = port

    def open(self):
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def send(self, data, patience=PATIENCE):
        """The answer to these bytes; none where the connection was closed instead."""
        with self.open() as connection:
            connection.settimeout(patience)
            try:
                connection.sendall(data)
            except OSError:
                pass  # It answered and closed before it had all.
            return read_answer(connection)

    def ask(self, method, path, body=b"", kind="application/json", headers=()):
        return self.send(request(method, path, body, kind, headers))


def request(method, path, body=b"", kind="application/json", headers=()):
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    lines = [line(f"{method} {path} HTTP/1.1"), b"host: attune", b"connection: close", *map(line, headers)]
    if body:
        lines += [line(f"content-type: {kind}"), line(f"content-length: {len(body)}")]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def line(text):
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")


def read_answer(connection):
    try:
        data = b""
        while piece := connection.recv(1 << 16):
            data += piece
    except ConnectionError:
        pass
    if not data.startswith(b"HTTP/1."):
        return None
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in lines[1:])}
    if headers.get("transfer-encoding") == "chunked":
        body = b"".join(chunks(body))
    return Answer(int(lines[0].split()[1]), headers, body)


def chunks(data):
    while data:
        size, _, rest = data.partition(b"\r\n")
        count = int(size, 16)
        yield rest[:count]
        data = rest[count + 2 :]
