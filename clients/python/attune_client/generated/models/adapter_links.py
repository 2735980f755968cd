from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="AdapterLinks")


@_attrs_define
class AdapterLinks:
    """Paths of an adapter.

    Attributes:
        config (str): `adapter_config.json`
        self_ (str): The adapter.
        weights (str): `adapter_model.safetensors`
    """

    config: str
    self_: str
    weights: str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        config = self.config

        self_ = self.self_

        weights = self.weights

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "config": config,
                "self": self_,
                "weights": weights,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        config = d.pop("config")

        self_ = d.pop("self")

        weights = d.pop("weights")

        adapter_links = cls(
            config=config,
            self_=self_,
            weights=weights,
        )

        adapter_links.additional_properties = d
        return adapter_links

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
