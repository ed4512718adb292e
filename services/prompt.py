"""What Claude is asked: rules, passages and a question, or a chapter's words and what to make of them."""

from dataclasses import dataclass

from services.ledger import Feature

MAX_TOKENS = 1500  # five times the 250 that an answer takes: an answer cut at this limit counts as interrupted


@dataclass(frozen=True, slots=True)
class Source:
    """A passage as it is sent: each unit becomes one text block, the smallest thing Claude can cite."""

    title: str
    url: str
    units: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Prompt:
    """What one call says. Its reply has at most so many tokens; it is reserved and charged as its `feature`.

    `cached`: calls that follow within minutes have the same `system`, so the provider is to keep it for them.
    """

    system: str
    question: str
    sources: tuple[Source, ...] = ()
    most: int = MAX_TOKENS
    feature: Feature = Feature.QUESTIONS
    cached: bool = False
