from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define

T = TypeVar("T", bound="Refine")


@_attrs_define
class Refine:
    """Fine-tuning of a generated adapter on the examples of its request, or on the described base's own answers.

    Attributes:
        steps (int): Gradient steps, each on all examples; 0 for none. Example: 20.
    """

    steps: int

    def to_dict(self) -> dict[str, Any]:
        steps = self.steps

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "steps": steps,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        steps = d.pop("steps")

        refine = cls(
            steps=steps,
        )

        return refine
