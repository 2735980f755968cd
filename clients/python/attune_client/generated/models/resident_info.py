from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="ResidentInfo")


@_attrs_define
class ResidentInfo:
    """Adapters that are ready to run.

    Attributes:
        budget_bytes (int): What they may take.
        bytes_ (int): What they take.
        evictions (int): How many of those had to go again.
        leased (int): How many of them requests use.
        loads (int): How many were loaded since the start.
        resident (int): How many.
    """

    budget_bytes: int
    bytes_: int
    evictions: int
    leased: int
    loads: int
    resident: int
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        budget_bytes = self.budget_bytes

        bytes_ = self.bytes_

        evictions = self.evictions

        leased = self.leased

        loads = self.loads

        resident = self.resident

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "budget_bytes": budget_bytes,
                "bytes": bytes_,
                "evictions": evictions,
                "leased": leased,
                "loads": loads,
                "resident": resident,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        budget_bytes = d.pop("budget_bytes")

        bytes_ = d.pop("bytes")

        evictions = d.pop("evictions")

        leased = d.pop("leased")

        loads = d.pop("loads")

        resident = d.pop("resident")

        resident_info = cls(
            budget_bytes=budget_bytes,
            bytes_=bytes_,
            evictions=evictions,
            leased=leased,
            loads=loads,
            resident=resident,
        )

        resident_info.additional_properties = d
        return resident_info

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
