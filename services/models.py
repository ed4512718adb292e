"""What is known of each language model: its price, and how it is told to be quick."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_UP, Decimal

THOUSANDTH = Decimal("0.001")


@dataclass(frozen=True, slots=True)
class Model:
    """US dollars per million tokens, which is micro-dollars per token; what is written to the provider's cache or read
    from it costs so many times the input. Whether thinking can be switched off; how much of it all a batch costs."""

    input_price: Decimal
    output_price: Decimal
    cache_write: Decimal = Decimal("1.25")
    cache_read: Decimal = Decimal("0.1")
    thinking_can_be_off: bool = True
    batch: Decimal = Decimal("0.5")


# platform.claude.com, "Models overview" and "Pricing", read 2026-11-20. Haiku's are those of prompts up to 100,000
# tokens; ours have about 5,000. MODEL_PRICES overrides them.
MODELS = {
    "claude-haiku-5-5": Model(Decimal("0.10"), Decimal("0.50")),
    "claude-sonnet-5-5": Model(Decimal(2), Decimal(10), cache_read=Decimal("0.05")),
    "claude-opus-5-5": Model(Decimal(4), Decimal(20), cache_read=Decimal("0.05"), thinking_can_be_off=False),
}
# A model we do not know is charged like the dearest, never as free.
UNKNOWN = Model(Decimal(4), Decimal(20), thinking_can_be_off=False)


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens that the model's provider counted; `input` leaves out what its cache wrote and read."""

    input: int = 0
    output: int = 0
    cache_write: int = 0
    cache_read: int = 0


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens that the model's provider counted, those of its cache among the input, and their price in US dollars."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cost_usd + other.cost_usd,
        )


class Prices:
    """What calls cost: the table above, with the operator's own prices before it."""

    def __init__(self, own: Mapping[str, Model] | None = None) -> None:
        self._models = {**MODELS, **{short(name): model for name, model in (own or {}).items()}}

    def model(self, name: str) -> Model:
        """What is known of a model, with or without its vendor's prefix."""
        return self._models.get(short(name), UNKNOWN)

    def cost(self, name: str, tokens: Tokens, *, batch: bool = False) -> Decimal:
        """In micro-dollars, rounded up to a thousandth."""
        return cost(self.model(name), tokens, batch=batch)

    def most(self, name: str, tokens: Tokens, *, batch: bool = False) -> Decimal:
        """What so many tokens may cost: those to be written to the cache may be counted as plain input as well, where
        they are too few for it, and an operator's price may make that the dearer."""
        model = self.model(name)
        return cost(replace(model, cache_write=max(model.cache_write, Decimal(1))), tokens, batch=batch)

    def usage(self, name: str, tokens: Tokens, *, batch: bool = False) -> Usage:
        """The tokens with their price, as readers see it."""
        cost = float(self.cost(name, tokens, batch=batch)) / 1_000_000
        return Usage(tokens.input + tokens.cache_write + tokens.cache_read, tokens.output, cost)


def cost(model: Model, tokens: Tokens, *, batch: bool) -> Decimal:
    """In micro-dollars, rounded up to a thousandth."""
    read_in = tokens.input + tokens.cache_write * model.cache_write + tokens.cache_read * model.cache_read
    exact = read_in * model.input_price + tokens.output * model.output_price
    return (exact * model.batch if batch else exact).quantize(THOUSANDTH, ROUND_UP)


def short(name: str) -> str:
    """A model's name without its vendor's prefix, in the vendor's own spelling."""
    return name.rsplit("/", 1)[-1].replace(".", "-")
