import datetime
from collections.abc import Mapping
from typing import (
    Any,
    TypeVar,
    cast,
)

from attrs import define as _attrs_define
from attrs import field as _attrs_field
from dateutil.parser import isoparse

T = TypeVar("T", bound="Task")


@_attrs_define
class Task:
    """A training task. Its examples are not shown.

    Attributes:
        created_at (datetime.datetime): When it was made.
        descriptions (list[str]): One or more wordings.
        example_count (int): How many examples it has.
        examples_digest (str): Digest of its examples.
        name (str): Its name.
        test_count (int): How many of them are marked `test`.
        train_count (int): How many of them are for training: all that are not marked `test`.
        updated_at (datetime.datetime): When it last changed.
        version (int): 1, and one more with every change.
    """

    created_at: datetime.datetime
    descriptions: list[str]
    example_count: int
    examples_digest: str
    name: str
    test_count: int
    train_count: int
    updated_at: datetime.datetime
    version: int
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        created_at = self.created_at.isoformat()

        descriptions = self.descriptions

        example_count = self.example_count

        examples_digest = self.examples_digest

        name = self.name

        test_count = self.test_count

        train_count = self.train_count

        updated_at = self.updated_at.isoformat()

        version = self.version

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "created_at": created_at,
                "descriptions": descriptions,
                "example_count": example_count,
                "examples_digest": examples_digest,
                "name": name,
                "test_count": test_count,
                "train_count": train_count,
                "updated_at": updated_at,
                "version": version,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        created_at = isoparse(d.pop("created_at"))

        descriptions = cast(list[str], d.pop("descriptions"))

        example_count = d.pop("example_count")

        examples_digest = d.pop("examples_digest")

        name = d.pop("name")

        test_count = d.pop("test_count")

        train_count = d.pop("train_count")

        updated_at = isoparse(d.pop("updated_at"))

        version = d.pop("version")

        task = cls(
            created_at=created_at,
            descriptions=descriptions,
            example_count=example_count,
            examples_digest=examples_digest,
            name=name,
            test_count=test_count,
            train_count=train_count,
            updated_at=updated_at,
            version=version,
        )

        task.additional_properties = d
        return task

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
