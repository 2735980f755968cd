from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="GenerateTimings")


@_attrs_define
class GenerateTimings:
    """Milliseconds of a completion.

    Attributes:
        adapter (float): Making or finding the adapter.
        decode (float): Writing.
        encode (float): The part of `adapter` that read the description; 0 where the adapter was not made now.
        generate (float): The part of `adapter` that wrote the weights; 0 where the adapter was not made now.
        prefill (float): Reading the prompt.
        queue (float): In the queue.
        total (float): All of it.
    """

    adapter: float
    decode: float
    encode: float
    generate: float
    prefill: float
    queue: float
    total: float
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        adapter = self.adapter

        decode = self.decode

        encode = self.encode

        generate = self.generate

        prefill = self.prefill

        queue = self.queue

        total = self.total

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "adapter": adapter,
                "decode": decode,
                "encode": encode,
                "generate": generate,
                "prefill": prefill,
                "queue": queue,
                "total": total,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        adapter = d.pop("adapter")

        decode = d.pop("decode")

        encode = d.pop("encode")

        generate = d.pop("generate")

        prefill = d.pop("prefill")

        queue = d.pop("queue")

        total = d.pop("total")

        generate_timings = cls(
            adapter=adapter,
            decode=decode,
            encode=encode,
            generate=generate,
            prefill=prefill,
            queue=queue,
            total=total,
        )

        generate_timings.additional_properties = d
        return generate_timings

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
