from collections.abc import Mapping
from typing import (
    Any,
    TypeVar,
    Union,
    cast,
)

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="VllmInfo")


@_attrs_define
class VllmInfo:
    """vLLM as the engine.

    Attributes:
        max_loras (int): Adapters that it has loaded at once.
        ready (bool): Whether it can be used.
        base_model (Union[None, Unset, str]): What it calls its base, which must be the one that is loaded here; none
            while it was not seen.
        reason (Union[None, Unset, str]): Why it cannot.
    """

    max_loras: int
    ready: bool
    base_model: Union[None, Unset, str] = UNSET
    reason: Union[None, Unset, str] = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        max_loras = self.max_loras

        ready = self.ready

        base_model: Union[None, Unset, str]
        if isinstance(self.base_model, Unset):
            base_model = UNSET
        else:
            base_model = self.base_model

        reason: Union[None, Unset, str]
        if isinstance(self.reason, Unset):
            reason = UNSET
        else:
            reason = self.reason

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "max_loras": max_loras,
                "ready": ready,
            }
        )
        if base_model is not UNSET:
            field_dict["base_model"] = base_model
        if reason is not UNSET:
            field_dict["reason"] = reason

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        max_loras = d.pop("max_loras")

        ready = d.pop("ready")

        def _parse_base_model(data: object) -> Union[None, Unset, str]:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(Union[None, Unset, str], data)

        base_model = _parse_base_model(d.pop("base_model", UNSET))

        def _parse_reason(data: object) -> Union[None, Unset, str]:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(Union[None, Unset, str], data)

        reason = _parse_reason(d.pop("reason", UNSET))

        vllm_info = cls(
            max_loras=max_loras,
            ready=ready,
            base_model=base_model,
            reason=reason,
        )

        vllm_info.additional_properties = d
        return vllm_info

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
