"""How much may be asked."""

from datetime import datetime

import strawberry

import services.quotas
from schema.problems import Problem
from schema.shows import shows
from services.quotas import QuotaKind

strawberry.enum(QuotaKind)


@strawberry.type(description="What is left, over a rolling hour of questions or a rolling day of the others.")
@shows(services.quotas.Quota)
class Quota:
    kind: QuotaKind
    limit: int
    used: int
    remaining: int
    resets_at: datetime | None = strawberry.field(
        description="When the next place is free again; null where all of them are."
    )


@strawberry.type(description="No place of the quota is free.")
@shows(services.quotas.QuotaExceeded)
class QuotaExceeded(Problem):
    quota: Quota
