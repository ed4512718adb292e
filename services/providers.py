"""Who is asked for words: Claude, and Claude by another way where that fails. No call is made that is not paid for."""

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass

import structlog

from db.postgres import DatabaseUnavailable
from services.breaker import Breaker
from services.calls import Call
from services.claude import Claude, ClaudeFailed, Fault, worst_case, worst_case_of_rewording
from services.heard import Ended, Heard, Said
from services.ledger import Feature, Settled
from services.models import Tokens
from services.prompt import Prompt
from services.purse import Purse

PAUSES = (0.2, 0.6)  # seconds between tries, at most: each is cut by up to a half, so that not all come back at once
LEAST_SHARE = 0.25  # of the time for the first token: with less of it left, another try would only cost
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Provider:
    """Claude behind one key. `models` are in the budget's order: the one to use, then the one to save with."""

    claude: Claude
    models: tuple[str, ...]
    breaker: Breaker


@dataclass(frozen=True, slots=True)
class Began:
    """A reply begins: by which model, by another `fallback` provider than the first, by a `cheaper` model of it."""

    model: str
    fallback: bool
    cheaper: bool


@dataclass(frozen=True, slots=True)
class Answering:
    """A reply whose first word is there."""

    model: str
    first: Heard
    rest: AsyncGenerator[Heard, None]


@dataclass(frozen=True, slots=True)
class Composed:
    """A whole reply, why it ended, and the model that gave it."""

    text: str
    reason: str | None
    model: str


class BudgetSpent(Exception):
    """The day's budget, or the asker's share of it, has no room for a call."""


class Providers:
    """Asks one after the other until one begins to answer. No other one can go on with what one has begun."""

    def __init__(self, providers: Sequence[Provider]) -> None:
        """In the order in which they are asked; at least one."""
        self._providers = tuple(providers)

    @property
    def models(self) -> tuple[str, ...]:
        """Those of the first provider that is not left alone, in the budget's order."""
        asked = (provider for provider in self._providers if not provider.breaker.open)
        return next(asked, self._providers[0]).models

    async def write(self, prompt: Prompt, purse: Purse) -> AsyncGenerator[Began | Heard, None]:
        """Stream a reply, begun within `Patience.first_token` of each provider. Closing it closes the connection.

        Raises ClaudeFailed, before Began if none began, and BudgetSpent, always before it.
        """
        try:
            # A direct chain, with no task between: whoever leaves takes the connection along, and then its calls are
            # settled.
            async with AsyncExitStack() as opened:
                provider, answering = await self._begin(prompt, purse, opened)
                cheaper = answering.model != provider.models[0]
                yield Began(answering.model, provider is not self._providers[0], cheaper)
                yield answering.first
                async for item in answering.rest:
                    yield item
        finally:
            await purse.close()  # what the last try held, if that was not billed

    async def compose(self, prompt: Prompt, purse: Purse) -> Composed:
        """A reply, whole, which may be cut off: see its reason. Raises ClaudeFailed, also in its middle, and
        BudgetSpent."""
        text, reason, model = "", None, ""
        async with aclosing(self.write(prompt, purse)) as told:
            async for item in told:
                match item:
                    case Began():
                        model = item.model
                    case Said():
                        text += item.text
                    case Ended():
                        reason = item.reason
        return Composed(text, reason, model)

    async def _begin(self, prompt: Prompt, purse: Purse, opened: AsyncExitStack) -> tuple[Provider, Answering]:
        failed = left_alone()
        for provider in self._providers:
            try:
                return provider, await opened.enter_async_context(answered(provider, prompt, purse))
            except ClaudeFailed as failure:
                log.warning("a provider failed", provider=provider.claude.name, reason=str(failure))
                failed = failure
        raise failed

    async def reword(self, rules: str, material: str, purse: Purse) -> str:
        """A short reply to a task that is not an answer, by the first provider that is not left alone.

        Tried once, within `Patience.reword`: what it is for can be done without. Raises ClaudeFailed and BudgetSpent.
        """
        for provider in self._providers:
            with provider.breaker.asked() as may:
                if may:
                    return await reworded(provider, rules, material, purse)
        raise left_alone()


