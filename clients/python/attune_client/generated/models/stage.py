from enum import Enum


class Stage(str, Enum):
    CROSS_ENTROPY = "cross_entropy"
    RECONSTRUCTION = "reconstruction"

    def __str__(self) -> str:
        return str(self.value)
