from collections.abc import Mapping
from typing import (
    Any,
    TypeVar,
    Union,
    cast,
)

from attrs import define as _attrs_define

from ..types import UNSET, Unset

T = TypeVar("T", bound="PutTask")


@_attrs_define
class PutTask:
    """A task's wordings: one of the two fields.

    Attributes:
        description (Union[Unset, str]): The only wording.
        descriptions (Union[Unset, list[str]]): The wordings.
    """

    description: Union[Unset, str] = UNSET
    descriptions: Union[Unset, list[str]] = UNSET

    def to_dict(self) -> dict[str, Any]:
        description = self.description

        descriptions: Union[Unset, list[str]] = UNSET
        if not isinstance(self.descriptions, Unset):
            descriptions = self.descriptions

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if description is not UNSET:
            field_dict["description"] = description
        if descriptions is not UNSET:
            field_dict["descriptions"] = descriptions

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        description = d.pop("description", UNSET)

        descriptions = cast(list[str], d.pop("descriptions", UNSET))

        put_task = cls(
            description=description,
            descriptions=descriptions,
        )

        return put_task
