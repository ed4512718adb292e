"""What is known of each language model: its price, and how it is told to be quick."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Model:
    """US dollars per million tokens, and whether thinking can be switched off."""

    input_price: float
    output_price: float
    thinking_can_be_off: bool = True


# platform.claude.com, "Models overview" and "Pricing", read 2026-11-20. Haiku's are those of prompts up to 100,000
# tokens; ours have about 5,000.
MODELS = {
    "claude-haiku-5-5": Model(0.10, 0.50),
    "claude-sonnet-5-5": Model(2, 10),
    "claude-opus-5-5": Model(4, 20, thinking_can_be_off=False),
}
UNKNOWN = Model(4, 20, thinking_can_be_off=False)  # a model we do not know is charged like the dearest, never as free


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens that the model's provider counted, and their price in US dollars."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cost_usd + other.cost_usd,
        )


def model(name: str) -> Model:
    """What is known of a model, with or without its vendor's prefix."""
    return MODELS.get(name.rsplit("/", 1)[-1].replace(".", "-"), UNKNOWN)


def charge(name: str, *, input_tokens: int, output_tokens: int) -> Usage:
    """The usage with its price in US dollars."""
    prices = model(name)
    cost = (input_tokens * prices.input_price + output_tokens * prices.output_price) / 1_000_000
    return Usage(input_tokens, output_tokens, cost)
