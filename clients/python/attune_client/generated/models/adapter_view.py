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

from ..models.adapter_kind import AdapterKind
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.adapter_links import AdapterLinks
    from ..models.confidence import Confidence


T = TypeVar("T", bound="AdapterView")


@_attrs_define
class AdapterView:
    """An adapter, as every route shows it.

    Attributes:
        alpha (float): lora_alpha
        base_model (str): The digest of its base.
        bytes_ (int): The size of its file.
        created_at (datetime.datetime): When the caller got it.
        digest (str): SHA-256 of its file, which is its `ETag`.
        id (str): Its id.
        kind (AdapterKind): Where an adapter comes from.
        links (AdapterLinks): Paths of an adapter.
        parameters (int): How many numbers it has.
        rank (int): r
        stale (bool): Whether it was made for another base than the one that is loaded.
        target_modules (list[str]): Names of the changed layers.
        confidence (Union['Confidence', None, Unset]):
        generator (Union[None, Unset, str]): The generator that wrote it.
        name (Union[None, Unset, str]): The caller's name for it.
        seed (Union[None, Unset, int]): The seed of a sampled one.
        task (Union[None, Unset, str]): The description.
    """

    alpha: float
    base_model: str
    bytes_: int
    created_at: datetime.datetime
    digest: str
    id: str
    kind: AdapterKind
    links: "AdapterLinks"
    parameters: int
    rank: int
    stale: bool
    target_modules: list[str]
    confidence: Union["Confidence", None, Unset] = UNSET
    generator: Union[None, Unset, str] = UNSET
    name: Union[None, Unset, str] = UNSET
    seed: Union[None, Unset, int] = UNSET
    task: Union[None, Unset, str] = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.confidence import Confidence

        alpha = self.alpha

        base_model = self.base_model

        bytes_ = self.bytes_

        created_at = self.created_at.isoformat()

        digest = self.digest

        id = self.id

        kind = self.kind.value

        links = self.links.to_dict()

        parameters = self.parameters

        rank = self.rank

        stale = self.stale

        target_modules = self.target_modules

        confidence: Union[None, Unset, dict[str, Any]]
        if isinstance(self.confidence, Unset):
            confidence = UNSET
        elif isinstance(self.confidence, Confidence):
            confidence = self.confidence.to_dict()
        else:
            confidence = self.confidence

        generator: Union[None, Unset, str]
        if isinstance(self.generator, Unset):
            generator = UNSET
        else:
            generator = self.generator

        name: Union[None, Unset, str]
        if isinstance(self.name, Unset):
            name = UNSET
        else:
            name = self.name

        seed: Union[None, Unset, int]
        if isinstance(self.seed, Unset):
            seed = UNSET
        else:
            seed = self.seed

        task: Union[None, Unset, str]
        if isinstance(self.task, Unset):
            task = UNSET
        else:
            task = self.task

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "alpha": alpha,
                "base_model": base_model,
                "bytes": bytes_,
                "created_at": created_at,
                "digest": digest,
                "id": id,
                "kind": kind,
                "links": links,
                "parameters": parameters,
                "rank": rank,
                "stale": stale,
                "target_modules": target_modules,
            }
        )
        if confidence is not UNSET:
            field_dict["confidence"] = confidence
        if generator is not UNSET:
            field_dict["generator"] = generator
        if name is not UNSET:
            field_dict["name"] = name
        if seed is not UNSET:
            field_dict["seed"] = seed
        if task is not UNSET:
            field_dict["task"] = task

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.adapter_links import AdapterLinks
        from ..models.confidence import Confidence

        d = dict(src_dict)
        alpha = d.pop("alpha")

        base_model = d.pop("base_model")

        bytes_ = d.pop("bytes")

        created_at = isoparse(d.pop("created_at"))

        digest = d.pop("digest")

        id = d.pop("id")

        kind = AdapterKind(d.pop("kind"))

        links = AdapterLinks.from_dict(d.pop("links"))

        parameters = d.pop("parameters")

        rank = d.pop("rank")

        stale = d.pop("stale")

        target_modules = cast(list[str], d.pop("target_modules"))

        def _parse_confidence(data: object) -> Union["Confidence", None, Unset]:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                confidence_type_0 = Confidence.from_dict(data)

                return confidence_type_0
            except:  # noqa: E722
                pass
            return cast(Union["Confidence", None, Unset], data)

        confidence = _parse_confidence(d.pop("confidence", UNSET))

        def _parse_generator(data: object) -> Union[None, Unset, str]:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(Union[None, Unset, str], data)

        generator = _parse_generator(d.pop("generator", UNSET))

        def _parse_name(data: object) -> Union[None, Unset, str]:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(Union[None, Unset, str], data)

        name = _parse_name(d.pop("name", UNSET))

        def _parse_seed(data: object) -> Union[None, Unset, int]:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(Union[None, Unset, int], data)

        seed = _parse_seed(d.pop("seed", UNSET))

        def _parse_task(data: object) -> Union[None, Unset, str]:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(Union[None, Unset, str], data)

        task = _parse_task(d.pop("task", UNSET))

        adapter_view = cls(
            alpha=alpha,
            base_model=base_model,
            bytes_=bytes_,
            created_at=created_at,
            digest=digest,
            id=id,
            kind=kind,
            links=links,
            parameters=parameters,
            rank=rank,
            stale=stale,
            target_modules=target_modules,
            confidence=confidence,
            generator=generator,
            name=name,
            seed=seed,
            task=task,
        )

        adapter_view.additional_properties = d
        return adapter_view

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
