from collections.abc import Mapping
from typing import (
    Any,
    TypeVar,
    Union,
)

from attrs import define as _attrs_define

from ..models.scope import Scope
from ..types import UNSET, Unset

T = TypeVar("T", bound="CreateKey")


@_attrs_define
class CreateKey:
    """A key to make.

    Attributes:
        name (str): What it is called, for people.
        scopes (list[Scope]): What it may do.
        adapters_per_day (Union[Unset, int]): Adapters made a day; 0 for no limit, the server's default where it is not
            said.
        expires_in_seconds (Union[Unset, int]): In how many seconds it expires; never where it is not said.
        requests_per_minute (Union[Unset, int]): Requests a minute; 0 for no limit, the server's default where it is not
            said.
        tenant (Union[Unset, str]): Whose it is; the caller's own tenant where it is not said. Only a key of the tenant
            `default` can make another's.
        training_minutes_per_day (Union[Unset, int]): Minutes of training a day; 0 for no limit, the server's default
            where it is not said.
    """

    name: str
    scopes: list[Scope]
    adapters_per_day: Union[Unset, int] = UNSET
    expires_in_seconds: Union[Unset, int] = UNSET
    requests_per_minute: Union[Unset, int] = UNSET
    tenant: Union[Unset, str] = UNSET
    training_minutes_per_day: Union[Unset, int] = UNSET

    def to_dict(self) -> dict[str, Any]:
        name = self.name

        scopes = []
        for scopes_item_data in self.scopes:
            scopes_item = scopes_item_data.value
            scopes.append(scopes_item)

        adapters_per_day = self.adapters_per_day

        expires_in_seconds = self.expires_in_seconds

        requests_per_minute = self.requests_per_minute

        tenant = self.tenant

        training_minutes_per_day = self.training_minutes_per_day

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "name": name,
                "scopes": scopes,
            }
        )
        if adapters_per_day is not UNSET:
            field_dict["adapters_per_day"] = adapters_per_day
        if expires_in_seconds is not UNSET:
            field_dict["expires_in_seconds"] = expires_in_seconds
        if requests_per_minute is not UNSET:
            field_dict["requests_per_minute"] = requests_per_minute
        if tenant is not UNSET:
            field_dict["tenant"] = tenant
        if training_minutes_per_day is not UNSET:
            field_dict["training_minutes_per_day"] = training_minutes_per_day

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        name = d.pop("name")

        scopes = []
        _scopes = d.pop("scopes")
        for scopes_item_data in _scopes:
            scopes_item = Scope(scopes_item_data)

            scopes.append(scopes_item)

        adapters_per_day = d.pop("adapters_per_day", UNSET)

        expires_in_seconds = d.pop("expires_in_seconds", UNSET)

        requests_per_minute = d.pop("requests_per_minute", UNSET)

        tenant = d.pop("tenant", UNSET)

        training_minutes_per_day = d.pop("training_minutes_per_day", UNSET)

        create_key = cls(
            name=name,
            scopes=scopes,
            adapters_per_day=adapters_per_day,
            expires_in_seconds=expires_in_seconds,
            requests_per_minute=requests_per_minute,
            tenant=tenant,
            training_minutes_per_day=training_minutes_per_day,
        )

        return create_key
