from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="CreateTimings")


@_attrs_define
class CreateTimings:
    """Milliseconds of making an adapter; 0 where it was cached.

    Attributes:
        confidence (float): Trying the adapter for the confidence; 0 where its generator does not ask for that.
        encode (float): Reading the description.
        generate (float): Writing the weights.
        refine (float): Waiting for the turn to refine them, and refining them; 0 where `refine` was not asked for.
        total (float): All of it.
    """

    confidence: float
    encode: float
    generate: float
    refine: float
    total: float
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        confidence = self.confidence

        encode = self.encode

        generate = self.generate

        refine = self.refine

        total = self.total

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "confidence": confidence,
                "encode": encode,
                "generate": generate,
                "refine": refine,
                "total": total,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        confidence = d.pop("confidence")

        encode = d.pop("encode")

        generate = d.pop("generate")

        refine = d.pop("refine")

        total = d.pop("total")

        create_timings = cls(
            confidence=confidence,
            encode=encode,
            generate=generate,
            refine=refine,
            total=total,
        )

        create_timings.additional_properties = d
        return create_timings

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
