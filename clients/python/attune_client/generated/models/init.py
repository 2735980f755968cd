from enum import Enum


class Init(str, Enum):
    ACTIVE = "active"
    RANDOM = "random"

    def __str__(self) -> str:
        return str(self.value)
