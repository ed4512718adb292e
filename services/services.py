"""Everything a resolver may call."""

from dataclasses import dataclass

from services.accounts import Accounts
from services.answers import Answers
from services.my_data import MyData
from services.quotas import Quotas
from services.reading import Reading
from services.session_watch import SessionWatch
from services.sessions import Sessions
from services.variants import Variants


@dataclass(frozen=True, slots=True)
class Services:
    """The services of one process, made in bootstrap."""

    reading: Reading
    answers: Answers
    variants: Variants
    quotas: Quotas
    accounts: Accounts
    sessions: Sessions
    session_watch: SessionWatch
    my_data: MyData
