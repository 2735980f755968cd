from collections.abc import Mapping
from typing import (
    Any,
    TypeVar,
    Union,
    cast,
)

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.train_adapter_kind import TrainAdapterKind
from ..types import UNSET, Unset

T = TypeVar("T", bound="TrainAdapter")


@_attrs_define
class TrainAdapter:
    """
    Attributes:
        task (str): The registered task.
        kind (TrainAdapterKind):
        batch_tokens (Union[None, Unset, int]): Tokens that go through the base together.
        gradient_accumulation_steps (Union[None, Unset, int]): Batches whose gradients make one step.
        gradient_checkpointing (Union[None, Unset, bool]): Whether layers are computed once more in the backward pass;
            where it is not said, if memory wants it.
        learning_rate (Union[None, Unset, float]): Peak learning rate.
        seed (Union[None, Unset, int]): Repeats a run; 0 where it is not said.
        steps (Union[None, Unset, int]): Optimiser steps.
        priority (Union[Unset, int]): Of the jobs that wait, the one with the highest is taken first, of its equals the
            oldest. Default: 0.
        timeout_seconds (Union[None, Unset, int]): How long an attempt may take before the job has failed; what the
            worker allows where it is not said.
    """

    task: str
    kind: TrainAdapterKind
    batch_tokens: Union[None, Unset, int] = UNSET
    gradient_accumulation_steps: Union[None, Unset, int] = UNSET
    gradient_checkpointing: Union[None, Unset, bool] = UNSET
    learning_rate: Union[None, Unset, float] = UNSET
    seed: Union[None, Unset, int] = UNSET
    steps: Union[None, Unset, int] = UNSET
    priority: Union[Unset, int] = 0
    timeout_seconds: Union[None, Unset, int] = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        task = self.task

        kind = self.kind.value

        batch_tokens: Union[None, Unset, int]
        if isinstance(self.batch_tokens, Unset):
            batch_tokens = UNSET
        else:
            batch_tokens = self.batch_tokens

        gradient_accumulation_steps: Union[None, Unset, int]
        if isinstance(self.gradient_accumulation_steps, Unset):
            gradient_accumulation_steps = UNSET
        else:
            gradient_accumulation_steps = self.gradient_accumulation_steps

        gradient_checkpointing: Union[None, Unset, bool]
        if isinstance(self.gradient_checkpointing, Unset):
            gradient_checkpointing = UNSET
        else:
            gradient_checkpointing = self.gradient_checkpointing

        learning_rate: Union[None, Unset, float]
        if isinstance(self.learning_rate, Unset):
            learning_rate = UNSET
        else:
            learning_rate = self.learning_rate

        seed: Union[None, Unset, int]
        if isinstance(self.seed, Unset):
            seed = UNSET
        else:
            seed = self.seed

        steps: Union[None, Unset, int]
        if isinstance(self.steps, Unset):
            steps = UNSET
        else:
            steps = self.steps

        priority = self.priority

        timeout_seconds: Union[None, Unset, int]
        if isinstance(self.timeout_seconds, Unset):
            timeout_seconds = UNSET
        else:
            timeout_seconds = self.timeout_seconds

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "task": task,
                "kind": kind,
            }
        )
        if batch_tokens is not UNSET:
            field_dict["batch_tokens"] = batch_tokens
        if gradient_accumulation_steps is not UNSET:
            field_dict["gradient_accumulation_steps"] = gradient_accumulation_steps
        if gradient_checkpointing is not UNSET:
            field_dict["gradient_checkpointing"] = gradient_checkpointing
        if learning_rate is not UNSET:
            field_dict["learning_rate"] = learning_rate
        if seed is not UNSET:
            field_dict["seed"] = seed
        if steps is not UNSET:
            field_dict["steps"] = steps
        if priority is not UNSET:
            field_dict["priority"] = priority
        if timeout_seconds is not UNSET:
            field_dict["timeout_seconds"] = timeout_seconds

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        task = d.pop("task")

        kind = TrainAdapterKind(d.pop("kind"))

        def _parse_batch_tokens(data: object) -> Union[None, Unset, int]:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(Union[None, Unset, int], data)

        batch_tokens = _parse_batch_tokens(d.pop("batch_tokens", UNSET))

        def _parse_gradient_accumulation_steps(data: object) -> Union[None, Unset, int]:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(Union[None, Unset, int], data)

        gradient_accumulation_steps = _parse_gradient_accumulation_steps(
            d.pop("gradient_accumulation_steps", UNSET)
        )

        def _parse_gradient_checkpointing(data: object) -> Union[None, Unset, bool]:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(Union[None, Unset, bool], data)

        gradient_checkpointing = _parse_gradient_checkpointing(
            d.pop("gradient_checkpointing", UNSET)
        )

        def _parse_learning_rate(data: object) -> Union[None, Unset, float]:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(Union[None, Unset, float], data)

        learning_rate = _parse_learning_rate(d.pop("learning_rate", UNSET))

        def _parse_seed(data: object) -> Union[None, Unset, int]:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(Union[None, Unset, int], data)

        seed = _parse_seed(d.pop("seed", UNSET))

        def _parse_steps(data: object) -> Union[None, Unset, int]:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(Union[None, Unset, int], data)

        steps = _parse_steps(d.pop("steps", UNSET))

        priority = d.pop("priority", UNSET)

        def _parse_timeout_seconds(data: object) -> Union[None, Unset, int]:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(Union[None, Unset, int], data)

        timeout_seconds = _parse_timeout_seconds(d.pop("timeout_seconds", UNSET))

        train_adapter = cls(
            task=task,
            kind=kind,
            batch_tokens=batch_tokens,
            gradient_accumulation_steps=gradient_accumulation_steps,
            gradient_checkpointing=gradient_checkpointing,
            learning_rate=learning_rate,
            seed=seed,
            steps=steps,
            priority=priority,
            timeout_seconds=timeout_seconds,
        )

        train_adapter.additional_properties = d
        return train_adapter

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties
