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

from ..models.job_state import JobState

if TYPE_CHECKING:
    from ..models.job_metrics import JobMetrics
    from ..models.job_result_type_0 import JobResultType0
    from ..models.progress import Progress


T = TypeVar("T", bound="Job")


@_attrs_define
class Job:
    """A job, as every route shows it.

    Attributes:
        attempt (int): How often a worker took it up.
        created_at (datetime.datetime): When it was queued.
        error (Union[None, str]): Why it, or its last attempt, failed.
        finished_at (Union[None, datetime.datetime]): When it ended.
        id (str): Its id.
        kind (str): `adapter` or `generator`.
        metrics (JobMetrics): The latest value of each metric.
        parent_id (Union[None, str]): The job that needs this one; null where nobody else does.
        priority (int): Of the jobs that wait, the one with the highest is taken first, of its equals the oldest.
        progress (Union['Progress', None]):
        result (Union['JobResultType0', None]): What it gave.
        started_at (Union[None, datetime.datetime]): When its first attempt began.
        state (JobState): Where a job stands. One that is `waiting` waits for the jobs that it needs.
        timeout_seconds (Union[None, int]): How long an attempt may take; null where the job has no limit of its own.
    """

    attempt: int
    created_at: datetime.datetime
    error: Union[None, str]
    finished_at: Union[None, datetime.datetime]
    id: str
    kind: str
    metrics: "JobMetrics"
    parent_id: Union[None, str]
    priority: int
    progress: Union["Progress", None]
    result: Union["JobResultType0", None]
    started_at: Union[None, datetime.datetime]
    state: JobState
    timeout_seconds: Union[None, int]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.job_result_type_0 import JobResultType0
        from ..models.progress import Progress

        attempt = self.attempt

        created_at = self.created_at.isoformat()

        error: Union[None, str]
        error = self.error

        finished_at: Union[None, str]
        if isinstance(self.finished_at, datetime.datetime):
            finished_at = self.finished_at.isoformat()
        else:
            finished_at = self.finished_at

        id = self.id

        kind = self.kind

        metrics = self.metrics.to_dict()

        parent_id: Union[None, str]
        parent_id = self.parent_id

        priority = self.priority

        progress: Union[None, dict[str, Any]]
        if isinstance(self.progress, Progress):
            progress = self.progress.to_dict()
        else:
            progress = self.progress

        result: Union[None, dict[str, Any]]
        if isinstance(self.result, JobResultType0):
            result = self.result.to_dict()
        else:
            result = self.result

        started_at: Union[None, str]
        if isinstance(self.started_at, datetime.datetime):
            started_at = self.started_at.isoformat()
        else:
            started_at = self.started_at

        state = self.state.value

        timeout_seconds: Union[None, int]
        timeout_seconds = self.timeout_seconds

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "attempt": attempt,
                "created_at": created_at,
                "error": error,
                "finished_at": finished_at,
                "id": id,
                "kind": kind,
                "metrics": metrics,
                "parent_id": parent_id,
                "priority": priority,
                "progress": progress,
                "result": result,
                "started_at": started_at,
                "state": state,
                "timeout_seconds": timeout_seconds,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.job_metrics import JobMetrics
        from ..models.job_result_type_0 import JobResultType0
        from ..models.progress import Progress

        d = dict(src_dict)
        attempt = d.pop("attempt")

        created_at = isoparse(d.pop("created_at"))

        def _parse_error(data: object) -> Union[None, str]:
            if data is None:
                return data
            return cast(Union[None, str], data)

        error = _parse_error(d.pop("error"))

        def _parse_finished_at(data: object) -> Union[None, datetime.datetime]:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                finished_at_type_0 = isoparse(data)

                return finished_at_type_0
            except:  # noqa: E722
                pass
            return cast(Union[None, datetime.datetime], data)

        finished_at = _parse_finished_at(d.pop("finished_at"))

        id = d.pop("id")

        kind = d.pop("kind")

        metrics = JobMetrics.from_dict(d.pop("metrics"))

        def _parse_parent_id(data: object) -> Union[None, str]:
            if data is None:
                return data
            return cast(Union[None, str], data)

        parent_id = _parse_parent_id(d.pop("parent_id"))

        priority = d.pop("priority")

        def _parse_progress(data: object) -> Union["Progress", None]:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                progress_type_0 = Progress.from_dict(data)

                return progress_type_0
            except:  # noqa: E722
                pass
            return cast(Union["Progress", None], data)

        progress = _parse_progress(d.pop("progress"))

        def _parse_result(data: object) -> Union["JobResultType0", None]:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                result_type_0 = JobResultType0.from_dict(data)

                return result_type_0
            except:  # noqa: E722
                pass
            return cast(Union["JobResultType0", None], data)

        result = _parse_result(d.pop("result"))

        def _parse_started_at(data: object) -> Union[None, datetime.datetime]:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                started_at_type_0 = isoparse(data)

                return started_at_type_0
            except:  # noqa: E722
                pass
            return cast(Union[None, datetime.datetime], data)

        started_at = _parse_started_at(d.pop("started_at"))

        state = JobState(d.pop("state"))

        def _parse_timeout_seconds(data: object) -> Union[None, int]:
            if data is None:
                return data
            return cast(Union[None, int], data)

        timeout_seconds = _parse_timeout_seconds(d.pop("timeout_seconds"))

        job = cls(
            attempt=attempt,
            created_at=created_at,
            error=error,
            finished_at=finished_at,
            id=id,
            kind=kind,
            metrics=metrics,
            parent_id=parent_id,
            priority=priority,
            progress=progress,
            result=result,
            started_at=started_at,
            state=state,
            timeout_seconds=timeout_seconds,
        )

        job.additional_properties = d
        return job

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
