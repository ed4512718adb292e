"""What comes in about quotas."""

from resolvers.context import Info
from services.quotas import Quota


async def quotas(info: Info) -> list[Quota]:
    return await info.context.services.quotas.of(await info.context.caller())
