from collections.abc import Mapping
from typing import (
    Any,
    TypeVar,
    Union,
    cast,
)

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.all_ import All
from ..models.arch import Arch
from ..models.init import Init
from ..models.stage import Stage
from ..models.train_generator_kind import TrainGeneratorKind
from ..types import UNSET, Unset

T = TypeVar("T", bound="TrainGenerator")


@_attrs_define
class TrainGenerator:
    """
    Attributes:
        tasks (Union[All, list[str]]): `all`, or the tasks' names.
        kind (TrainGeneratorKind):
        arch (Union[Unset, Arch]): A generator's architecture.
        gradient_checkpointing (Union[None, Unset, bool]): Whether layers are computed once more in the backward pass;
            where it is not said, if memory wants it.
        init (Union[Unset, Init]): What a generator begins from: the active one, which it grows from, or random weights.
        learning_rate (Union[None, Unset, float]): Peak learning rate.
        seed (Union[None, Unset, int]): Repeats a run; 0 where it is not said.
        stages (Union[Unset, list[Stage]]): The stages, in order. A generator that grows from the active one passes
            reconstruction over.
        steps (Union[None, Unset, int]): Optimiser steps of each stage.
        priority (Union[Unset, int]): Of the jobs that wait, the one with the highest is taken first, of its equals the
            oldest. Default: 0.
        timeout_seconds (Union[None, Unset, int]): How long an attempt may take before the job has failed; what the
            worker allows where it is not said.
    """

    tasks: Union[All, list[str]]
    kind: TrainGeneratorKind
    arch: Union[Unset, Arch] = UNSET
    gradient_checkpointing: Union[None, Unset, bool] = UNSET
    init: Union[Unset, Init] = UNSET
    learning_rate: Union[None, Unset, float] = UNSET
    seed: Union[None, Unset, int] = UNSET
    stages: Union[Unset, list[Stage]] = UNSET
    steps: Union[None, Unset, int] = UNSET
    priority: Union[Unset, int] = 0
    timeout_seconds: Union[None, Unset, int] = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        tasks: Union[list[str], str]
        if isinstance(self.tasks, All):
            tasks = self.tasks.value
        else:
            tasks = self.tasks

        kind = self.kind.value

        arch: Union[Unset, str] = UNSET
        if not isinstance(self.arch, Unset):
            arch = self.arch.value

        gradient_checkpointing: Union[None, Unset, bool]
        if isinstance(self.gradient_checkpointing, Unset):
            gradient_checkpointing = UNSET
        else:
            gradient_checkpointing = self.gradient_checkpointing

        init: Union[Unset, str] = UNSET
        if not isinstance(self.init, Unset):
            init = self.init.value

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

        stages: Union[Unset, list[str]] = UNSET
        if not isinstance(self.stages, Unset):
            stages = []
            for stages_item_data in self.stages:
                stages_item = stages_item_data.value
                stages.append(stages_item)

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
                "tasks": tasks,
                "kind": kind,
            }
        )
        if arch is not UNSET:
            field_dict["arch"] = arch
        if gradient_checkpointing is not UNSET:
            field_dict["gradient_checkpointing"] = gradient_checkpointing
        if init is not UNSET:
            field_dict["init"] = init
        if learning_rate is not UNSET:
            field_dict["learning_rate"] = learning_rate
        if seed is not UNSET:
            field_dict["seed"] = seed
        if stages is not UNSET:
            field_dict["stages"] = stages
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

        def _parse_tasks(data: object) -> Union[All, list[str]]:
            try:
                if not isinstance(data, str):
                    raise TypeError()
                componentsschemas_selection_type_0 = All(data)

                return componentsschemas_selection_type_0
            except:  # noqa: E722
                pass
            if not isinstance(data, list):
                raise TypeError()
            componentsschemas_selection_type_1 = cast(list[str], data)

            return componentsschemas_selection_type_1

        tasks = _parse_tasks(d.pop("tasks"))

        kind = TrainGeneratorKind(d.pop("kind"))

        _arch = d.pop("arch", UNSET)
        arch: Union[Unset, Arch]
        if isinstance(_arch, Unset):
            arch = UNSET
        else:
            arch = Arch(_arch)

        def _parse_gradient_checkpointing(data: object) -> Union[None, Unset, bool]:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(Union[None, Unset, bool], data)

        gradient_checkpointing = _parse_gradient_checkpointing(
            d.pop("gradient_checkpointing", UNSET)
        )

        _init = d.pop("init", UNSET)
        init: Union[Unset, Init]
        if isinstance(_init, Unset):
            init = UNSET
        else:
            init = Init(_init)

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

        stages = []
        _stages = d.pop("stages", UNSET)
        for stages_item_data in _stages or []:
            stages_item = Stage(stages_item_data)

            stages.append(stages_item)

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

        train_generator = cls(
            tasks=tasks,
            kind=kind,
            arch=arch,
            gradient_checkpointing=gradient_checkpointing,
            init=init,
            learning_rate=learning_rate,
            seed=seed,
            stages=stages,
            steps=steps,
            priority=priority,
            timeout_seconds=timeout_seconds,
        )

        train_generator.additional_properties = d
        return train_generator

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
