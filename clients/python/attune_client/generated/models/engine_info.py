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

from ..models.engine_kind import EngineKind
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.kv_cache_info import KvCacheInfo
    from ..models.merge_info import MergeInfo
    from ..models.resident_info import ResidentInfo
    from ..models.vllm_info import VllmInfo


T = TypeVar("T", bound="EngineInfo")


@_attrs_define
class EngineInfo:
    """The engine's load.

    Attributes:
        adapters (ResidentInfo): Adapters that are ready to run.
        kind (EngineKind): Which engine answers completions.
        kv_cache (KvCacheInfo): The memory of keys and values: a text is admitted when there are blocks for all that it
            may come to hold.
        max_rows (int): Rows that may run at once.
        merge (MergeInfo): When `merge: auto` merges: as soon as one adapter has had the engine to itself for so many
            tokens.
        queued (int): Requests that wait.
        running (int): Rows that run.
        step_tokens (int): Tokens that one step reads.
        vllm (Union['VllmInfo', None, Unset]):
    """

    adapters: "ResidentInfo"
    kind: EngineKind
    kv_cache: "KvCacheInfo"
    max_rows: int
    merge: "MergeInfo"
    queued: int
    running: int
    step_tokens: int
    vllm: Union["VllmInfo", None, Unset] = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.vllm_info import VllmInfo

        adapters = self.adapters.to_dict()

        kind = self.kind.value

        kv_cache = self.kv_cache.to_dict()

        max_rows = self.max_rows

        merge = self.merge.to_dict()

        queued = self.queued

        running = self.running

        step_tokens = self.step_tokens

        vllm: Union[None, Unset, dict[str, Any]]
        if isinstance(self.vllm, Unset):
            vllm = UNSET
        elif isinstance(self.vllm, VllmInfo):
            vllm = self.vllm.to_dict()
        else:
            vllm = self.vllm

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "adapters": adapters,
                "kind": kind,
                "kv_cache": kv_cache,
                "max_rows": max_rows,
                "merge": merge,
                "queued": queued,
                "running": running,
                "step_tokens": step_tokens,
            }
        )
        if vllm is not UNSET:
            field_dict["vllm"] = vllm

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.kv_cache_info import KvCacheInfo
        from ..models.merge_info import MergeInfo
        from ..models.resident_info import ResidentInfo
        from ..models.vllm_info import VllmInfo

        d = dict(src_dict)
        adapters = ResidentInfo.from_dict(d.pop("adapters"))

        kind = EngineKind(d.pop("kind"))

        kv_cache = KvCacheInfo.from_dict(d.pop("kv_cache"))

        max_rows = d.pop("max_rows")

        merge = MergeInfo.from_dict(d.pop("merge"))

        queued = d.pop("queued")

        running = d.pop("running")

        step_tokens = d.pop("step_tokens")

        def _parse_vllm(data: object) -> Union["VllmInfo", None, Unset]:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                vllm_type_0 = VllmInfo.from_dict(data)

                return vllm_type_0
            except:  # noqa: E722
                pass
            return cast(Union["VllmInfo", None, Unset], data)

        vllm = _parse_vllm(d.pop("vllm", UNSET))

        engine_info = cls(
            adapters=adapters,
            kind=kind,
            kv_cache=kv_cache,
            max_rows=max_rows,
            merge=merge,
            queued=queued,
            running=running,
            step_tokens=step_tokens,
            vllm=vllm,
        )

        engine_info.additional_properties = d
        return engine_info

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
