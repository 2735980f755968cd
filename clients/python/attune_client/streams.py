"""Server-sent events: an answer as it is written, and what a job tells."""

import json
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Optional

import httpx

from .errors import error_of
from .generated.models import Generated, TokenEvent


@dataclass(frozen=True)
class Event:
    """One server-sent event."""

    kind: str
    data: dict[str, Any]
    id: Optional[str]


def events(lines: Iterable[str]) -> Iterator[Event]:
    """The events of a stream's lines; comments, which keep a connection alive, are none.

    https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
    """
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(":")
            value = value[1:] if value.startswith(" ") else value
            fields[name] = f"{fields[name]}\n{value}" if name == "data" and "data" in fields else value
            continue
        if "data" in fields:
            yield Event(fields.get("event", "message"), json.loads(fields["data"]), fields.get("id"))
        fields = {}


@dataclass(frozen=True)
class JobEvent:
    """What a job tells: ``state``, ``progress``, ``metric`` or ``log``, numbered from 1."""

    number: int
    kind: str
    data: dict[str, Any]


class Answer(Iterator[TokenEvent]):
    """An answer as it is written: iterate over its tokens; ``result`` is the whole of it once they are through.

    Closing it early (``close``, or the end of a ``with``) ends the request, and the server writes no further.
    """

    def __init__(self, response: AbstractContextManager[httpx.Response]) -> None:
        self.result: Optional[Generated] = None
        self._response = response
        self._events = events(response.__enter__().iter_lines())

    def __next__(self) -> TokenEvent:
        for event in self._events:
            if event.kind == "token":
                return TokenEvent.from_dict(event.data)
            if event.kind == "done":
                self.result = Generated.from_dict(event.data)
            elif event.kind == "error":
                self.close()
                raise error_of(event.data)
        self.close()
        if self.result is None:
            raise httpx.RemoteProtocolError("the answer broke off")
        raise StopIteration

    def close(self) -> None:
        """Ends the request."""
        self._response.__exit__(None, None, None)

    def __enter__(self) -> "Answer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
