"""Walks OpenAI's routes of a running server with OpenAI's own client.

walk.py URL: the server runs the demo model. Each step is a function; the first that fails ends the walk.
"""

import asyncio
import json
import sys
import time
import urllib.request

import openai
from pydantic import BaseModel

URL = sys.argv[1].rstrip("/")
ADAPTER = "backwards"
TASK = "write the word backwards"
client = openai.OpenAI(base_url=f"{URL}/v1", api_key="none", max_retries=0, timeout=120)
MODEL = client.models.list().data[0].id
USER = [{"role": "user", "content": "good"}]


def native(path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(URL + path, data, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.load(answer)


def chat(**more):
    return client.chat.completions.create(**{"model": MODEL, "messages": USER, "max_tokens": 16} | more)


def complete(prompt, **more):
    return client.completions.create(**{"model": MODEL, "prompt": prompt, "temperature": 0} | more)


def refused(kind, status, param, call):
    try:
        call()
    except kind as error:
        assert error.status_code == status and error.param == param, (error.status_code, error.param, error.message)
        assert error.code and error.type, error.body
        return error
    raise AssertionError(f"nothing was refused; {kind.__name__} for {param} was expected")


def models():
    native("/adapters", {"task": TASK, "name": ADAPTER})
    listed = {model.id: model for model in client.models.list()}
    assert set(listed) == {MODEL, ADAPTER}, listed
    assert listed[ADAPTER].parent == MODEL and listed[MODEL].object == "model"
    assert client.models.retrieve(ADAPTER).root == listed[ADAPTER].root
    assert client.models.retrieve(listed[ADAPTER].root).id == listed[ADAPTER].root
    for nobody in ("nobody", "some/body"):
        refused(openai.NotFoundError, 404, "model", lambda: client.models.retrieve(nobody))


def chat_whole():
    answer = chat(temperature=0, user="me", metadata={"a": "b"}, store=False)
    choice = answer.choices[0]
    assert answer.object == "chat.completion" and answer.id.startswith("chatcmpl-") and answer.model == MODEL
    assert choice.message.role == "assistant" and isinstance(choice.message.content, str)
    assert choice.finish_reason in ("stop", "length") and answer.system_fingerprint.startswith("fp_")
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer.usage.prompt_tokens_details.cached_tokens >= 0
    assert abs(answer.created - time.time()) < 600
    raw = client.chat.completions.with_raw_response.create(model=MODEL, messages=USER, max_tokens=4)
    assert "prefill;dur=" in raw.headers["server-timing"], raw.headers
    again = chat(messages=USER + [choice.message.model_dump(), {"role": "user", "content": [{"type": "text", "text": "bad"}]}])
    assert again.choices


def chat_stream():
    whole = chat(temperature=0, max_tokens=24)
    chunks = list(chat(temperature=0, max_tokens=24, stream=True, stream_options={"include_usage": True}))
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-1].choices == [] and chunks[-1].usage == whole.usage
    assert all(chunk.usage is None for chunk in chunks[:-1])
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1])
    assert text == whole.choices[0].message.content, (text, whole)
    assert chunks[-2].choices[0].finish_reason == whole.choices[0].finish_reason
    assert len({chunk.id for chunk in chunks}) == 1
    with client.chat.completions.stream(model=MODEL, messages=USER, max_tokens=24, temperature=0) as stream:
        stream.until_done()
        assert stream.get_final_completion().choices[0].message.content == text


def several_and_seeds():
    contents = lambda answer: [choice.message.content for choice in answer.choices]
    first = chat(n=4, seed=11, max_tokens=24)
    assert [choice.index for choice in first.choices] == [0, 1, 2, 3]
    assert contents(first) == contents(chat(n=4, seed=11, max_tokens=24))
    assert contents(chat(seed=12, max_tokens=24))[0] == contents(first)[1]
    many = lambda: contents(chat(n=8, max_tokens=24, temperature=1.5))
    assert many() != many()
    one = chat(n=1, max_tokens=24, seed=11)
    assert first.usage.prompt_tokens == one.usage.prompt_tokens