def left_alone() -> ClaudeFailed:
    """For when nobody is asked."""
    return ClaudeFailed("It failed several times in a row and is left alone for a while.", Fault.OURS)


@asynccontextmanager
async def answered(provider: Provider, prompt: Prompt, purse: Purse) -> AsyncIterator[Answering]:
    """A reply by this provider, begun; its breaker is told how that goes on. Raises ClaudeFailed and BudgetSpent."""
    breaker = provider.breaker
    with breaker.asked() as may:
        if not may:
            raise left_alone()
        try:
            async with AsyncExitStack() as opened:
                answering = await begun(provider, prompt, purse, opened)
                breaker.began()
                yield answering
        except ClaudeFailed as failure:
            if failure.fault != Fault.OURS:
                breaker.failed()
            raise
        breaker.worked()


async def begun(provider: Provider, prompt: Prompt, purse: Purse, opened: AsyncExitStack) -> Answering:
    """The first of three tries that begins a reply, all before one deadline. Raises ClaudeFailed and BudgetSpent."""
    now, patience = asyncio.get_running_loop().time, provider.claude.patience(prompt.feature).first_token
    deadline = now() + patience
    for longest in PAUSES:
        try:
            return await opened.enter_async_context(tried(provider, prompt, purse, deadline))
        except ClaudeFailed as failure:
            pause = max(longest * random.uniform(0.5, 1.0), failure.wait)
            # While the breaker is open this question only probes, or was under way when others found out.
            hopeless = failure.fault != Fault.PASSING or provider.breaker.open
            if hopeless or now() + pause > deadline - LEAST_SHARE * patience:
                raise
        await asyncio.sleep(pause)
    return await opened.enter_async_context(tried(provider, prompt, purse, deadline))


@asynccontextmanager
async def tried(provider: Provider, prompt: Prompt, purse: Purse, deadline: float) -> AsyncIterator[Answering]:
    """One try, up to its first word. Raises ClaudeFailed and BudgetSpent."""
    async with (
        paid(provider, purse, worst_case(prompt), deadline, prompt.feature) as call,
        aclosing(provider.claude.write(prompt, call, deadline)) as heard,
    ):
        yield Answering(call.model, await anext(heard), heard)


async def reworded(provider: Provider, rules: str, material: str, purse: Purse) -> str:
    """What this provider says to the task. Raises ClaudeFailed and BudgetSpent."""
    deadline = asyncio.get_running_loop().time() + provider.claude.patience(Feature.REWORDING).reword
    most = worst_case_of_rewording(rules, material)
    try:
        async with paid(provider, purse, most, deadline, Feature.REWORDING) as call:
            said = await provider.claude.reword(rules, material, call, deadline)
    except ClaudeFailed as failure:
        if failure.fault in (Fault.PASSING, Fault.LASTING):  # too slow for this may be soon enough for an answer
            provider.breaker.failed()
        raise
    provider.breaker.began()
    return said


@asynccontextmanager
async def paid(
    provider: Provider, purse: Purse, most: Tokens, deadline: float, feature: Feature
) -> AsyncIterator[Call]:
    """A call that is held before it is made, and settled whatever becomes of it. Raises BudgetSpent, and ClaudeFailed
    where nobody can say whether there is room.

    Who settles may be cancelled while it does: then the ledger does it later.
    """
    try:
        async with asyncio.timeout_at(deadline):
            held = await purse.hold(provider.models, most, feature)
    except (TimeoutError, DatabaseUnavailable) as error:
        raise ClaudeFailed(f"A call could not be reserved: {error}", Fault.OURS) from error
    if not held:
        raise BudgetSpent
    call = provider.claude.call(held.model, most.output)
    try:
        yield call
    finally:
        settled, tokens = call.settlement
        if settled == Settled.UNUSED:
            await purse.give_back(held, feature)
        else:
            await purse.settle(held, settled, tokens)
