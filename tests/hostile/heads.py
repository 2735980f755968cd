"""Requests whose first lines are wrong: paths, queries, headers, lengths."""

from wire import request

ESCAPES = ["../../../../etc/passwd", "..%2f..%2f..%2fetc%2fpasswd", "%2e%2e%2f%2e%2e%2fattune.db", "..%5c..%5c", "%00", "a%00b", "%ff%fe", "%", "%zz", ".", "..", "...",
           "a" * 5000, "%F0%9F%92%A9", "'%20OR%201=1--", "%7b%7b7*7%7d%7d", "-1", "0", str(2**70), "con", "*", "%0d%0aset-cookie:a=b", "a;b", "artifacts%2f..%2fattune.db"]  # fmt: skip
PLACES = [("GET", "/adapters/{}"), ("DELETE", "/adapters/{}"), ("GET", "/adapters/{}/adapter_model.safetensors"), ("GET", "/adapters/{}/adapter_config.json"),
          ("GET", "/generators/{}"), ("POST", "/generators/{}/activate"), ("GET", "/jobs/{}"), ("GET", "/jobs/{}/events"), ("POST", "/jobs/{}/cancel"),
          ("GET", "/tasks/{}"), ("DELETE", "/tasks/{}"), ("GET", "/v1/models/{}"), ("GET", "/docs/{}"), ("GET", "/{}")]  # fmt: skip
QUERIES = ["limit=0", "limit=-1", f"limit={2**70}", "limit=a", "limit=1&limit=2", "cursor=", "cursor=%00", "cursor=" + "A" * 6000, "cursor=eyJhIjoxfQ==", "cursor=%ff%fe",
           "query=%25", "query='%20OR%201=1--", "query=" + "%25_" * 2000, "query=%00", "state=none", "kind=%2e", "=&=&&&", "a[]=1", "%"]  # fmt: skip
HEADERS = [b"range: bytes=99999999999999999999-", b"range: bytes=-0", b"range: bytes=5-1", b"range: bytes=" + b"0-1," * 5000, b"range: lines=1-2", b"range: \xff",
           b"if-none-match: " + b'"a",' * 10_000, b"if-match: \xff\xfe", b'if-match: "' + b"a" * 20_000 + b'"', b"if-match: W/", b"idempotency-key: " + b"a" * 10_000,
           b"idempotency-key: \xe9", b"idempotency-key:", b"last-event-id: -1", b"last-event-id: 99999999999999999999999", b"last-event-id: \xff", b"accept: " + b"a/b;q=x," * 5000,
           b"accept: \xff", b"x-request-id: " + b"a" * 10_000, b"x-request-id: \xff<script>", b"traceparent: 00-" + b"0" * 32 + b"-" + b"0" * 16 + b"-zz", b"traceparent: " + b"f" * 5000,
           b"authorization: Bearer " + b"a" * 10_000, b"authorization: Basic \xff\xff", b"authorization: Bearer", b"content-encoding: gzip", b"expect: 200-maybe",
           b"upgrade: websocket", b"cookie: " + b"a=b;" * 4000, b"x-forwarded-for: ::::", b"accept-encoding: " + b"gzip," * 3000]  # fmt: skip
TYPES = ["text/plain", "application/json; charset=utf-16", "application/xml", "application/jsonx", "*/*", "application/json;" + "a=b;" * 1000, "multipart/form-data", "\udcff"]


def paths():
    """(name, method, path)"""
    for method, place in PLACES:
        for escape in ESCAPES:
            yield f"{method} {place} {escape[:30]}", method, place.format(escape)
    for path in ("/adapters", "/jobs", "/tasks", "/generators", "/v1/models"):
        for query in QUERIES:
            yield f"GET {path}?{query[:30]}", "GET", f"{path}?{query}"
    for method in ("PATCH", "TRACE", "OPTIONS", "HEAD", "PROPFIND", "A" * 100, "CONNECT"):
        yield f"{method[:20]} /generate", method, "/generate"


