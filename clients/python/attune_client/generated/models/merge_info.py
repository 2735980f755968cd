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

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.merge_info_measured_type_0 import MergeInfoMeasuredType0


T = TypeVar("T", bound="MergeInfo")


@_attrs_define
class MergeInfo:
    """When `merge: auto` merges: as soon as one adapter has had the engine to itself for so many tokens.

    Attributes:
        budget_bytes (int): Bytes that merged weights may take.
        break_even_tokens (Union[None, Unset, int]): Tokens after which merging has paid for itself here; none where
            nothing is merged unasked.
        measured (Union['MergeInfoMeasuredType0', None, Unset]): What was measured at the start.
        unavailable (Union[None, Unset, str]): Why nothing can be merged.
    """

    budget_bytes: int
    break_even_tokens: Union[None, Unset, int] = UNSET
    measured: Union["MergeInfoMeasuredType0", None, Unset] = UNSET
    unavailable: Union[None, Unset, str] = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.merge_info_measured_type_0 import MergeInfoMeasuredType0

        budget_bytes = self.budget_bytes

        break_even_tokens: Union[None, Unset, int]
        if isinstance(self.break_even_tokens, Unset):
            break_even_tokens = UNSET
        else:
            break_even_tokens = self.break_even_tokens

        measured: Union[None, Unset, dict[str, Any]]
        if isinstance(self.measured, Unset):
            measured = UNSET
        elif isinstance(self.measured, MergeInfoMeasuredType0):
            measured = self.measured.to_dict()
        else:
            measured = self.measured

        unavailable: Union[None, Unset, str]
        if isinstance(self.unavailable, Unset):
            unavailable = UNSET
        else:
            unavailable = self.unavailable

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "budget_bytes": budget_bytes,
            }
        )
        if break_even_tokens is not UNSET:
            field_dict["break_even_tokens"] = break_even_tokens
        if measured is not UNSET:
            field_dict["measured"] = measured
        if unavailable is not UNSET:
            field_dict["unavailable"] = unavailable

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.merge_info_measured_type_0 import MergeInfoMeasuredType0

        d = dict(src_dict)
        budget_bytes = d.pop("budget_bytes")

        def _parse_break_even_tokens(data: object) -> Union[None, Unset, int]:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(Union[None, Unset, int], data)

        break_even_tokens = _parse_break_even_tokens(d.pop("break_even_tokens", UNSET))

        def _parse_measured(
            data: object,
        ) -> Union["MergeInfoMeasuredType0", None, Unset]:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                measured_type_0 = MergeInfoMeasuredType0.from_dict(data)

                return measured_type_0
            except:  # noqa: E722
                pass
            return cast(Union["MergeInfoMeasuredType0", None, Unset], data)

        measured = _parse_measured(d.pop("measured", UNSET))

        def _parse_unavailable(data: object) -> Union[None, Unset, str]:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(Union[None, Unset, str], data)

        unavailable = _parse_unavailable(d.pop("unavailable", UNSET))

        merge_info = cls(
            budget_bytes=budget_bytes,
            break_even_tokens=break_even_tokens,
            measured=measured,
            unavailable=unavailable,
        )

        merge_info.additional_properties = d
        return merge_info

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
