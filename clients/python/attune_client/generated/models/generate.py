from collections.abc import Mapping
from typing import (
    TYPE_CHECKING,
    Any,
    TypeVar,
    Union,
    cast,
)

from attrs import define as _attrs_define

from ..models.merge import Merge
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.generate_logit_bias_type_0 import GenerateLogitBiasType0
    from ..models.message import Message
    from ..models.response_format_type_0 import ResponseFormatType0
    from ..models.response_format_type_1 import ResponseFormatType1
    from ..models.response_format_type_2 import ResponseFormatType2


T = TypeVar("T", bound="Generate")


@_attrs_define
class Generate:
    """`POST /generate`: one of `input`, `prompt`, `messages`; `adapter` or `task` or neither.

    Attributes:
        adapter (Union[None, Unset, str]): An adapter's id or name.
        cache_prompt (Union[None, Unset, bool]): Whether the prompt may be read from, and kept in, the prefix cache;
            true where absent. Example: True.
        frequency_penalty (Union[None, Unset, float]): Above 0 makes a token less likely with each time that the answer
            has it. Example: 0.5.
        ignore_eos (Union[Unset, bool]): Whether the answer goes on to `max_tokens` whatever the model says: for
            benchmarks.
        input_ (Union[None, Unset, str]): Put before the model as the examples were in training.
        logit_bias (Union['GenerateLogitBiasType0', None, Unset]): Numbers from −100 to 100 that are added to the logits
            of tokens, by their ids. 100 all but forces a token, −100
            forbids it. Example: {'101': -100}.
        logprobs (Union[None, Unset, int]): How many of the likeliest tokens are told at each step, at most 20.
        max_tokens (Union[None, Unset, int]): The most tokens of the answer.
        merge (Union[Unset, Merge]): Whether the adapter is merged into the weights for the request.
        messages (Union[None, Unset, list['Message']]): A conversation, put through the base's chat template; where it
            has none, the last user message is the input.
        min_p (Union[None, Unset, float]): Only tokens so likely relative to the likeliest.
        presence_penalty (Union[None, Unset, float]): Above 0 makes a token less likely once the answer has it. Example:
            0.5.
        prompt (Union[None, Unset, list[int], str]):
        repetition_penalty (Union[None, Unset, float]): Above 1 makes what was said less likely.
        response_format (Union['ResponseFormatType0', 'ResponseFormatType1', 'ResponseFormatType2', None, Unset]):
        scale (Union[None, Unset, float]): The factor of the adapter's update.
        seed (Union[None, Unset, int]): The seed of the choice of tokens.
        stop (Union[Unset, list[str]]): A text, or texts, that end the answer.
        stream (Union[Unset, bool]): Whether the answer comes as server-sent events.
        task (Union[None, Unset, str]): A description: its adapter is made, or found, and applied.
        temperature (Union[None, Unset, float]): 0 takes the likeliest token.
        timeout_ms (Union[None, Unset, int]): The request's deadline in milliseconds from its arrival; an answer that is
            not finished then is given up. Example: 30000.
        top_k (Union[None, Unset, int]): Only so many of the likeliest tokens.
        top_p (Union[None, Unset, float]): Nucleus sampling.
    """

    adapter: Union[None, Unset, str] = UNSET
    cache_prompt: Union[None, Unset, bool] = UNSET
    frequency_penalty: Union[None, Unset, float] = UNSET
    ignore_eos: Union[Unset, bool] = UNSET
    input_: Union[None, Unset, str] = UNSET
    logit_bias: Union["GenerateLogitBiasType0", None, Unset] = UNSET
    logprobs: Union[None, Unset, int] = UNSET
    max_tokens: Union[None, Unset, int] = UNSET
    merge: Union[Unset, Merge] = UNSET
    messages: Union[None, Unset, list["Message"]] = UNSET
    min_p: Union[None, Unset, float] = UNSET
    presence_penalty: Union[None, Unset, float] = UNSET
    prompt: Union[None, Unset, list[int], str] = UNSET
    repetition_penalty: Union[None, Unset, float] = UNSET
    response_format: Union[
        "ResponseFormatType0", "ResponseFormatType1", "ResponseFormatType2", None, Unset
    ] = UNSET
    scale: Union[None, Unset, float] = UNSET
    seed: Union[None, Unset, int] = UNSET
    stop: Union[Unset, list[str]] = UNSET
    stream: Union[Unset, bool] = UNSET
    task: Union[None, Unset, str] = UNSET
    temperature: Union[None, Unset, float] = UNSET
    timeout_ms: Union[None, Unset, int] = UNSET
    top_k: Union[None, Unset, int] = UNSET
    top_p: Union[None, Unset, float] = UNSET

    def to_dict(self) -> dict[str, Any]:
        from ..models.generate_logit_bias_type_0 import GenerateLogitBiasType0
        from ..models.response_format_type_0 import ResponseFormatType0
        from ..models.response_format_type_1 import ResponseFormatType1
        from ..models.response_format_type_2 import ResponseFormatType2

        adapter: Union[None, Unset, str]
        if isinstance(self.adapter, Unset):
            adapter = UNSET
        else:
            adapter = self.adapter

        cache_prompt: Union[None, Unset, bool]
        if isinstance(self.cache_prompt, Unset):
            cache_prompt = UNSET
        else:
            cache_prompt = self.cache_prompt

        frequency_penalty: Union[None, Unset, float]
        if isinstance(self.frequency_penalty, Unset):
            frequency_penalty = UNSET
        else:
            frequency_penalty = self.frequency_penalty

        ignore_eos = self.ignore_eos

        input_: Union[None, Unset, str]
        if isinstance(self.input_, Unset):
            input_ = UNSET
        else:
            input_ = self.input_

        logit_bias: Union[None, Unset, dict[str, Any]]
        if isinstance(self.logit_bias, Unset):
            logit_bias = UNSET
        elif isinstance(self.logit_bias, GenerateLogitBiasType0):
            logit_bias = self.logit_bias.to_dict()
        else:
            logit_bias = self.logit_bias

        logprobs: Union[None, Unset, int]
        if isinstance(self.logprobs, Unset):
            logprobs = UNSET
        else:
            logprobs = self.logprobs

        max_tokens: Union[None, Unset, int]
        if isinstance(self.max_tokens, Unset):
            max_tokens = UNSET
        else:
            max_tokens = self.max_tokens

        merge: Union[Unset, str] = UNSET
        if not isinstance(self.merge, Unset):
            merge = self.merge.value

        messages: Union[None, Unset, list[dict[str, Any]]]
        if isinstance(self.messages, Unset):
            messages = UNSET
        elif isinstance(self.messages, list):
            messages = []
            for messages_type_0_item_data in self.messages:
                messages_type_0_item = messages_type_0_item_data.to_dict()
                messages.append(messages_type_0_item)

        else:
            messages = self.messages

        min_p: Union[None, Unset, float]
        if isinstance(self.min_p, Unset):
            min_p = UNSET
        else:
            min_p = self.min_p

        presence_penalty: Union[None, Unset, float]
        if isinstance(self.presence_penalty, Unset):
            presence_penalty = UNSET
        else:
            presence_penalty = self.presence_penalty

        prompt: Union[None, Unset, list[int], str]
        if isinstance(self.prompt, Unset):
            prompt = UNSET
        elif isinstance(self.prompt, list):
            prompt = self.prompt

        else:
            prompt = self.prompt

        repetition_penalty: Union[None, Unset, float]
        if isinstance(self.repetition_penalty, Unset):
            repetition_penalty = UNSET
        else:
            repetition_penalty = self.repetition_penalty

        response_format: Union[None, Unset, dict[str, Any]]
        if isinstance(self.response_format, Unset):
            response_format = UNSET
        elif isinstance(self.response_format, ResponseFormatType0):
            response_format = self.response_format.to_dict()
        elif isinstance(self.response_format, ResponseFormatType1):
            response_format = self.response_format.to_dict()
        elif isinstance(self.response_format, ResponseFormatType2):
            response_format = self.response_format.to_dict()
        else:
            response_format = self.response_format

        scale: Union[None, Unset, float]
        if isinstance(self.scale, Unset):
            scale = UNSET
        else:
            scale = self.scale

        seed: Union[None, Unset, int]
        if isinstance(self.seed, Unset):
            seed = UNSET
        else:
            seed = self.seed

        stop: Union[Unset, list[str]] = UNSET
        if not isinstance(self.stop, Unset):
            stop = self.stop

        stream = self.stream

        task: Union[None, Unset, str]
        if isinstance(self.task, Unset):
            task = UNSET
        else:
            task = self.task

        temperature: Union[None, Unset, float]
        if isinstance(self.temperature, Unset):
            temperature = UNSET
        else:
            temperature = self.temperature

        timeout_ms: Union[None, Unset, int]
        if isinstance(self.timeout_ms, Unset):
            timeout_ms = UNSET
        else:
            timeout_ms = self.timeout_ms

        top_k: Union[None, Unset, int]
        if isinstance(self.top_k, Unset):
            top_k = UNSET
        else:
            top_k = self.top_k

        top_p: Union[None, Unset, float]
        if isinstance(self.top_p, Unset):
            top_p = UNSET
        else:
            top_p = self.top_p

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if adapter is not UNSET:
            field_dict["adapter"] = adapter
        if cache_prompt is not UNSET:
            field_dict["cache_prompt"] = cache_prompt
        if frequency_penalty is not UNSET:
            field_dict["frequency_penalty"] = frequency_penalty
        if ignore_eos is not UNSET:
            field_dict["ignore_eos"] = ignore_eos
        if input_ is not UNSET:
            field_dict["input"] = input_
        if logit_bias is not UNSET:
            field_dict["logit_bias"] = logit_bias
        if logprobs is not UNSET:
            field_dict["logprobs"] = logprobs
        if max_tokens is not UNSET:
            field_dict["max_tokens"] = max_tokens
        if merge is not UNSET:
            field_dict["merge"] = merge
        if messages is not UNSET:
            field_dict["messages"] = messages
        if min_p is not UNSET:
            field_dict["min_p"] = min_p
        if presence_penalty is not UNSET:
            field_dict["presence_penalty"] = presence_penalty
        if prompt is not UNSET:
            field_dict["prompt"] = prompt
        if repetition_penalty is not UNSET:
            field_dict["repetition_penalty"] = repetition_penalty
        if response_format is not UNSET:
            field_dict["response_format"] = response_format
        if scale is not UNSET:
            field_dict["scale"] = scale
        if seed is not UNSET:
            field_dict["seed"] = seed
        if stop is not UNSET:
            field_dict["stop"] = stop
        if stream is not UNSET:
            field_dict["stream"] = stream
        if task is not UNSET:
            field_dict["task"] = task
        if temperature is not UNSET:
            field_dict["temperature"] = temperature
        if timeout_ms is not UNSET:
            field_dict["timeout_ms"] = timeout_ms
        if top_k is not UNSET:
            field_dict["top_k"] = top_k
        if top_p is not UNSET:
            field_dict["top_p"] = top_p

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.generate_logit_bias_type_0 import GenerateLogitBiasType0
        from ..models.message import Message
        from ..models.response_format_type_0 import ResponseFormatType0
        from ..models.response_format_type_1 import ResponseFormatType1
        from ..models.response_format_type_2 import ResponseFormatType2

        d = dict(src_dict)

        def _parse_adapter(data: object) -> Union[None, Unset, str]:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(Union[None, Unset, str], data)

        adapter = _parse_adapter(d.pop("adapter", UNSET))

        def _parse_cache_prompt(data: object) -> Union[None, Unset, bool]:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(Union[None, Unset, bool], data)

        cache_prompt = _parse_cache_prompt(d.pop("cache_prompt", UNSET))

        def _parse_frequency_penalty(data: object) -> Union[None, Unset, float]:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(Union[None, Unset, float], data)

        frequency_penalty = _parse_frequency_penalty(d.pop("frequency_penalty", UNSET))

        ignore_eos = d.pop("ignore_eos", UNSET)

        def _parse_input_(data: object) -> Union[None, Unset, str]:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(Union[None, Unset, str], data)

        input_ = _parse_input_(d.pop("input", UNSET))

        def _parse_logit_bias(
            data: object,
        ) -> Union["GenerateLogitBiasType0", None, Unset]:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                logit_bias_type_0 = GenerateLogitBiasType0.from_dict(data)

                return logit_bias_type_0
            except:  # noqa: E722
                pass
            return cast(Union["GenerateLogitBiasType0", None, Unset], data)

        logit_bias = _parse_logit_bias(d.pop("logit_bias", UNSET))

        def _parse_logprobs(data: object) -> Union[None, Unset, int]:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(Union[None, Unset, int], data)

        logprobs = _parse_logprobs(d.pop("logprobs", UNSET))

        def _parse_max_tokens(data: object) -> Union[None, Unset, int]:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(Union[None, Unset, int], data)

        max_tokens = _parse_max_tokens(d.pop("max_tokens", UNSET))

        _merge = d.pop("merge", UNSET)
        merge: Union[Unset, Merge]
        if isinstance(_merge, Unset):
            merge = UNSET
        else:
            merge = Merge(_merge)

        def _parse_messages(data: object) -> Union[None, Unset, list["Message"]]:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                messages_type_0 = []
                _messages_type_0 = data
                for messages_type_0_item_data in _messages_type_0:
                    messages_type_0_item = Message.from_dict(messages_type_0_item_data)

                    messages_type_0.append(messages_type_0_item)

                return messages_type_0
            except:  # noqa: E722
                pass
            return cast(Union[None, Unset, list["Message"]], data)

        messages = _parse_messages(d.pop("messages", UNSET))

        def _parse_min_p(data: object) -> Union[None, Unset, float]:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(Union[None, Unset, float], data)

        min_p = _parse_min_p(d.pop("min_p", UNSET))

        def _parse_presence_penalty(data: object) -> Union[None, Unset, float]:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(Union[None, Unset, float], data)

        presence_penalty = _parse_presence_penalty(d.pop("presence_penalty", UNSET))

        def _parse_prompt(data: object) -> Union[None, Unset, list[int], str]:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                componentsschemas_prompt_type_1 = cast(list[int], data)

                return componentsschemas_prompt_type_1
            except:  # noqa: E722
                pass
            return cast(Union[None, Unset, list[int], str], data)

        prompt = _parse_prompt(d.pop("prompt", UNSET))

        def _parse_repetition_penalty(data: object) -> Union[None, Unset, float]:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(Union[None, Unset, float], data)

        repetition_penalty = _parse_repetition_penalty(
            d.pop("repetition_penalty", UNSET)
        )

        def _parse_response_format(
            data: object,
        ) -> Union[
            "ResponseFormatType0",
            "ResponseFormatType1",
            "ResponseFormatType2",
            None,
            Unset,
        ]:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                componentsschemas_response_format_type_0 = (
                    ResponseFormatType0.from_dict(data)
                )

                return componentsschemas_response_format_type_0
            except:  # noqa: E722
                pass
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                componentsschemas_response_format_type_1 = (
                    ResponseFormatType1.from_dict(data)
                )

                return componentsschemas_response_format_type_1
            except:  # noqa: E722
                pass
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                componentsschemas_response_format_type_2 = (
                    ResponseFormatType2.from_dict(data)
                )

                return componentsschemas_response_format_type_2
            except:  # noqa: E722
                pass
            return cast(
                Union[
                    "ResponseFormatType0",
                    "ResponseFormatType1",
                    "ResponseFormatType2",
                    None,
                    Unset,
                ],
                data,
            )

        response_format = _parse_response_format(d.pop("response_format", UNSET))

        def _parse_scale(data: object) -> Union[None, Unset, float]:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(Union[None, Unset, float], data)

        scale = _parse_scale(d.pop("scale", UNSET))

        def _parse_seed(data: object) -> Union[None, Unset, int]:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(Union[None, Unset, int], data)

        seed = _parse_seed(d.pop("seed", UNSET))

        stop = cast(list[str], d.pop("stop", UNSET))

        stream = d.pop("stream", UNSET)

        def _parse_task(data: object) -> Union[None, Unset, str]:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(Union[None, Unset, str], data)

        task = _parse_task(d.pop("task", UNSET))

        def _parse_temperature(data: object) -> Union[None, Unset, float]:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(Union[None, Unset, float], data)

        temperature = _parse_temperature(d.pop("temperature", UNSET))

        def _parse_timeout_ms(data: object) -> Union[None, Unset, int]:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(Union[None, Unset, int], data)

        timeout_ms = _parse_timeout_ms(d.pop("timeout_ms", UNSET))

        def _parse_top_k(data: object) -> Union[None, Unset, int]:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(Union[None, Unset, int], data)

        top_k = _parse_top_k(d.pop("top_k", UNSET))

        def _parse_top_p(data: object) -> Union[None, Unset, float]:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(Union[None, Unset, float], data)

        top_p = _parse_top_p(d.pop("top_p", UNSET))

        generate = cls(
            adapter=adapter,
            cache_prompt=cache_prompt,
            frequency_penalty=frequency_penalty,
            ignore_eos=ignore_eos,
            input_=input_,
            logit_bias=logit_bias,
            logprobs=logprobs,
            max_tokens=max_tokens,
            merge=merge,
            messages=messages,
            min_p=min_p,
            presence_penalty=presence_penalty,
            prompt=prompt,
            repetition_penalty=repetition_penalty,
            response_format=response_format,
            scale=scale,
            seed=seed,
            stop=stop,
            stream=stream,
            task=task,
            temperature=temperature,
            timeout_ms=timeout_ms,
            top_k=top_k,
            top_p=top_p,
        )

        return generate
