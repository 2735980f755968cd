from http import HTTPStatus
from typing import Any, Optional, Union

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.job import Job
from ...models.train_adapter import TrainAdapter
from ...models.train_generator import TrainGenerator
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    body: Union["TrainAdapter", "TrainGenerator"],
    idempotency_key: Union[None, Unset, str] = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(idempotency_key, Unset):
        headers["Idempotency-Key"] = idempotency_key

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/jobs/train",
    }

    _kwargs["json"]: dict[str, Any]
    if isinstance(body, TrainAdapter):
        _kwargs["json"] = body.to_dict()
    else:
        _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: Union[AuthenticatedClient, Client], response: httpx.Response
) -> Optional[Job]:
    if response.status_code == 200:
        response_200 = Job.from_dict(response.json())

        return response_200

    if response.status_code == 202:
        response_202 = Job.from_dict(response.json())

        return response_202

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(
    *, client: Union[AuthenticatedClient, Client], response: httpx.Response
) -> Response[Job]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient,
    body: Union["TrainAdapter", "TrainGenerator"],
    idempotency_key: Union[None, Unset, str] = UNSET,
) -> Response[Job]:
    """Queues a training job. With an `Idempotency-Key` the same request gives the same job. Of the jobs
    that wait, the one with
    the highest priority is taken first, of its equals the oldest: a job waits as long as higher ones
    keep coming.

    Args:
        idempotency_key (Union[None, Unset, str]):
        body (Union['TrainAdapter', 'TrainGenerator']): What to train, and how it is to be treated
            in the queue.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Job]
    """

    kwargs = _get_kwargs(
        body=body,
        idempotency_key=idempotency_key,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient,
    body: Union["TrainAdapter", "TrainGenerator"],
    idempotency_key: Union[None, Unset, str] = UNSET,
) -> Optional[Job]:
    """Queues a training job. With an `Idempotency-Key` the same request gives the same job. Of the jobs
    that wait, the one with
    the highest priority is taken first, of its equals the oldest: a job waits as long as higher ones
    keep coming.

    Args:
        idempotency_key (Union[None, Unset, str]):
        body (Union['TrainAdapter', 'TrainGenerator']): What to train, and how it is to be treated
            in the queue.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Job
    """

    return sync_detailed(
        client=client,
        body=body,
        idempotency_key=idempotency_key,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient,
    body: Union["TrainAdapter", "TrainGenerator"],
    idempotency_key: Union[None, Unset, str] = UNSET,
) -> Response[Job]:
    """Queues a training job. With an `Idempotency-Key` the same request gives the same job. Of the jobs
    that wait, the one with
    the highest priority is taken first, of its equals the oldest: a job waits as long as higher ones
    keep coming.

    Args:
        idempotency_key (Union[None, Unset, str]):
        body (Union['TrainAdapter', 'TrainGenerator']): What to train, and how it is to be treated
            in the queue.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Job]
    """

    kwargs = _get_kwargs(
        body=body,
        idempotency_key=idempotency_key,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient,
    body: Union["TrainAdapter", "TrainGenerator"],
    idempotency_key: Union[None, Unset, str] = UNSET,
) -> Optional[Job]:
    """Queues a training job. With an `Idempotency-Key` the same request gives the same job. Of the jobs
    that wait, the one with
    the highest priority is taken first, of its equals the oldest: a job waits as long as higher ones
    keep coming.

    Args:
        idempotency_key (Union[None, Unset, str]):
        body (Union['TrainAdapter', 'TrainGenerator']): What to train, and how it is to be treated
            in the queue.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Job
    """

    return (
        await asyncio_detailed(
            client=client,
            body=body,
            idempotency_key=idempotency_key,
        )
    ).parsed
