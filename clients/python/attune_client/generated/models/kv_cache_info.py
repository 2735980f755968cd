from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="KvCacheInfo")


@_attrs_define
class KvCacheInfo:
    """The memory of keys and values: a text is admitted when there are blocks for all that it may come to hold.

    Attributes:
        block_tokens (int): Tokens of a block.
        blocks (int): All blocks.
        cached (int): Blocks that are kept for prompts that begin alike, until they are needed.
        used (int): Blocks that running texts hold.
    """

    block_tokens: int
    blocks: int
    cached: int
    used: int
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        block_tokens = self.block_tokens

        blocks = self.blocks

        cached = self.cached

        used = self.used

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "block_tokens": block_tokens,
                "blocks": blocks,
                "cached": cached,
                "used": used,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        block_tokens = d.pop("block_tokens")

        blocks = d.pop("blocks")

        cached = d.pop("cached")

        used = d.pop("used")

        kv_cache_info = cls(
            block_tokens=block_tokens,
            blocks=blocks,
            cached=cached,
            used=used,
        )

        kv_cache_info.additional_properties = d
        return kv_cache_info

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
