from enum import Enum


class Answer(str, Enum):
    BLENDED = "blended"
    GENERATED = "generated"
    SETTLED = "settled"

    def __str__(self) -> str:
        return str(self.value)