def headed():
    """(name, bytes): a header with a strange value on requests that read it, or do not."""
    body = {"input": "a", "max_tokens": 1}
    for header in HEADERS:
        shown = header[:40].decode("latin-1")
        yield f"GET /adapters with {shown}", request("GET", "/adapters", headers=[header])
        yield f"GET a file with {shown}", request("GET", "/adapters/hostile/adapter_config.json", headers=[header])
        yield f"POST /generate with {shown}", request("POST", "/generate", body, headers=[header])
        yield f"PUT /tasks with {shown}", request("PUT", "/tasks/hostile", {"descriptions": ["Copy it."]}, headers=[header])
        yield f"POST /jobs/train with {shown}", request("POST", "/jobs/train", {"kind": "adapter", "task": "none"}, headers=[header])
    for kind in TYPES:
        yield f"POST /generate as {kind[:40]!r}", request("POST", "/generate", body, kind=kind)
        yield f"POST /adapters/import as {kind[:40]!r}", request("POST", "/adapters/import", b"a", kind=kind)
    for count in (90, 1000, 20_000):
        yield f"{count} headers", request("GET", "/info", headers=[b"a%d: b" % i for i in range(count)])
    yield "a header of a megabyte", request("GET", "/info", headers=[b"a: " + b"b" * (1 << 20)])
    yield "a path of a megabyte", request("GET", "/" + "a" * (1 << 20))


def framed():
    """(name, bytes): what no request looks like."""
    body = b'{"input": "a", "max_tokens": 1}'
    post = b"POST /generate HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\nconnection: close\r\n"
    size = b"content-length: %d\r\n" % len(body)
    yield "two lengths", post + size + b"content-length: 5\r\n\r\n" + body
    yield "a length twice", post + size + size + b"\r\n" + body
    yield "lengths in a list", post + b"content-length: 5, 31\r\n\r\n" + body
    yield "length and chunks", post + size + b"transfer-encoding: chunked\r\n\r\n" + b"5\r\nabcde\r\n0\r\n\r\n"
    for wrong in (b"-1", b"+31", b"0x1f", b"1e2", b"", b" ", b"99999999999999999999999", b"18446744073709551615"):
        yield f"length {wrong!r}", post + b"content-length: " + wrong + b"\r\n\r\n" + body
    for coding in (b"xchunked", b"chunked, identity", b"gzip, chunked", b"\x0bchunked", b"chunked\r\ntransfer-encoding: gzip"):
        yield f"coding {coding!r}", post + b"transfer-encoding: " + coding + b"\r\n\r\n0\r\n\r\n"
    chunked = post + b"transfer-encoding: chunked\r\n\r\n"
    for wrong in (b"zz\r\n", b"-5\r\nabcde\r\n", b"ffffffffffffffff\r\na", b"10000000000000000\r\na", b"5;" + b"a" * 100_000 + b"\r\n", b"5\nabcde\n0\n\n", b"5\r\nabcdeXX0\r\n\r\n"):
        yield f"chunk {wrong[:20]!r}", chunked + wrong
    yield "chunks without end", chunked + b"".join(b"%x\r\n" % len(body) + body + b"\r\n" for _ in range(50))
    yield "trailers", chunked + b"0\r\n" + b"a: b\r\n" * 10_000 + b"\r\n"
    yield "a space before the colon", b"GET /info HTTP/1.1\r\nhost : a\r\nconnection: close\r\n\r\n"
    yield "a folded header", b"GET /info HTTP/1.1\r\nhost: a\r\nx: a\r\n b\r\nconnection: close\r\n\r\n"
    yield "a nul in a header", b"GET /info HTTP/1.1\r\nhost: a\r\nx: a\x00b\r\nconnection: close\r\n\r\n"
    yield "line feeds alone", b"GET /info HTTP/1.1\nhost: a\nconnection: close\n\n"
    yield "no host", b"GET /info HTTP/1.1\r\nconnection: close\r\n\r\n"
    yield "two hosts", b"GET /info HTTP/1.1\r\nhost: a\r\nhost: b\r\nconnection: close\r\n\r\n"
    yield "a whole address", b"GET http://169.254.169.254/latest HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
    for first in (b"GET /info", b"GET /info HTTP/3.0", b"GET  /info  HTTP/1.1", b"/info", b"GET /in\x00fo HTTP/1.1", b"GET /\xff\xfe HTTP/1.1", b"G\xc3\x89T / HTTP/1.1", b"\r\n" * 1000 + b"x"):
        yield f"first line {first[:24]!r}", first + b"\r\nhost: a\r\nconnection: close\r\n\r\n"
    yield "another protocol: TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(512)
    yield "another protocol: HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00" + b"\xff" * 4096
    yield "another protocol: SSH", b"SSH-2.0-x\r\n" + bytes(range(256)) * 8
    yield "a request inside a body", post + b"content-length: 4\r\n\r\nabcdGET /info HTTP/1.1\r\nhost: a\r\n\r\n"
    yield "expects to continue", post + size + b"expect: 100-continue\r\n\r\n" + body
