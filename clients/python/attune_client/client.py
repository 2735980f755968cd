"""The client."""

import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal, Optional, TypeVar, Union

import httpx

from .errors import JobFailed, raise_problem
from .generated import AuthenticatedClient
from .generated.api.adapters import create_adapter, get_adapter, list_adapters
from .generated.api.generate import generate
from .generated.api.jobs import cancel_job, get_job, train
from .generated.api.server import info
from .generated.api.tasks import put_task
from .generated.models import (
    AdapterView,
    All,
    AnsweredExample,
    CreateAdapter,
    CreatedAdapter,
    Generate,
    Generated,
    Info,
    Job,
    JobState,
    ListAdapterView,
    Message,
    OnUnknown,
    PutTask,
    Refine,
    Task,
    TrainAdapter,
    TrainAdapterKind,
    TrainGenerator,
    TrainGeneratorKind,
)
from .generated.types import UNSET
from .streams import Answer, JobEvent, events

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
ARCHIVES = {".zip": "application/zip", ".tar": "application/x-tar", ".gz": "application/gzip", ".tgz": "application/gzip"}
#: How often a stream of events is taken up again where nothing came in between.
RECONNECTS = 5

Example = tuple[str, str]
T = TypeVar("T")


def there(answer: Optional[T]) -> T:
    """What was read from a success. Generated code gives None for what the description does not name."""
    if answer is None:
        raise httpx.RemoteProtocolError("the server's answer is not one that this version of the client knows")
    return answer


