"""How long Claude is waited for."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Patience:
    """How many seconds are waited for what. Three tries to connect fit into the time for the first token."""

    connection: float = 1.0
    first_token: float = 4.0
    next_token: float = 15.0
    whole: float = 120.0
    reword: float = 3.0


FOR_ANSWERS = Patience()
FOR_VARIANTS = Patience(first_token=30.0, next_token=30.0, whole=180.0)  # a reader watches it grow, section by section


@dataclass(frozen=True, slots=True)
class BatchPatience:
    """How many seconds are waited for what of a batch. Nobody watches: what takes its time may take it."""

    connection: float = 5.0
    submit: float = 600.0  # up to 256 MB go out
    look: float = 30.0
    next_result: float = 60.0


FOR_BATCHES = BatchPatience()
