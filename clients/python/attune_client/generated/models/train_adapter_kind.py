from enum import Enum


class TrainAdapterKind(str, Enum):
    ADAPTER = "adapter"

    def __str__(self) -> str:
        return str(self.value)
