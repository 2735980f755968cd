"""What schemathesis must be told of attune: lines of JSON, the events of its streams, and a job that has ended."""

import json
import os

import schemathesis
from schemathesis.core.deserialization import _parse_sse_events
from schemathesis.transport.requests import REQUESTS_TRANSPORT

# Of a job that has ended, so that its stream of events ends, too.
JOB = os.environ["ATTUNE_TEST_JOB"]
DATA_EVENTS = {"message", "token"}


@schemathesis.deserializer("text/event-stream")
def events(_context, response):
    """The data of the events that the description shows: completions' chunks as JSON, jobs' events as text."""
    found = []
    for event in _parse_sse_events(response.content, "utf-8"):
        name, data = event.get("event", "message"), event.get("data", "")
        if name not in DATA_EVENTS:
            # `done` and `error` close a stream of /generate with shapes of their own.
            if name not in ("done", "error"):
                found.append(data)
        elif data != "[DONE]" and "error" not in (value := json.loads(data)):
            found.append(value)
    return found


@REQUESTS_TRANSPORT.serializer("application/x-ndjson")
def lines(_context, value):
    return {"data": value.encode(errors="surrogatepass") if isinstance(value, str) else json.dumps(value)}


@schemathesis.hook
def before_call(context, case, **kwargs):
    """Every other stream of a job's events is one that there is."""
    if case.operation.path == "/jobs/{id}/events" and len(case.path_parameters.get("id", "")) % 2:
        case.path_parameters["id"] = JOB
    if case.operation.path == "/keys/{id}":
        # Not the key by which it asks.
        case.path_parameters["id"] = "0" * 32
