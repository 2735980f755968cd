"""What a server refuses, as exceptions (RFC 9457)."""

from typing import Any, Optional

import httpx

from .generated.models import InvalidParam, Job


class AttuneError(Exception):
    """An answer that is an error. Where the server says what is wrong, the fields are its problem's."""

    def __init__(self, problem: dict[str, Any], retry_after: Optional[float] = None) -> None:
        self.status = int(problem.get("status", 0))
        #: A stable reference to the kind of problem, such as ``/problems/not_found``.
        self.type = str(problem.get("type", "about:blank"))
        #: The kind in words.
        self.title = str(problem.get("title", ""))
        #: This problem in words.
        self.detail = str(problem.get("detail", ""))
        #: The fields that are wrong.
        self.invalid_params = [InvalidParam.from_dict(field) for field in problem.get("invalid_params", [])]
        #: The request's id, which the server's log has too.
        self.request_id = problem.get("instance")
        #: In how many seconds it is worth trying again.
        self.retry_after = retry_after
        #: All that the server said.
        self.problem = problem
        super().__init__(f"{self.status} {self.title}: {self.detail} (request {self.request_id})")


class BadRequest(AttuneError):
    """400: the request cannot be read."""


class Unauthorized(AttuneError):
    """401: there is no API key, or none that counts."""


class Forbidden(AttuneError):
    """403: the API key is too narrow; the detail names the scope that is needed."""


class NotFound(AttuneError):
    """404: there is no such thing."""


class Conflict(AttuneError):
    """409: the state of things does not allow it."""


class Invalid(AttuneError):
    """422: invalid values; ``invalid_params`` names the fields."""


class TooManyRequests(AttuneError):
    """429: a queue is full, or a limit of the API key is reached; ``retry_after`` says when to come again."""


class Unavailable(AttuneError):
    """503: the server cannot answer now; ``retry_after`` says when to come again."""


class DeadlinePassed(AttuneError):
    """504: the request's deadline passed before its answer was finished."""


class JobFailed(Exception):
    """A job that was waited for has failed or was cancelled."""

    def __init__(self, job: Job) -> None:
        self.job = job
        super().__init__(f"job {job.id} {job.state.value}: {job.error or 'no reason is known'}")


KINDS: dict[int, type[AttuneError]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    422: Invalid,
    429: TooManyRequests,
    503: Unavailable,
    504: DeadlinePassed,
}


def error_of(problem: dict[str, Any], retry_after: Optional[float] = None) -> AttuneError:
    """The exception of a problem's status."""
    return KINDS.get(int(problem.get("status", 0)), AttuneError)(problem, retry_after)


def raise_problem(response: httpx.Response) -> None:
    """Raises an answer that is an error: a hook of httpx, which sees each answer before anybody else does."""
    if not response.is_error:
        return
    response.read()
    problem: Any = None
    if response.headers.get("content-type", "").startswith("application/problem+json"):
        problem = response.json()
    if not isinstance(problem, dict):  # a proxy's page, say
        problem = {"title": response.reason_phrase, "detail": response.text[:500]}
    # A problem names the request itself; the header does so for the rest.
    known = {"status": response.status_code, "instance": response.headers.get("x-request-id")}
    seconds = response.headers.get("retry-after", "")
    raise error_of({**known, **problem}, float(seconds) if seconds.isdigit() else None)
