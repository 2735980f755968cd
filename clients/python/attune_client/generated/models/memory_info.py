from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="MemoryInfo")


@_attrs_define
class MemoryInfo:
    """What the base takes in memory.

    Attributes:
        cache_bytes_per_token (int): Bytes of the keys and values of one token of a running text.
        weight_bytes (int): Bytes of the weights.
    """

    cache_bytes_per_token: int
    weight_bytes: int
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        cache_bytes_per_token = self.cache_bytes_per_token

        weight_bytes = self.weight_bytes

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "cache_bytes_per_token": cache_bytes_per_token,
                "weight_bytes": weight_bytes,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        cache_bytes_per_token = d.pop("cache_bytes_per_token")

        weight_bytes = d.pop("weight_bytes")

        memory_info = cls(
            cache_bytes_per_token=cache_bytes_per_token,
            weight_bytes=weight_bytes,
        )

        memory_info.additional_properties = d
        return memory_info

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
