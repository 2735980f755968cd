import datetime
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
from dateutil.parser import isoparse

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.generator_view_evaluation_type_0 import GeneratorViewEvaluationType0


T = TypeVar("T", bound="GeneratorView")


@_attrs_define
class GeneratorView:
    """A generator version.

    Attributes:
        active (bool): Whether it serves.
        arch (str): Its architecture.
        base_model (str): The digest of its base.
        bytes_ (int): The size of its file.
        created_at (datetime.datetime): When it was made.
        id (str): Its id.
        stale (bool): Whether it was made for another base than the one that is loaded.
        evaluation (Union['GeneratorViewEvaluationType0', None, Unset]): What was measured before it could be promoted.
        parent (Union[None, Unset, str]): The generator that it grew from.
    """

    active: bool
    arch: str
    base_model: str
    bytes_: int
    created_at: datetime.datetime
    id: str
    stale: bool
    evaluation: Union["GeneratorViewEvaluationType0", None, Unset] = UNSET
    parent: Union[None, Unset, str] = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.generator_view_evaluation_type_0 import (
            GeneratorViewEvaluationType0,
        )

        active = self.active

        arch = self.arch

        base_model = self.base_model

        bytes_ = self.bytes_

        created_at = self.created_at.isoformat()

        id = self.id

        stale = self.stale

        evaluation: Union[None, Unset, dict[str, Any]]
        if isinstance(self.evaluation, Unset):
            evaluation = UNSET
        elif isinstance(self.evaluation, GeneratorViewEvaluationType0):
            evaluation = self.evaluation.to_dict()
        else:
            evaluation = self.evaluation

        parent: Union[None, Unset, str]
        if isinstance(self.parent, Unset):
            parent = UNSET
        else:
            parent = self.parent

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "active": active,
                "arch": arch,
                "base_model": base_model,
                "bytes": bytes_,
                "created_at": created_at,
                "id": id,
                "stale": stale,
            }
        )
        if evaluation is not UNSET:
            field_dict["evaluation"] = evaluation
        if parent is not UNSET:
            field_dict["parent"] = parent

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.generator_view_evaluation_type_0 import (
            GeneratorViewEvaluationType0,
        )

        d = dict(src_dict)
        active = d.pop("active")

        arch = d.pop("arch")

        base_model = d.pop("base_model")

        bytes_ = d.pop("bytes")

        created_at = isoparse(d.pop("created_at"))

        id = d.pop("id")

        stale = d.pop("stale")

        def _parse_evaluation(
            data: object,
        ) -> Union["GeneratorViewEvaluationType0", None, Unset]:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                evaluation_type_0 = GeneratorViewEvaluationType0.from_dict(data)

                return evaluation_type_0
            except:  # noqa: E722
                pass
            return cast(Union["GeneratorViewEvaluationType0", None, Unset], data)

        evaluation = _parse_evaluation(d.pop("evaluation", UNSET))

        def _parse_parent(data: object) -> Union[None, Unset, str]:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(Union[None, Unset, str], data)

        parent = _parse_parent(d.pop("parent", UNSET))

        generator_view = cls(
            active=active,
            arch=arch,
            base_model=base_model,
            bytes_=bytes_,
            created_at=created_at,
            id=id,
            stale=stale,
            evaluation=evaluation,
            parent=parent,
        )

        generator_view.additional_properties = d
        return generator_view

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
