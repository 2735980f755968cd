from enum import Enum


class Arch(str, Enum):
    CVAE = "cvae"
    ICM_CONV = "icm-conv"

    def __str__(self) -> str:
        return str(self.value)
