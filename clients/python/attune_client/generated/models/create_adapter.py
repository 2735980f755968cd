from collections.abc import Mapping
from typing import (
    TYPE_CHECKING,
    Any,
    TypeVar,
    Union,
    cast,
)

from attrs import define as _attrs_define

from ..models.on_unknown import OnUnknown
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.answered_example import AnsweredExample
    from ..models.refine import Refine
    from ..models.text_example import TextExample


T = TypeVar("T", bound="CreateAdapter")


@_attrs_define
class CreateAdapter:
    """`POST /adapters`

    Attributes:
        task (str): What the task does to its input, in words.
        examples (Union[Unset, list[Union['AnsweredExample', 'TextExample']]]): A few demonstrations.
        generator (Union[None, Unset, str]): A generator's id; the active one where absent.
        name (Union[None, Unset, str]): A name of one's own.
        on_unknown (Union[Unset, OnUnknown]): What is done with a description that is out of distribution.
        refine (Union['Refine', None, Unset]):
        replace (Union[Unset, bool]): Whether the name may be taken from another adapter.
        samples (Union[None, Unset, int]): Draws this many and keeps the one with the lowest cross-entropy on the
            examples. 1 is one alone: the mean, or what
            `seed` draws.
        seed (Union[None, Unset, int]): Samples z with this seed, and takes what is drawn; the prior's mean where
            absent.
    """

    task: str
    examples: Union[Unset, list[Union["AnsweredExample", "TextExample"]]] = UNSET
    generator: Union[None, Unset, str] = UNSET
    name: Union[None, Unset, str] = UNSET
    on_unknown: Union[Unset, OnUnknown] = UNSET
    refine: Union["Refine", None, Unset] = UNSET
    replace: Union[Unset, bool] = UNSET
    samples: Union[None, Unset, int] = UNSET
    seed: Union[None, Unset, int] = UNSET

    def to_dict(self) -> dict[str, Any]:
        from ..models.answered_example import AnsweredExample
        from ..models.refine import Refine

        task = self.task

        examples: Union[Unset, list[dict[str, Any]]] = UNSET
        if not isinstance(self.examples, Unset):
            examples = []
            for examples_item_data in self.examples:
                examples_item: dict[str, Any]
                if isinstance(examples_item_data, AnsweredExample):
                    examples_item = examples_item_data.to_dict()
                else:
                    examples_item = examples_item_data.to_dict()

                examples.append(examples_item)

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

        on_unknown: Union[Unset, str] = UNSET
        if not isinstance(self.on_unknown, Unset):
            on_unknown = self.on_unknown.value

        refine: Union[None, Unset, dict[str, Any]]
        if isinstance(self.refine, Unset):
            refine = UNSET
        elif isinstance(self.refine, Refine):
            refine = self.refine.to_dict()
        else:
            refine = self.refine

        replace = self.replace

        samples: Union[None, Unset, int]
        if isinstance(self.samples, Unset):
            samples = UNSET
        else:
            samples = self.samples

        seed: Union[None, Unset, int]
        if isinstance(self.seed, Unset):
            seed = UNSET
        else:
            seed = self.seed

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "task": task,
            }
        )
        if examples is not UNSET:
            field_dict["examples"] = examples
        if generator is not UNSET:
            field_dict["generator"] = generator
        if name is not UNSET:
            field_dict["name"] = name
        if on_unknown is not UNSET:
            field_dict["on_unknown"] = on_unknown
        if refine is not UNSET:
            field_dict["refine"] = refine
        if replace is not UNSET:
            field_dict["replace"] = replace
        if samples is not UNSET:
            field_dict["samples"] = samples
        if seed is not UNSET:
            field_dict["seed"] = seed

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.answered_example import AnsweredExample
        from ..models.refine import Refine
        from ..models.text_example import TextExample

        d = dict(src_dict)
        task = d.pop("task")

        examples = []
        _examples = d.pop("examples", UNSET)
        for examples_item_data in _examples or []:

            def _parse_examples_item(
                data: object,
            ) -> Union["AnsweredExample", "TextExample"]:
                try:
                    if not isinstance(data, dict):
                        raise TypeError()
                    componentsschemas_example_type_0 = AnsweredExample.from_dict(data)

                    return componentsschemas_example_type_0
                except:  # noqa: E722
                    pass
                if not isinstance(data, dict):
                    raise TypeError()
                componentsschemas_example_type_1 = TextExample.from_dict(data)

                return componentsschemas_example_type_1

            examples_item = _parse_examples_item(examples_item_data)

            examples.append(examples_item)

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

        _on_unknown = d.pop("on_unknown", UNSET)
        on_unknown: Union[Unset, OnUnknown]
        if isinstance(_on_unknown, Unset):
            on_unknown = UNSET
        else:
            on_unknown = OnUnknown(_on_unknown)

        def _parse_refine(data: object) -> Union["Refine", None, Unset]:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                refine_type_0 = Refine.from_dict(data)

                return refine_type_0
            except:  # noqa: E722
                pass
            return cast(Union["Refine", None, Unset], data)

        refine = _parse_refine(d.pop("refine", UNSET))

        replace = d.pop("replace", UNSET)

        def _parse_samples(data: object) -> Union[None, Unset, int]:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(Union[None, Unset, int], data)

        samples = _parse_samples(d.pop("samples", UNSET))

        def _parse_seed(data: object) -> Union[None, Unset, int]:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(Union[None, Unset, int], data)

        seed = _parse_seed(d.pop("seed", UNSET))

        create_adapter = cls(
            task=task,
            examples=examples,
            generator=generator,
            name=name,
            on_unknown=on_unknown,
            refine=refine,
            replace=replace,
            samples=samples,
            seed=seed,
        )

        return create_adapter
