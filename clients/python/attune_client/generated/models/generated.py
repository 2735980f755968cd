from collections.abc import Mapping
from typing import (
    TYPE_CHECKING,
    Any,
    TypeVar,
    Union,
)

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.finish_reason import FinishReason
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.generate_timings import GenerateTimings
    from ..models.token import Token
    from ..models.usage import Usage
    from ..models.used_adapter import UsedAdapter


T = TypeVar("T", bound="Generated")


@_attrs_define
class Generated:
    """The answer to `POST /generate`.

    Attributes:
        adapter (UsedAdapter): Which adapter, and how.
        finish_reason (FinishReason): Why the answer ended.
        id (str): The completion's id.
        text (str): What was written.
        timings_ms (GenerateTimings): Milliseconds of a completion.
        usage (Usage): Tokens read and written.
        tokens (Union[Unset, list['Token']]): The tokens, where `logprobs` asked for them.
    """

    adapter: "UsedAdapter"
    finish_reason: FinishReason
    id: str
    text: str
    timings_ms: "GenerateTimings"
    usage: "Usage"
    tokens: Union[Unset, list["Token"]] = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        adapter = self.adapter.to_dict()

        finish_reason = self.finish_reason.value

        id = self.id

        text = self.text

        timings_ms = self.timings_ms.to_dict()

        usage = self.usage.to_dict()

        tokens: Union[Unset, list[dict[str, Any]]] = UNSET
        if not isinstance(self.tokens, Unset):
            tokens = []
            for tokens_item_data in self.tokens:
                tokens_item = tokens_item_data.to_dict()
                tokens.append(tokens_item)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "adapter": adapter,
                "finish_reason": finish_reason,
                "id": id,
                "text": text,
                "timings_ms": timings_ms,
                "usage": usage,
            }
        )
        if tokens is not UNSET:
            field_dict["tokens"] = tokens

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.generate_timings import GenerateTimings
        from ..models.token import Token
        from ..models.usage import Usage
        from ..models.used_adapter import UsedAdapter

        d = dict(src_dict)
        adapter = UsedAdapter.from_dict(d.pop("adapter"))

        finish_reason = FinishReason(d.pop("finish_reason"))

        id = d.pop("id")

        text = d.pop("text")

        timings_ms = GenerateTimings.from_dict(d.pop("timings_ms"))

        usage = Usage.from_dict(d.pop("usage"))

        tokens = []
        _tokens = d.pop("tokens", UNSET)
        for tokens_item_data in _tokens or []:
            tokens_item = Token.from_dict(tokens_item_data)

            tokens.append(tokens_item)

        generated = cls(
            adapter=adapter,
            finish_reason=finish_reason,
            id=id,
            text=text,
            timings_ms=timings_ms,
            usage=usage,
            tokens=tokens,
        )

        generated.additional_properties = d
        return generated

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
