from enum import Enum


class TrainGeneratorKind(str, Enum):
    GENERATOR = "generator"

    def __str__(self) -> str:
        return str(self.value)
