from collections.abc import Mapping
from typing import (
    Any,
    TypeVar,
    Union,
    cast,
)

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="AnsweredExample")


@_attrs_define
class AnsweredExample:
    """An input and what it should give.

    Attributes:
        input_ (str): What the task is done to.
        output (Union[list[str], str]): One output, or a list of accepted ones.
    """

    input_: str
    output: Union[list[str], str]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        input_ = self.input_

        output: Union[list[str], str]
        if isinstance(self.output, list):
            output = self.output

        else:
            output = self.output

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "input": input_,
                "output": output,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        input_ = d.pop("input")

        def _parse_output(data: object) -> Union[list[str], str]:
            try:
                if not isinstance(data, list):
                    raise TypeError()
                componentsschemas_outputs_type_1 = cast(list[str], data)

                return componentsschemas_outputs_type_1
            except:  # noqa: E722
                pass
            return cast(Union[list[str], str], data)

        output = _parse_output(d.pop("output"))

        answered_example = cls(
            input_=input_,
            output=output,
        )

        answered_example.additional_properties = d
        return answered_example

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