def logprobs():
    answer = chat(logprobs=True, top_logprobs=4, seed=3)
    content = answer.choices[0].logprobs.content
    assert bytes(byte for token in content for byte in token.bytes).decode(errors="replace") == answer.choices[0].message.content
    for token in content:
        assert len(token.top_logprobs) == 4 and token.logprob <= 0
        assert all(a.logprob >= b.logprob for a, b in zip(token.top_logprobs, token.top_logprobs[1:]))
    legacy = complete("The opposite of good is", logprobs=3, max_tokens=8).choices[0]
    told = legacy.logprobs
    assert len(told.tokens) == len(told.token_logprobs) == len(told.top_logprobs) == len(told.text_offset)
    assert told.text_offset[0] == 0 and "".join(told.tokens) == legacy.text, legacy
    assert all(3 <= len(top) <= 4 and token in top for token, top in zip(told.tokens, told.top_logprobs))


def stop_texts():
    extra = {"ignore_eos": True}
    text = complete("abc", max_tokens=48, extra_body=extra).choices[0].text
    assert len(text) > 12, text
    stop = text[6:9]
    expected = text[: text.index(stop)]
    for given in (stop, [stop, "\x00never"]):
        whole = complete("abc", max_tokens=48, stop=given, extra_body=extra).choices[0]
        assert (whole.text, whole.finish_reason) == (expected, "stop"), whole
        streamed = ""
        for chunk in complete("abc", max_tokens=48, stop=given, stream=True, extra_body=extra):
            streamed += chunk.choices[0].text
            assert expected.startswith(streamed), (streamed, expected)
        assert streamed == expected


class City(BaseModel):
    name: str
    large: bool


def forms():
    answer = chat(response_format={"type": "json_object"}, max_tokens=200, seed=1)
    if answer.choices[0].finish_reason == "stop":
        assert isinstance(json.loads(answer.choices[0].message.content), dict)
    assert answer.choices[0].message.content.startswith("{")
    schema = {"type": "object", "properties": {"sign": {"enum": ["plus", "minus"]}, "ok": {"type": "boolean"}},
              "required": ["sign", "ok"], "additionalProperties": False}
    form = {"type": "json_schema", "json_schema": {"name": "sign", "strict": True, "schema": schema}}
    for seed in range(3):
        read = json.loads(chat(response_format=form, max_tokens=250, seed=seed).choices[0].message.content)
        assert set(read) == {"sign", "ok"} and read["sign"] in ("plus", "minus"), read
    streamed = chat(response_format=form, max_tokens=250, seed=0, stream=True)
    assert json.loads("".join(chunk.choices[0].delta.content or "" for chunk in streamed))
    try:
        parsed = client.chat.completions.parse(model=MODEL, messages=USER, response_format=City, max_tokens=300, temperature=0)
        assert isinstance(parsed.choices[0].message.parsed, City), parsed
    except openai.LengthFinishReasonError:
        print("  (the model's name of a city did not end)")
    form["json_schema"]["schema"] = {"type": "nonsense"}
    refused(openai.BadRequestError, 400, "response_format", lambda: chat(response_format=form))


def biases_and_bounds():
    only = complete([[65], [66]], logit_bias={"65": 100}, max_tokens=4)
    assert len(only.choices) == 2 and all(len(set(choice.text)) == 1 for choice in only.choices), only
    answer = chat(max_tokens=openai.omit, max_completion_tokens=5, extra_body={"ignore_eos": True})
    assert (answer.usage.completion_tokens, answer.choices[0].finish_reason) == (5, "length")
    assert chat(frequency_penalty=1.5, presence_penalty=1, top_p=0.9).choices
    assert complete("abc").usage.completion_tokens <= 16


def adapters():
    by_name = complete("> good\n= ", model=ADAPTER, max_tokens=12)
    on_the_fly = complete("> good\n= ", extra_body={"task": TASK}, max_tokens=12)
    base = complete("> good\n= ", max_tokens=12)
    assert by_name.model == ADAPTER and on_the_fly.model == MODEL
    assert by_name.choices[0].text == on_the_fly.choices[0].text != base.choices[0].text, (by_name, base)
    unscaled = complete("> good\n= ", model=ADAPTER, max_tokens=12, extra_body={"scale": 0})
    assert unscaled.choices[0].text == base.choices[0].text
    fresh = native("/generate", {"input": "good", "task": "put the word in capital letters, please", "max_tokens": 4})
    assert fresh["timings_ms"]["encode"] > 0 and fresh["timings_ms"]["generate"] > 0, fresh["timings_ms"]
    print(f"  good, backwards: {chat(model=ADAPTER, temperature=0).choices[0].message.content!r}")


