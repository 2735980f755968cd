from collections.abc import Mapping
from typing import (
    TYPE_CHECKING,
    Any,
    TypeVar,
)

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.mapped_task import MappedTask


T = TypeVar("T", bound="GeneratorMap")


@_attrs_define
class GeneratorMap:
    """`GET /generators/{id}/map`: what the generator was trained on, along the two directions in which its tasks' vectors
    differ most.

        Attributes:
            generator (str): The generator's id.
            tasks (list['MappedTask']): Its tasks, in the order in which it learned them.
    """

    generator: str
    tasks: list["MappedTask"]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        generator = self.generator

        tasks = []
        for tasks_item_data in self.tasks:
            tasks_item = tasks_item_data.to_dict()
            tasks.append(tasks_item)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "generator": generator,
                "tasks": tasks,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.mapped_task import MappedTask

        d = dict(src_dict)
        generator = d.pop("generator")

        tasks = []
        _tasks = d.pop("tasks")
        for tasks_item_data in _tasks:
            tasks_item = MappedTask.from_dict(tasks_item_data)

            tasks.append(tasks_item)

        generator_map = cls(
            generator=generator,
            tasks=tasks,
        )

        generator_map.additional_properties = d
        return generator_map

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
