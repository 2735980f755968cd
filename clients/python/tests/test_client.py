"""The client against a running server."""

import json
from pathlib import Path

import httpx
import pytest

from attune_client import Attune, Forbidden, Invalid, JobFailed, NotFound, Unauthorized
from attune_client.errors import raise_problem
from attune_client.streams import events

BACKWARDS = "Write the word backwards."
WORDS = ["cat", "tree", "stone", "lamp", "river", "bird", "cloud", "bread", "chair", "horse"]
ZEBRA = [(word, f"{word} zebra") for word in WORDS]


def test_the_same_description_is_the_same_adapter(attune: Attune) -> None:
    first = attune.create_adapter(BACKWARDS, name="backwards")
    again = attune.create_adapter(BACKWARDS, name="backwards")
    assert not first.cached and again.cached
    assert first.id == again.id and first.digest == again.digest
    assert attune.adapter("backwards").id == first.id
    assert first.id in {adapter.id for adapter in attune.adapters(query="backwards")}


def test_an_answer_whole_and_in_tokens_is_the_same(attune: Attune) -> None:
    whole = attune.generate("stone", task=BACKWARDS, temperature=0.0)
    assert whole.text == "enots" and whole.adapter.id
    with attune.stream("stone", task=BACKWARDS, temperature=0.0) as answer:
        assert "".join(token.text for token in answer) == whole.text
    assert answer.result and answer.result.usage == whole.usage
    assert attune.generate(messages=[("user", "stone")], task=BACKWARDS, temperature=0.0).text


def test_an_answer_may_be_left_early(attune: Attune) -> None:
    with attune.stream("stone", task=BACKWARDS, ignore_eos=True, max_tokens=400) as answer:
        next(answer)
    assert answer.result is None
    assert attune.generate("stone", task=BACKWARDS).text


def test_examples_and_refinement_go_with_a_description(attune: Attune) -> None:
    adapter = attune.create_adapter("Put a zebra behind it.", examples=ZEBRA[:4], refine=2)
    assert not adapter.cached and adapter.timings_ms.refine > 0
    with pytest.raises(TypeError):
        attune.create_adapter(BACKWARDS, sampels=4)


def test_what_peft_loads_comes_and_goes_back(attune: Attune, tmp_path: Path) -> None:
    adapter = attune.create_adapter(BACKWARDS)
    directory = attune.download_peft(adapter.id, tmp_path / "lora")
    assert sorted(file.name for file in directory.iterdir()) == ["adapter_config.json", "adapter_model.safetensors"]
    assert json.loads((directory / "adapter_config.json").read_text())["peft_type"] == "LORA"
    imported = attune.import_adapter(directory, name="mine")
    assert imported.name == "mine" and imported.parameters == adapter.parameters
    with pytest.raises(ValueError):
        attune.import_adapter(directory / "adapter_config.json")


def test_a_training_is_watched_to_its_end(attune: Attune) -> None:
    task = attune.put_task("zebra", ["Put a zebra behind the word.", "Add a zebra after it."], ZEBRA)
    assert task.example_count == len(ZEBRA)
    job = attune.train_adapter("zebra", steps=3)
    told = list(attune.job_events(job.id))
    assert [event.number for event in told] == list(range(1, len(told) + 1))
    assert {"state", "progress", "metric"} <= {event.kind for event in told}
    assert told[-1].data["state"] == "succeeded"
    assert attune.wait(job.id).result
    assert list(attune.job_events(job.id, after=told[-1].number)) == []


def test_a_cancelled_job_is_not_waited_for(attune: Attune) -> None:
    attune.put_task("long", ["Take a long time."], ZEBRA)
    job = attune.train_adapter("long", steps=100_000)
    attune.cancel(job.id)
    with pytest.raises(JobFailed) as failed:
        attune.wait(job.id)
    assert failed.value.job.state.value == "cancelled"


def test_what_is_not_there_is_a_404(attune: Attune) -> None:
    with pytest.raises(NotFound) as refused:
        attune.adapter("nobody")
    assert refused.value.type == "/problems/not_found" and "nobody" in refused.value.detail
    assert refused.value.request_id
    with pytest.raises(NotFound):
        attune.stream("stone", adapter="nobody")


def test_values_that_cannot_be_are_named(attune: Attune) -> None:
    with pytest.raises(Invalid) as refused:
        attune.create_adapter("")
    assert refused.value.status == 422 and refused.value.title
    assert [field.name for field in refused.value.invalid_params] == ["task"]
    with pytest.raises(Invalid):
        attune.generate("stone", task="")


def test_a_key_is_asked_for(locked: tuple[str, str]) -> None:
    url, key = locked
    for wrong in (None, "attune_wrong"):
        with Attune(url, api_key=wrong) as client, pytest.raises(Unauthorized) as refused:
            client.info()
        assert refused.value.type == "/problems/unauthorized", refused.value.problem
    with Attune(url, api_key=key) as client:
        assert client.info().base_model
        with pytest.raises(Forbidden, match="generate"):
            client.generate("stone")


def test_a_problem_says_when_to_come_again() -> None:
    full = httpx.Response(503, headers={"retry-after": "7", "x-request-id": "r"}, text="<html>busy</html>")
    with pytest.raises(Exception) as refused:
        raise_problem(full)
    assert getattr(refused.value, "retry_after") == 7 and getattr(refused.value, "request_id") == "r"


def test_events_are_read_as_the_standard_says() -> None:
    lines = [": alive", "", "event: token", 'data: {"a":', "data: 1}", "id: 3", "", "data: {}", "", "data: {}"]
    assert [(event.kind, event.data, event.id) for event in events(lines)] == [("token", {"a": 1}, "3"), ("message", {}, None)]
