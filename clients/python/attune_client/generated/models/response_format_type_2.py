from collections.abc import Mapping
from typing import (
    TYPE_CHECKING,
    Any,
    TypeVar,
)

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.response_format_type_2_type import ResponseFormatType2Type

if TYPE_CHECKING:
    from ..models.named_schema import NamedSchema


T = TypeVar("T", bound="ResponseFormatType2")


@_attrs_define
class ResponseFormatType2:
    """JSON of a schema.

    Attributes:
        json_schema (NamedSchema): A JSON schema with its name. An answer always keeps to it.
        type_ (ResponseFormatType2Type):
    """

    json_schema: "NamedSchema"
    type_: ResponseFormatType2Type
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        json_schema = self.json_schema.to_dict()

        type_ = self.type_.value

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "json_schema": json_schema,
                "type": type_,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.named_schema import NamedSchema

        d = dict(src_dict)
        json_schema = NamedSchema.from_dict(d.pop("json_schema"))

        type_ = ResponseFormatType2Type(d.pop("type"))

        response_format_type_2 = cls(
            json_schema=json_schema,
            type_=type_,
        )

        response_format_type_2.additional_properties = d
        return response_format_type_2

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
