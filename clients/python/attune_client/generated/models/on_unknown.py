from enum import Enum


class OnUnknown(str, Enum):
    BLEND = "blend"
    GENERATE = "generate"
    REJECT = "reject"

    def __str__(self) -> str:
        return str(self.value)
