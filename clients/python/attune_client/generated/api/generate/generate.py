from http import HTTPStatus
from typing import Any, Optional, Union

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.generate import Generate
from ...models.generated import Generated
from ...types import Response


def _get_kwargs(
    *,
    body: Generate,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/generate",
    }

    _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: Union[AuthenticatedClient, Client], response: httpx.Response
) -> Optional[Generated]:
    if response.status_code == 200:
        response_200 = Generated.from_dict(response.json())

        return response_200

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(
    *, client: Union[AuthenticatedClient, Client], response: httpx.Response
) -> Response[Generated]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient,
    body: Generate,
) -> Response[Generated]:
    """Completes a text through an adapter, or through none. With `stream` the answer is server-sent
    events: `token`
    with `TokenEvent`, at the end `done` with `Generated`, or `error` with `Problem`.

    Args:
        body (Generate): `POST /generate`: one of `input`, `prompt`, `messages`; `adapter` or
            `task` or neither.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Generated]
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
    body: Generate,
) -> Optional[Generated]:
    """Completes a text through an adapter, or through none. With `stream` the answer is server-sent
    events: `token`
    with `TokenEvent`, at the end `done` with `Generated`, or `error` with `Problem`.

    Args:
        body (Generate): `POST /generate`: one of `input`, `prompt`, `messages`; `adapter` or
            `task` or neither.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Generated
    """

    return sync_detailed(
        client=client,
        body=body,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient,
    body: Generate,
) -> Response[Generated]:
    """Completes a text through an adapter, or through none. With `stream` the answer is server-sent
    events: `token`
    with `TokenEvent`, at the end `done` with `Generated`, or `error` with `Problem`.

    Args:
        body (Generate): `POST /generate`: one of `input`, `prompt`, `messages`; `adapter` or
            `task` or neither.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Generated]
    """

    kwargs = _get_kwargs(
        body=body,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient,
    body: Generate,
) -> Optional[Generated]:
    """Completes a text through an adapter, or through none. With `stream` the answer is server-sent
    events: `token`
    with `TokenEvent`, at the end `done` with `Generated`, or `error` with `Problem`.

    Args:
        body (Generate): `POST /generate`: one of `input`, `prompt`, `messages`; `adapter` or
            `task` or neither.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Generated
    """

    return (
        await asyncio_detailed(
            client=client,
            body=body,
        )
    ).parsed
