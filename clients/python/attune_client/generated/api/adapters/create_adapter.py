from http import HTTPStatus
from typing import Any, Optional, Union

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.create_adapter import CreateAdapter
from ...models.created_adapter import CreatedAdapter
from ...types import Response


def _get_kwargs(
    *,
    body: CreateAdapter,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/adapters",
    }

    _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: Union[AuthenticatedClient, Client], response: httpx.Response
) -> Optional[CreatedAdapter]:
    if response.status_code == 200:
        response_200 = CreatedAdapter.from_dict(response.json())

        return response_200

    if response.status_code == 201:
        response_201 = CreatedAdapter.from_dict(response.json())

        return response_201

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(
    *, client: Union[AuthenticatedClient, Client], response: httpx.Response
) -> Response[CreatedAdapter]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient,
    body: CreateAdapter,
) -> Response[CreatedAdapter]:
    """Generates the adapter of a description, or finds it. With `Accept: application/octet-stream` the
    answer is the
    safetensors file itself.

    Args:
        body (CreateAdapter): `POST /adapters`

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[CreatedAdapter]
    """

    kwargs = _get_kwargs(
        body=body,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient,
    body: CreateAdapter,
) -> Optional[CreatedAdapter]:
    """Generates the adapter of a description, or finds it. With `Accept: application/octet-stream` the
    answer is the
    safetensors file itself.

    Args:
        body (CreateAdapter): `POST /adapters`

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        CreatedAdapter
    """

    return sync_detailed(
        client=client,
        body=body,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient,
    body: CreateAdapter,
) -> Response[CreatedAdapter]:
    """Generates the adapter of a description, or finds it. With `Accept: application/octet-stream` the
    answer is the
    safetensors file itself.

    Args:
        body (CreateAdapter): `POST /adapters`

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[CreatedAdapter]
    """

    kwargs = _get_kwargs(
        body=body,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient,
    body: CreateAdapter,
) -> Optional[CreatedAdapter]:
    """Generates the adapter of a description, or finds it. With `Accept: application/octet-stream` the
    answer is the
    safetensors file itself.

    Args:
        body (CreateAdapter): `POST /adapters`

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        CreatedAdapter
    """

    return (
        await asyncio_detailed(
            client=client,
            body=body,
        )
    ).parsed
