"""What one question, or one variant of a chapter, may spend, one call after the other."""

from collections.abc import Sequence
from dataclasses import replace

from services.ledger import Account, Feature, Held, Ledger, Settled
from services.models import Tokens, Usage


class Purse:
    """Holds what was reserved with a question's admission, and reserves more where that does not do."""

    def __init__(self, ledger: Ledger, account: Account, held: Held | None = None) -> None:
        self._ledger = ledger
        self._account = account
        self._held = held
        self.usage = Usage()

    async def hold(self, models: Sequence[str], most: Tokens, feature: Feature = Feature.QUESTIONS) -> Held | None:
        """A reserved call by the first of these models, or by the last where the budget says so. None if it says no.

        A held call is to be settled, whatever becomes of it.
        """
        held, suits = self._held, feature == self._account.feature
        if held and suits and held.model in models and covers(held.most, most):
            self._held = None
            return held
        if suits:
            await self.close()
        return await self._ledger.reserve(replace(self._account, feature=feature), models, most)

    async def give_back(self, held: Held, feature: Feature = Feature.QUESTIONS) -> None:
        """A call that was not billed: the next one of its kind may have what it held."""
        if feature == self._account.feature and not self._held:
            self._held = held
        else:
            await self._ledger.settle(held, Settled.UNUSED)

    async def settle(self, held: Held, settled: Settled, tokens: Tokens | None = None) -> None:
        """Charge a call for its tokens; without them as it was reserved. See `Ledger.settle`."""
        if settled != Settled.UNUSED:
            charged = self._ledger.prices.usage(held.model, tokens or held.most)
            self.usage += charged if tokens else Usage(cost_usd=charged.cost_usd)
        await self._ledger.settle(held, settled, tokens)

    async def close(self) -> None:
        """Give back what was not used."""
        if self._held:
            held, self._held = self._held, None
            await self._ledger.settle(held, Settled.UNUSED)


def covers(held: Tokens, most: Tokens) -> bool:
    """True where a call of `most` fits into what is held."""
    return held.input >= most.input and held.output >= most.output and held.cache_write >= most.cache_write
