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

from ..models.answer import Answer
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.nearest_task import NearestTask


T = TypeVar("T", bound="Confidence")


@_attrs_define
class Confidence:
    """The generator's trust in an adapter.

    Attributes:
        applied (Answer): How an adapter's weights came about: the generator wrote them for the description; it wrote
            them, and they took some
            steps, asked for or not, towards the examples or the described base's own answers; or they are a mean of what it
            writes for the
            nearest training tasks.
        in_distribution (bool): Whether the score is at least one half.
        nearest_tasks (list['NearestTask']): The nearest training tasks, nearest first.
        score (float): From 0 to 1: the calibrated chance that the adapter does its task, with the steps that it took.
        agreement (Union[None, Unset, float]): How far the adapter, before any steps, answers as it should where it was
            tried, from 0 to 1: as the demonstrations say, or else as
            the base does that is told the description. Absent where it was not tried.
        position (Union[None, Unset, list[float]]): Where the description stands among the training tasks of `GET
            /generators/{id}/map`. Absent in adapters of older
            versions of attune.
    """

    applied: Answer
    in_distribution: bool
    nearest_tasks: list["NearestTask"]
    score: float
    agreement: Union[None, Unset, float] = UNSET
    position: Union[None, Unset, list[float]] = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        applied = self.applied.value

        in_distribution = self.in_distribution

        nearest_tasks = []
        for nearest_tasks_item_data in self.nearest_tasks:
            nearest_tasks_item = nearest_tasks_item_data.to_dict()
            nearest_tasks.append(nearest_tasks_item)

        score = self.score

        agreement: Union[None, Unset, float]
        if isinstance(self.agreement, Unset):
            agreement = UNSET
        else:
            agreement = self.agreement

        position: Union[None, Unset, list[float]]
        if isinstance(self.position, Unset):
            position = UNSET
        elif isinstance(self.position, list):
            position = self.position

        else:
            position = self.position

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "applied": applied,
                "in_distribution": in_distribution,
                "nearest_tasks": nearest_tasks,
                "score": score,
            }
        )
        if agreement is not UNSET:
            field_dict["agreement"] = agreement
        if position is not UNSET:
            field_dict["position"] = position

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.nearest_task import NearestTask

        d = dict(src_dict)
        applied = Answer(d.pop("applied"))

        in_distribution = d.pop("in_distribution")

        nearest_tasks = []
        _nearest_tasks = d.pop("nearest_tasks")
        for nearest_tasks_item_data in _nearest_tasks:
            nearest_tasks_item = NearestTask.from_dict(nearest_tasks_item_data)

            nearest_tasks.append(nearest_tasks_item)

        score = d.pop("score")

        def _parse_agreement(data: object) -> Union[None, Unset, float]:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(Union[None, Unset, float], data)

        agreement = _parse_agreement(d.pop("agreement", UNSET))

        def _parse_position(data: object) -> Union[None, Unset, list[float]]:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                position_type_0 = cast(list[float], data)

                return position_type_0
            except:  # noqa: E722
                pass
            return cast(Union[None, Unset, list[float]], data)

        position = _parse_position(d.pop("position", UNSET))

        confidence = cls(
            applied=applied,
            in_distribution=in_distribution,
            nearest_tasks=nearest_tasks,
            score=score,
            agreement=agreement,
            position=position,
        )

        confidence.additional_properties = d
        return confidence

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
