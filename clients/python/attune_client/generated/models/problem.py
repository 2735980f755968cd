from collections.abc import Mapping
from typing import (
    TYPE_CHECKING,
    Any,
    TypeVar,
    Union,
)

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.invalid_param import InvalidParam
    from ..models.nearest_task import NearestTask


T = TypeVar("T", bound="Problem")


@_attrs_define
class Problem:
    """A problem's JSON.

    Attributes:
        detail (str): This problem in words.
        instance (str): The request's id, as in the header `x-request-id`.
        status (int): The status of the answer. Example: 404.
        title (str): The kind in words.
        type_ (str): A stable reference to the kind of problem. Example: /problems/not_found.
        invalid_params (Union[Unset, list['InvalidParam']]): The fields that are wrong, where the problem lies in
            fields.
        nearest_tasks (Union[Unset, list['NearestTask']]): Of an unknown task: the nearest training tasks, nearest
            first.
        score (Union[Unset, float]): Of an unknown task: the confidence's score.
        trace_id (Union[Unset, str]): The trace that the request belongs to, where there is one. Example:
            4bf92f3577b34da6a3ce929d0e0e4736.
    """

    detail: str
    instance: str
    status: int
    title: str
    type_: str
    invalid_params: Union[Unset, list["InvalidParam"]] = UNSET
    nearest_tasks: Union[Unset, list["NearestTask"]] = UNSET
    score: Union[Unset, float] = UNSET
    trace_id: Union[Unset, str] = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        detail = self.detail

        instance = self.instance

        status = self.status

        title = self.title

        type_ = self.type_

        invalid_params: Union[Unset, list[dict[str, Any]]] = UNSET
        if not isinstance(self.invalid_params, Unset):
            invalid_params = []
            for invalid_params_item_data in self.invalid_params:
                invalid_params_item = invalid_params_item_data.to_dict()
                invalid_params.append(invalid_params_item)

        nearest_tasks: Union[Unset, list[dict[str, Any]]] = UNSET
        if not isinstance(self.nearest_tasks, Unset):
            nearest_tasks = []
            for nearest_tasks_item_data in self.nearest_tasks:
                nearest_tasks_item = nearest_tasks_item_data.to_dict()
                nearest_tasks.append(nearest_tasks_item)

        score = self.score

        trace_id = self.trace_id

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "detail": detail,
                "instance": instance,
                "status": status,
                "title": title,
                "type": type_,
            }
        )
        if invalid_params is not UNSET:
            field_dict["invalid_params"] = invalid_params
        if nearest_tasks is not UNSET:
            field_dict["nearest_tasks"] = nearest_tasks
        if score is not UNSET:
            field_dict["score"] = score
        if trace_id is not UNSET:
            field_dict["trace_id"] = trace_id

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.invalid_param import InvalidParam
        from ..models.nearest_task import NearestTask

        d = dict(src_dict)
        detail = d.pop("detail")

        instance = d.pop("instance")

        status = d.pop("status")

        title = d.pop("title")

        type_ = d.pop("type")

        invalid_params = []
        _invalid_params = d.pop("invalid_params", UNSET)
        for invalid_params_item_data in _invalid_params or []:
            invalid_params_item = InvalidParam.from_dict(invalid_params_item_data)

            invalid_params.append(invalid_params_item)

        nearest_tasks = []
        _nearest_tasks = d.pop("nearest_tasks", UNSET)
        for nearest_tasks_item_data in _nearest_tasks or []:
            nearest_tasks_item = NearestTask.from_dict(nearest_tasks_item_data)

            nearest_tasks.append(nearest_tasks_item)

        score = d.pop("score", UNSET)

        trace_id = d.pop("trace_id", UNSET)

        problem = cls(
            detail=detail,
            instance=instance,
            status=status,
            title=title,
            type_=type_,
            invalid_params=invalid_params,
            nearest_tasks=nearest_tasks,
            score=score,
            trace_id=trace_id,
        )

        problem.additional_properties = d
        return problem

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