class Attune:
    """A server, and the connections to it.

    ``api_key`` is read from ``ATTUNE_API_KEY`` where it is not given. ``timeout`` is in seconds, and counts for each wait for bytes, not
    for the whole of an answer. What the server refuses is raised as :class:`AttuneError`.

    Fields beyond the named ones (``**fields``) are those of the request in :mod:`attune_client.models`.

    >>> with Attune("http://localhost:8080") as attune:  # doctest: +SKIP
    ...     attune.generate("stone", task="Write the word backwards.").text
    'enots'
    """

    def __init__(self, base_url: str = "http://localhost:8080", *, api_key: Optional[str] = None, timeout: float = 600.0) -> None:
        key = api_key or os.environ.get("ATTUNE_API_KEY", "")
        self._http = httpx.Client(
            base_url=base_url,
            headers={"authorization": f"Bearer {key}"} if key else {},
            timeout=timeout,
            event_hooks={"response": [raise_problem]},
        )
        #: What the functions below ``attune_client.generated.api`` want as ``client``.
        self.raw = AuthenticatedClient(base_url, token=key).set_httpx_client(self._http)

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def __enter__(self) -> "Attune":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def info(self) -> Info:
        """The base, the active generator and the limits."""
        return there(info.sync(client=self.raw))

    # Adapters.

    def create_adapter(
        self,
        task: str,
        *,
        examples: Iterable[Example] = (),
        refine: Optional[int] = None,
        on_unknown: Literal["generate", "blend", "reject"] = "generate",
        **fields: Any,
    ) -> CreatedAdapter:
        """Makes the adapter of a description, or finds it (``cached``). ``refine`` is in gradient steps."""
        body = CreateAdapter(
            task=task,
            examples=[AnsweredExample(input_=given, output=wanted) for given, wanted in examples] or UNSET,
            refine=UNSET if refine is None else Refine(steps=refine),
            on_unknown=OnUnknown(on_unknown),
            **fields,
        )
        return there(create_adapter.sync(client=self.raw, body=body))

    def adapter(self, adapter: str) -> AdapterView:
        """An adapter, by id or name."""
        return there(get_adapter.sync(adapter, client=self.raw))

    def adapters(self, query: Optional[str] = None) -> Iterator[AdapterView]:
        """All adapters, the newest first, or those with this in their description or name."""
        cursor: Optional[str] = None
        while True:
            page: ListAdapterView = there(list_adapters.sync(client=self.raw, query=query or UNSET, cursor=cursor or UNSET))
            yield from page.data
            cursor = page.next_cursor
            if cursor is None:
                return

    def download_peft(self, adapter: str, directory: Union[str, Path]) -> Path:
        """Writes an adapter, by id or name, as the directory that PEFT loads.

        The weights are held against their digest, and no file is there before it is whole.
        """
        view, out = self.adapter(adapter), Path(directory)
        out.mkdir(parents=True, exist_ok=True)
        for name in (CONFIG, WEIGHTS):
            part, digest = out / f"{name}.part", hashlib.sha256()
            with self._http.stream("GET", f"/adapters/{view.id}/{name}") as answer, part.open("wb") as file:
                for piece in answer.iter_bytes():
                    digest.update(piece)
                    file.write(piece)
            if name == WEIGHTS and digest.hexdigest() != view.digest:
                part.unlink()
                raise httpx.RemoteProtocolError(f"the weights of {view.id} came with other bytes than their digest says")
            part.replace(out / name)
        return out

    def import_adapter(self, path: Union[str, Path], *, name: Optional[str] = None, replace: bool = False) -> AdapterView:
        """Takes in what PEFT wrote: a directory, or a tar, tar.gz or zip of it."""
        path = Path(path)
        query = {"name": name, "replace": str(replace).lower()} if name else {}
        with ExitStack() as stack:
            if path.is_dir():
                parts = {"adapter_config": CONFIG, "adapter_model": WEIGHTS}
                files = {part: (file, stack.enter_context((path / file).open("rb"))) for part, file in parts.items()}
                answer = self._http.post("/adapters/import", data=query, files=files)
            elif path.suffix in ARCHIVES:
                body, kind = stack.enter_context(path.open("rb")), ARCHIVES[path.suffix]
                answer = self._http.post("/adapters/import", params=query, content=body, headers={"content-type": kind})
            else:
                raise ValueError(f"{path} is neither a directory nor a {', '.join(ARCHIVES)} file")
        return AdapterView.from_dict(answer.json())

    # Texts.

    def generate(
        self,
        input: Optional[str] = None,
        *,
        messages: Iterable[tuple[str, str]] = (),
        task: Optional[str] = None,
        adapter: Optional[str] = None,
        **fields: Any,
    ) -> Generated:
        """Answers an input (or ``messages``, pairs of role and text) through a task's adapter, another one, or none."""
        return there(generate.sync(client=self.raw, body=_generation(input, messages, task, adapter, fields)))

    def stream(
        self,
        input: Optional[str] = None,
        *,
        messages: Iterable[tuple[str, str]] = (),
        task: Optional[str] = None,
        adapter: Optional[str] = None,
        **fields: Any,
    ) -> Answer:
        """The same, token by token."""
        body = _generation(input, messages, task, adapter, {**fields, "stream": True})
        return Answer(self._http.stream("POST", "/generate", json=body.to_dict()))

    # Training.

    def put_task(self, name: str, descriptions: Sequence[str], examples: Iterable[Example] = ()) -> Task:
        """Registers a task in one or more wordings, and replaces its examples where some are given."""
        task = there(put_task.sync(name, client=self.raw, body=PutTask(descriptions=list(descriptions))))
        lines = [json.dumps({"input": given, "output": wanted}) for given, wanted in examples]
        if not lines:
            return task
        headers = {"content-type": "application/x-ndjson"}
        return Task.from_dict(self._http.put(f"/tasks/{name}/examples", content="\n".join(lines), headers=headers).json())

    def train_adapter(self, task: str, **fields: Any) -> Job:
        """Queues the training of a task's adapter."""
        return there(train.sync(client=self.raw, body=TrainAdapter(task=task, kind=TrainAdapterKind.ADAPTER, **fields)))

    def train_generator(self, tasks: Union[list[str], Literal["all"]], **fields: Any) -> Job:
        """Queues the training of a generator on these tasks."""
        selection = All(tasks) if isinstance(tasks, str) else tasks
        return there(train.sync(client=self.raw, body=TrainGenerator(tasks=selection, kind=TrainGeneratorKind.GENERATOR, **fields)))

    def job(self, job: str) -> Job:
        """Where a job stands."""
        return there(get_job.sync(job, client=self.raw))

    def cancel(self, job: str) -> Job:
        """Cancels a job."""
        return there(cancel_job.sync(job, client=self.raw))

    def job_events(self, job: str, after: int = 0) -> Iterator[JobEvent]:
        """What a job tells from the first event on (or behind ``after``) until it has ended; lost connections are taken up again."""
        failures = 0
        while True:
            try:
                with self._http.stream("GET", f"/jobs/{job}/events", headers={"last-event-id": str(after)}) as answer:
                    for event in events(answer.iter_lines()):
                        after, failures = int(event.id or after), 0
                        yield JobEvent(after, event.kind, event.data)
                return
            except httpx.TransportError:
                failures += 1
                if failures > RECONNECTS:
                    raise
                time.sleep(2**failures / 4)  # half a second, and some 16 in all: a server that starts anew is there by then

    def wait(self, job: str) -> Job:
        """Waits until a job has succeeded; raises :class:`JobFailed` where it ends otherwise."""
        for _ in self.job_events(job):
            pass
        ended = self.job(job)
        if ended.state is not JobState.SUCCEEDED:
            raise JobFailed(ended)
        return ended


def _generation(
    text: Optional[str], messages: Iterable[tuple[str, str]], task: Optional[str], adapter: Optional[str], fields: dict[str, Any]
) -> Generate:
    return Generate(
        input_=UNSET if text is None else text,
        messages=[Message(role=role, content=content) for role, content in messages] or UNSET,
        task=UNSET if task is None else task,
        adapter=UNSET if adapter is None else adapter,
        **fields,
    )
