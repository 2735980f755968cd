from collections.abc import Mapping
from typing import (
    TYPE_CHECKING,
    Any,
    TypeVar,
)

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.token_logprob import TokenLogprob


T = TypeVar("T", bound="Token")


@_attrs_define
class Token:
    """One token of an answer.

    Attributes:
        id (int): Its id.
        logprob (float): Natural logarithm of its probability, before temperature and filters.
        text (str): Its text.
        top (list['TokenLogprob']): The likeliest ones, likeliest first.
    """

    id: int
    logprob: float
    text: str
    top: list["TokenLogprob"]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        logprob = self.logprob

        text = self.text

        top = []
        for top_item_data in self.top:
            top_item = top_item_data.to_dict()
            top.append(top_item)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "logprob": logprob,
                "text": text,
                "top": top,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.token_logprob import TokenLogprob

        d = dict(src_dict)
        id = d.pop("id")

        logprob = d.pop("logprob")

        text = d.pop("text")

        top = []
        _top = d.pop("top")
        for top_item_data in _top:
            top_item = TokenLogprob.from_dict(top_item_data)

            top.append(top_item)

        token = cls(
            id=id,
            logprob=logprob,
            text=text,
            top=top,
        )

        token.additional_properties = d
        return token

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
