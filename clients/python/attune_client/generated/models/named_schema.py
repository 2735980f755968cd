from collections.abc import Mapping
from typing import (
    TYPE_CHECKING,
    Any,
    TypeVar,
    Union,
    cast,
)

from attrs import define as _attrs_define

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.named_schema_schema import NamedSchemaSchema


T = TypeVar("T", bound="NamedSchema")


@_attrs_define
class NamedSchema:
    """A JSON schema with its name. An answer always keeps to it.

    Attributes:
        schema (NamedSchemaSchema): The JSON schema.
        description (Union[None, Unset, str]): What it is for. The model does not see it.
        name (Union[None, Unset, str]): What it is called. Example: answer.
        strict (Union[None, Unset, bool]): Taken and without effect: every answer is strict.
    """

    schema: "NamedSchemaSchema"
    description: Union[None, Unset, str] = UNSET
    name: Union[None, Unset, str] = UNSET
    strict: Union[None, Unset, bool] = UNSET

    def to_dict(self) -> dict[str, Any]:
        schema = self.schema.to_dict()

        description: Union[None, Unset, str]
        if isinstance(self.description, Unset):
            description = UNSET
        else:
            description = self.description

        name: Union[None, Unset, str]
        if isinstance(self.name, Unset):
            name = UNSET
        else:
            name = self.name

        strict: Union[None, Unset, bool]
        if isinstance(self.strict, Unset):
            strict = UNSET
        else:
            strict = self.strict

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "schema": schema,
            }
        )
        if description is not UNSET:
            field_dict["description"] = description
        if name is not UNSET:
            field_dict["name"] = name
        if strict is not UNSET:
            field_dict["strict"] = strict

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.named_schema_schema import NamedSchemaSchema

        d = dict(src_dict)
        schema = NamedSchemaSchema.from_dict(d.pop("schema"))

        def _parse_description(data: object) -> Union[None, Unset, str]:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(Union[None, Unset, str], data)

        description = _parse_description(d.pop("description", UNSET))

        def _parse_name(data: object) -> Union[None, Unset, str]:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(Union[None, Unset, str], data)

        name = _parse_name(d.pop("name", UNSET))

        def _parse_strict(data: object) -> Union[None, Unset, bool]:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(Union[None, Unset, bool], data)

        strict = _parse_strict(d.pop("strict", UNSET))

        named_schema = cls(
            schema=schema,
            description=description,
            name=name,
            strict=strict,
        )

        return named_schema
