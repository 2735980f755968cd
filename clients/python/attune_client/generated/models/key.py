import datetime
from collections.abc import Mapping
from typing import (
    Any,
    TypeVar,
    Union,
    cast,
)

from attrs import define as _attrs_define
from attrs import field as _attrs_field
from dateutil.parser import isoparse

from ..models.scope import Scope

T = TypeVar("T", bound="Key")


@_attrs_define
class Key:
    """A key, as every list shows it.

    Attributes:
        adapters_per_day (Union[None, int]): Adapters made a day; 0 for no limit, null for the server's default.
        created_at (datetime.datetime): When it was made.
        expires_at (Union[None, datetime.datetime]): From when on it is of no use any more.
        id (str): Its id.
        last_used_at (Union[None, datetime.datetime]): When it was last used, to about a minute.
        name (str): What it is called.
        prefix (str): How it begins. Example: attune_0123456789ab.
        requests_per_minute (Union[None, int]): Requests a minute; 0 for no limit, null for the server's default.
        revoked_at (Union[None, datetime.datetime]): When it was revoked.
        scopes (list[Scope]): What it may do.
        tenant (str): Whose it is.
        training_minutes_per_day (Union[None, int]): Minutes of training a day; 0 for no limit, null for the server's
            default.
    """

    adapters_per_day: Union[None, int]
    created_at: datetime.datetime
    expires_at: Union[None, datetime.datetime]
    id: str
    last_used_at: Union[None, datetime.datetime]
    name: str
    prefix: str
    requests_per_minute: Union[None, int]
    revoked_at: Union[None, datetime.datetime]
    scopes: list[Scope]
    tenant: str
    training_minutes_per_day: Union[None, int]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        adapters_per_day: Union[None, int]
        adapters_per_day = self.adapters_per_day

        created_at = self.created_at.isoformat()

        expires_at: Union[None, str]
        if isinstance(self.expires_at, datetime.datetime):
            expires_at = self.expires_at.isoformat()
        else:
            expires_at = self.expires_at

        id = self.id

        last_used_at: Union[None, str]
        if isinstance(self.last_used_at, datetime.datetime):
            last_used_at = self.last_used_at.isoformat()
        else:
            last_used_at = self.last_used_at

        name = self.name

        prefix = self.prefix

        requests_per_minute: Union[None, int]
        requests_per_minute = self.requests_per_minute

        revoked_at: Union[None, str]
        if isinstance(self.revoked_at, datetime.datetime):
            revoked_at = self.revoked_at.isoformat()
        else:
            revoked_at = self.revoked_at

        scopes = []
        for scopes_item_data in self.scopes:
            scopes_item = scopes_item_data.value
            scopes.append(scopes_item)

        tenant = self.tenant

        training_minutes_per_day: Union[None, int]
        training_minutes_per_day = self.training_minutes_per_day

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "adapters_per_day": adapters_per_day,
                "created_at": created_at,
                "expires_at": expires_at,
                "id": id,
                "last_used_at": last_used_at,
                "name": name,
                "prefix": prefix,
                "requests_per_minute": requests_per_minute,
                "revoked_at": revoked_at,
                "scopes": scopes,
                "tenant": tenant,
                "training_minutes_per_day": training_minutes_per_day,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)

        def _parse_adapters_per_day(data: object) -> Union[None, int]:
            if data is None:
                return data
            return cast(Union[None, int], data)

        adapters_per_day = _parse_adapters_per_day(d.pop("adapters_per_day"))

        created_at = isoparse(d.pop("created_at"))

        def _parse_expires_at(data: object) -> Union[None, datetime.datetime]:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                expires_at_type_0 = isoparse(data)

                return expires_at_type_0
            except:  # noqa: E722
                pass
            return cast(Union[None, datetime.datetime], data)

        expires_at = _parse_expires_at(d.pop("expires_at"))

        id = d.pop("id")

        def _parse_last_used_at(data: object) -> Union[None, datetime.datetime]:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                last_used_at_type_0 = isoparse(data)

                return last_used_at_type_0
            except:  # noqa: E722
                pass
            return cast(Union[None, datetime.datetime], data)

        last_used_at = _parse_last_used_at(d.pop("last_used_at"))

        name = d.pop("name")

        prefix = d.pop("prefix")

        def _parse_requests_per_minute(data: object) -> Union[None, int]:
            if data is None:
                return data
            return cast(Union[None, int], data)

        requests_per_minute = _parse_requests_per_minute(d.pop("requests_per_minute"))

        def _parse_revoked_at(data: object) -> Union[None, datetime.datetime]:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                revoked_at_type_0 = isoparse(data)

                return revoked_at_type_0
            except:  # noqa: E722
                pass
            return cast(Union[None, datetime.datetime], data)

        revoked_at = _parse_revoked_at(d.pop("revoked_at"))

        scopes = []
        _scopes = d.pop("scopes")
        for scopes_item_data in _scopes:
            scopes_item = Scope(scopes_item_data)

            scopes.append(scopes_item)

        tenant = d.pop("tenant")

        def _parse_training_minutes_per_day(data: object) -> Union[None, int]:
            if data is None:
                return data
            return cast(Union[None, int], data)

        training_minutes_per_day = _parse_training_minutes_per_day(
            d.pop("training_minutes_per_day")
        )

        key = cls(
            adapters_per_day=adapters_per_day,
            created_at=created_at,
            expires_at=expires_at,
            id=id,
            last_used_at=last_used_at,
            name=name,
            prefix=prefix,
            requests_per_minute=requests_per_minute,
            revoked_at=revoked_at,
            scopes=scopes,
            tenant=tenant,
            training_minutes_per_day=training_minutes_per_day,
        )

        key.additional_properties = d
        return key

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
