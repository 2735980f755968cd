"""Describe a task, get a LoRA: the client of an attune server."""

from .client import Attune
from .errors import (
    AttuneError,
    BadRequest,
    Conflict,
    DeadlinePassed,
    Forbidden,
    Invalid,
    JobFailed,
    NotFound,
    TooManyRequests,
    Unauthorized,
    Unavailable,
)
from .generated import models
from .streams import Answer, JobEvent

__all__ = [
    "Answer",
    "Attune",
    "AttuneError",
    "BadRequest",
    "Conflict",
    "DeadlinePassed",
    "Forbidden",
    "Invalid",
    "JobEvent",
    "JobFailed",
    "NotFound",
    "TooManyRequests",
    "Unauthorized",
    "Unavailable",
    "models",
]
