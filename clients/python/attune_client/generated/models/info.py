from collections.abc import Mapping
from typing import (
    TYPE_CHECKING,
    Any,
    TypeVar,
    Union,
    cast,
)

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.module import Module
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.engine_info import EngineInfo
    from ..models.limits import Limits
    from ..models.memory_info import MemoryInfo


T = TypeVar("T", bound="Info")


@_attrs_define
class Info:
    """`GET /info`

    Attributes:
        base_digest (str): The base's digest.
        base_family (str): Its family, as `model_type` names it.
        base_model (str): The base's name.
        base_parameters (int): The base's parameters.
        chat_template (bool): Whether it has a chat template, which `messages` and `input` go through.
        device (str): Where it runs: `cpu` or `cuda:N`.
        dtype (str): The precision of the arithmetic.
        engine (EngineInfo): The engine's load.
        limits (Limits): Limits of requests.
        memory (MemoryInfo): What the base takes in memory.
        target_modules (list[Module]): Modules that a generated adapter changes.
        version (str): attune's version.
        weights (str): How its weight matrices are kept: `f32`, `bf16`, `q8_0`, `q4k` …
        generator (Union[None, Unset, str]): The active generator's id.
    """

    base_digest: str
    base_family: str
    base_model: str
    base_parameters: int
    chat_template: bool
    device: str
    dtype: str
    engine: "EngineInfo"
    limits: "Limits"
    memory: "MemoryInfo"
    target_modules: list[Module]
    version: str
    weights: str
    generator: Union[None, Unset, str] = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        base_digest = self.base_digest

        base_family = self.base_family

        base_model = self.base_model

        base_parameters = self.base_parameters

        chat_template = self.chat_template

        device = self.device

        dtype = self.dtype

        engine = self.engine.to_dict()

        limits = self.limits.to_dict()

        memory = self.memory.to_dict()

        target_modules = []
        for target_modules_item_data in self.target_modules:
            target_modules_item = target_modules_item_data.value
            target_modules.append(target_modules_item)

        version = self.version

        weights = self.weights

        generator: Union[None, Unset, str]
        if isinstance(self.generator, Unset):
            generator = UNSET
        else:
            generator = self.generator

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "base_digest": base_digest,
                "base_family": base_family,
                "base_model": base_model,
                "base_parameters": base_parameters,
                "chat_template": chat_template,
                "device": device,
                "dtype": dtype,
                "engine": engine,
                "limits": limits,
                "memory": memory,
                "target_modules": target_modules,
                "version": version,
                "weights": weights,
            }
        )
        if generator is not UNSET:
            field_dict["generator"] = generator

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.engine_info import EngineInfo
        from ..models.limits import Limits
        from ..models.memory_info import MemoryInfo

        d = dict(src_dict)
        base_digest = d.pop("base_digest")

        base_family = d.pop("base_family")

        base_model = d.pop("base_model")

        base_parameters = d.pop("base_parameters")

        chat_template = d.pop("chat_template")

        device = d.pop("device")

        dtype = d.pop("dtype")

        engine = EngineInfo.from_dict(d.pop("engine"))

        limits = Limits.from_dict(d.pop("limits"))

        memory = MemoryInfo.from_dict(d.pop("memory"))

        target_modules = []
        _target_modules = d.pop("target_modules")
        for target_modules_item_data in _target_modules:
            target_modules_item = Module(target_modules_item_data)

            target_modules.append(target_modules_item)

        version = d.pop("version")

        weights = d.pop("weights")

        def _parse_generator(data: object) -> Union[None, Unset, str]:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(Union[None, Unset, str], data)

        generator = _parse_generator(d.pop("generator", UNSET))

        info = cls(
            base_digest=base_digest,
            base_family=base_family,
            base_model=base_model,
            base_parameters=base_parameters,
            chat_template=chat_template,
            device=device,
            dtype=dtype,
            engine=engine,
            limits=limits,
            memory=memory,
            target_modules=target_modules,
            version=version,
            weights=weights,
            generator=generator,
        )

        info.additional_properties = d
        return info

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