def errors():
    bad, missing = openai.BadRequestError, openai.NotFoundError
    error = refused(missing, 404, "model", lambda: chat(model="nobody"))
    assert error.code == "model_not_found" and error.request_id, error
    refused(missing, 404, "model", lambda: list(chat(model="nobody", stream=True)))
    refused(bad, 400, "temperature", lambda: chat(temperature=11))
    refused(bad, 400, "n", lambda: chat(n=99))
    refused(bad, 400, "messages[0].content[0].type", lambda: chat(messages=[{"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": "data:,"}}]}]))
    refused(bad, 400, "tools", lambda: chat(tools=[{"type": "function", "function": {"name": "f"}}]))
    refused(bad, 400, "top_logprobs", lambda: chat(top_logprobs=2))
    refused(bad, 400, "top_logprobs", lambda: chat(logprobs=True, top_logprobs=21))
    refused(bad, 400, "max_completion_tokens", lambda: chat(max_completion_tokens=0, max_tokens=openai.omit))
    refused(bad, 400, "nonsense", lambda: chat(extra_body={"nonsense": 1}))
    refused(bad, 400, "model", lambda: chat(model=ADAPTER, extra_body={"task": TASK}))
    error = refused(bad, 400, "max_tokens", lambda: chat(max_tokens=100_000))
    assert error.code == "context_length_exceeded"
    refused(missing, 404, None, lambda: client.post("/nowhere", cast_to=object, body={}))
    refused(openai.InternalServerError, 504, None,
            lambda: complete("a", max_tokens=400, extra_body={"timeout_ms": 1, "ignore_eos": True}))

    def too_many():
        prompts = ["a"] * 8
        burst = openai.AsyncOpenAI(base_url=f"{URL}/v1", api_key="none", max_retries=0)

        async def all_of_them():
            ask = lambda: burst.completions.create(model=MODEL, prompt=prompts, n=16, max_tokens=64, timeout=120,
                                                   extra_body={"ignore_eos": True})
            answers = await asyncio.gather(*(ask() for _ in range(6)), return_exceptions=True)
            failed = [answer for answer in answers if isinstance(answer, Exception)]
            await burst.close()
            if failed:
                raise failed[0]

        asyncio.run(all_of_them())

    error = refused(openai.RateLimitError, 429, None, too_many)
    assert int(error.response.headers["retry-after"]) >= 1


def concurrent_streams():
    async def walk():
        async with openai.AsyncOpenAI(base_url=f"{URL}/v1", api_key="none", timeout=120) as one:
            async def text(model):
                stream = await one.chat.completions.create(model=model, messages=USER, temperature=0, max_tokens=16, stream=True)
                return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

            return await asyncio.gather(*(text(MODEL if i % 2 else ADAPTER) for i in range(20)))

    texts = asyncio.run(walk())
    expected = [chat(model=model, temperature=0).choices[0].message.content for model in (ADAPTER, MODEL)]
    assert texts == expected * 10, (texts, expected)


def running():
    engine = native("/info")["engine"]
    return engine["running"] + engine["queued"]


def cancelled_stream():
    wait_until_idle()
    stream = complete("abc", max_tokens=450, n=16, stream=True, extra_body={"ignore_eos": True})
    for _, chunk in zip(range(40), stream):
        assert chunk.choices is not None
    assert running() > 0, "the answers had ended before they could be cancelled"
    stream.close()
    started = time.monotonic()
    wait_until_idle()
    print(f"  16 rows were free {time.monotonic() - started:.2f} s after the client hung up")


def cancelled_whole():
    impatient = client.with_options(timeout=0.2)
    try:
        impatient.completions.create(model=MODEL, prompt=["abc"] * 4, max_tokens=450, n=16, extra_body={"ignore_eos": True})
        raise AssertionError("the answers had ended before the client lost its patience")
    except openai.APITimeoutError:
        started = time.monotonic()
        wait_until_idle()
        print(f"  64 rows were free {time.monotonic() - started:.2f} s after the client hung up")


def wait_until_idle():
    started = time.monotonic()
    while running() > 0:
        assert time.monotonic() - started < 60, "the engine did not come to rest"
        time.sleep(0.02)


for step in (models, chat_whole, chat_stream, several_and_seeds, logprobs, stop_texts, forms, biases_and_bounds,
             adapters, errors, concurrent_streams, cancelled_stream, cancelled_whole):
    began = time.monotonic()
    step()
    print(f"{step.__name__}: {time.monotonic() - began:.1f} s")
print(f"openai {openai.__version__}: all as its client expects")
