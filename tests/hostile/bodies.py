"""Bodies that no client means: good ones with a value turned bad, and bytes that are no JSON at all."""

import json

GOOD = {
    ("POST", "/generate"): {
        "input": "stone", "task": "Write the word backwards.", "max_tokens": 2, "temperature": 1.0, "top_p": 0.9, "top_k": 4, "min_p": 0.1,
        "repetition_penalty": 1.1, "seed": 1, "stop": ["x"], "logprobs": 1, "stream": False, "merge": "never", "scale": 1.0,
        "timeout_ms": 5000, "response_format": {"type": "json_object"},
    },
    ("POST", "/adapters"): {
        "task": "Write the word backwards.", "examples": [{"input": "cat", "output": "tac"}], "seed": 1, "samples": 1, "name": "hostile",
        "replace": True, "on_unknown": "generate", "refine": {"steps": 1},
    },
    ("POST", "/jobs/train"): {
        "kind": "generator", "tasks": ["reverse"], "arch": "mlp", "seed": 1, "init": "active", "priority": 0, "timeout_seconds": 1,
        "stages": ["reconstruction"],
    },
    ("PUT", "/tasks/hostile"): {"descriptions": ["Copy it."]},
    ("POST", "/v1/completions"): {
        "model": "attune-demo", "prompt": "a", "max_tokens": 2, "n": 1, "best_of": 1, "echo": False, "logprobs": 1, "stop": "x", "seed": 1,
        "logit_bias": {"1": 1}, "presence_penalty": 0, "frequency_penalty": 0, "stream": False, "task": "Repeat the word.",
    },
    ("POST", "/v1/chat/completions"): {
        "model": "attune-demo", "messages": [{"role": "user", "content": "a"}], "max_tokens": 2, "top_logprobs": 1, "logprobs": True,
        "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}}, "stream": False,
    },
}

BAD = [
    None, True, "", " ", "\x00", "\u202e\ufeff", "../../../../etc/passwd", "' OR 1=1 --", "${jndi:ldap://x}", "{{7*7}}", "a" * 100_000,
    0, -1, -0.0, 1e-320, 1e308, 2**31, 2**53 + 1, 2**63, 2**64, 2**200, [], [[]], [None], ["a"] * 2000, {}, {"": ""}, {"$ref": "#"},
    [[[[[[[["deep"]]]]]]]], [{"input": "a"}], [{"input": 1, "output": []}], {"type": "json_schema", "json_schema": {"schema": False}},
]  # fmt: skip


def turned_bad():
    for (method, path), good in GOOD.items():
        yield f"{method} {path} as it is", method, path, good
        for field in good:
            for index, bad in enumerate(BAD):
                yield f"{method} {path} {field} #{index}", method, path, good | {field: bad}
        yield f"{method} {path} unknown field", method, path, good | {"__proto__": {"a": 1}}


def no_json():
    """(name, bytes)"""
    nest = 200_000
    return [
        ("nothing", b" "), ("cut", b'{"input": "a'), ("a number", b"1"), ("an array", b"[]"), ("a text", b'"a"'), ("null", b"null"),
        ("not a number", b'{"max_tokens": NaN}'), ("infinity", b'{"temperature": 1e999}'), ("minus", b'{"max_tokens": -}'),
        ("many digits", b'{"max_tokens": ' + b"9" * 100_000 + b"}"), ("a long fraction", b'{"temperature": 0.' + b"1" * 100_000 + b"}"),
        ("bad utf-8", b'{"input": "\xff\xfe\xc0\x80"}'), ("utf-16", '{"input": "a"}'.encode("utf-16")), ("a mark", b'\xef\xbb\xbf{"input": "a"}'),
        ("half a surrogate", b'{"input": "\\ud800", "max_tokens": 1}'), ("nul", b'{"input": "a\\u0000b", "max_tokens": 1}'),
        ("a raw control", b'{"input": "a\x01b"}'), ("a key twice", b'{"input": "a", "input": "b", "max_tokens": 1}'),
        ("behind the end", b'{"input": "a", "max_tokens": 1} {}'), ("binary", bytes(range(256)) * 40),
        ("deep arrays", b"[" * nest), ("deep objects", b'{"a":' * nest), ("closed deep arrays", b'{"input": ' + b"[" * nest + b"]" * nest + b"}"),
        ("deep in a form", json.dumps({"input": "a", "response_format": {"type": "json_schema"}})[:-2].encode() + b', "json_schema": {"schema": ' + b'{"items":' * 5000 + b"{}" + b"}" * 5002 + b"}"),
        ("many keys", json.dumps({f"k{i}": i for i in range(50_000)}).encode()),
    ]  # fmt: skip


SCHEMAS = [
    {"type": "array", "minItems": 10**9, "items": {"type": "string"}},
    {"type": "string", "pattern": "(a+)+$" * 20},
    {"type": "string", "pattern": "a{1000000}"},
    {"type": "string", "minLength": 10**9},
    {"enum": [f"word {i}" for i in range(20_000)]},
    {"$ref": "#"},
    {"$ref": "file:///etc/passwd"},
    {"$ref": "http://127.0.0.1:1/"},
    {"allOf": [{"$ref": "#"}] * 50},
    {"anyOf": [{"anyOf": [{"anyOf": [{"type": "object", "properties": {f"a{i}": {"type": "integer"} for i in range(30)}}] * 10}] * 10}] * 10},
    {"type": "object", "additionalProperties": {"$ref": "#"}, "minProperties": 10**6},
    {"type": "integer", "minimum": 10**40, "multipleOf": 0},
]


def schemas():
    for index, schema in enumerate(SCHEMAS):
        form = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
        yield f"schema #{index}", "POST", "/generate", {"input": "a", "max_tokens": 4, "timeout_ms": 20_000, "response_format": form}
