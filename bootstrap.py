"""The one place where things are made: opened in order, closed in reverse, by one context manager."""

import asyncio
import hmac
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from db.embedded_postgres import embedded_postgres
from db.migrate import migrate
from db.postgres import Database, pool
from db.vectors import EmbeddedIndex, VectorIndex
from services.accounts import Accounts
from services.admissions import Admissions
from services.answer_cache import AnswerCache
from services.answers import open_answers
from services.asking import Asking
from services.attempts import Attempts
from services.better_auth import BetterAuth
from services.book import Site
from services.book_links import book_links
from services.breaker import Breaker
from services.chapter_sections import ChapterSections
from services.claude import Claude, open_claude
from services.claude_batches import open_batches
from services.cohere import CohereEmbedder
from services.emails import EmailAddress, read_email
from services.embedding import Embedder, Embeds, token_counter
from services.glossary import Glossaries
from services.hashing import open_hashing
from services.ingestion import Ingestion
from services.journal import Journal
from services.ledger import MICRO, Budget, open_ledger
from services.library import Library, current_chapters
from services.model_export import prepared_model
from services.models import MODELS, UNKNOWN, Model, Prices, short
from services.my_data import MyData
from services.providers import Provider, Providers
from services.quotas import QuotaKind, Quotas
from services.reading import Reading
from services.retrieval import Retriever
from services.section_writer import SectionWriter
from services.services import Services
from services.session_watch import open_session_watch
from services.sessions import Sessions
from services.tokens import SecretUnusable, Tokens, kept_secret
from services.understanding import Understanding, read_reword_rules
from services.variant_cache import open_variant_cache
from services.variant_maker import VariantMaker
from services.variant_shelf import VariantShelf
from services.variants import Variants
from services.workshop import Workshop
from services.writer import Writer, read_rules
from settings import Settings, SettingsInvalid

Say = Callable[[str], None]


def silent(_: str) -> None:
    """For those who do not watch."""


@dataclass(frozen=True, slots=True)
class Stores:
    """What keeps the book: enough to ingest one."""

    database: Database
    embedder: Embeds
    ingestion: Ingestion
    shared_index: VectorIndex | None


@dataclass(frozen=True, slots=True)
class House:
    """Everything a server needs."""

    stores: Stores
    index: VectorIndex
    library: Library
    retriever: Retriever
    services: Services


@asynccontextmanager
async def open_stores(settings: Settings, say: Say = silent) -> AsyncIterator[Stores]:
    """Postgres, migrated; the embedding model, prepared; and a Qdrant server, where one is set.

    `say` is told what takes long, in a few words.
    """
    async with AsyncExitStack() as opened:
        url = settings.database_url or await opened.enter_async_context(
            embedded_postgres(settings.data_dir / "postgres")
        )
        database = Database(await opened.enter_async_context(pool(url)))
        await migrate(settings.database_direct_url or url)
        embedder = await opened.enter_async_context(open_embedding(settings, say))
        shared = server_index(settings, embedder) if settings.qdrant_url else None
        if shared:
            opened.push_async_callback(shared.close)
            await shared.open()
        yield Stores(database, embedder, Ingestion(database, embedder, shared, settings.docs_path), shared)


@asynccontextmanager
async def open_workshop(settings: Settings) -> AsyncIterator[Workshop]:
    """What makes chapters in other forms ahead of time: Postgres and the models, nothing else.

    Raises SettingsInvalid without a key for a model, and NoBook.
    """
    prices, secrets = prices_of(settings), await signing_secrets(settings)
    async with AsyncExitStack() as opened:
        providers = await opened.enter_async_context(open_providers(settings, prices))
        if not providers:
            raise SettingsInvalid("No language model is set up: set ANTHROPIC_API_KEY, or OPENROUTER_API_KEY.")
        database = await opened.enter_async_context(open_database(settings))
        chapters = await current_chapters(database, Site(settings.book_url, settings.translation_url))
        ledger = await opened.enter_async_context(open_ledger(database, prices, budget_of(settings)))
        redis_url = settings.redis_url.get_secret_value()
        shelf = VariantShelf(database, await opened.enter_async_context(open_variant_cache(redis_url)))
        writer = SectionWriter(database, providers, ledger, glossaries_of(settings))
        batches = None
        if key := settings.anthropic_api_key.get_secret_value():
            url = settings.anthropic_base_url
            batches = await opened.enter_async_context(open_batches(base_url=url, api_key=key, prices=prices))
        yield Workshop(
            database=database,
            chapters=chapters,
            languages=settings.languages,
            models=settings.claude_models if batches else (settings.openrouter_model,),
            ledger=ledger,
            shelf=shelf,
            writer=writer,
            maker=VariantMaker(database, shelf, quotas_of(settings, database, secrets[0]), writer),
            batches=batches,
        )


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[Database]:
    """Postgres, migrated."""
    async with AsyncExitStack() as opened:
        url = settings.database_url or await opened.enter_async_context(
            embedded_postgres(settings.data_dir / "postgres")
        )
        database = Database(await opened.enter_async_context(pool(url)))
        await migrate(settings.database_direct_url or url)
        yield database


@asynccontextmanager
async def open_house(settings: Settings, say: Say = silent) -> AsyncIterator[House]:
    """The stores and all services over them."""
    async with AsyncExitStack() as opened:
        stores = await opened.enter_async_context(open_stores(settings, say))
        index = stores.shared_index
        if not index:
            index = EmbeddedIndex(settings.data_dir / "index" / stores.embedder.fingerprint, stores.embedder.dimensions)
            opened.push_async_callback(index.close)
            await index.open()
        site = Site(settings.book_url, settings.translation_url)
        library = Library(stores.database, index, site, stores.embedder.fingerprint)
        opened.push_async_callback(library.close)
        retriever = Retriever(library, stores.embedder, index, settings.retrieval_gate)
        prices = prices_of(settings)
        providers = await opened.enter_async_context(open_providers(settings, prices))
        journal, rules, reword_rules = Journal(stores.database), read_rules(), read_reword_rules()
        written_by = f"{settings.claude_model} {rules} {reword_rules}"
        cache = AnswerCache(stores.database, written_by, settings.answer_cache_days)
        ledger = await opened.enter_async_context(open_ledger(stores.database, prices, budget_of(settings)))
        secrets = await signing_secrets(settings)
        quotas = quotas_of(settings, stores.database, secrets[0])
        answers = await opened.enter_async_context(
            open_answers(
                admissions=Admissions(stores.database, quotas, ledger, lambda: providers.models if providers else ()),
                asking=Asking(
                    retriever,
                    Understanding(providers, reword_rules, one_language=stores.embedder.english_only),
                    cache,
                    journal,
                    stores.embedder.count_tokens,
                ),
                writer=Writer(providers, rules, book_links(settings.book_url)),
                cache=cache,
                journal=journal,
                grace_seconds=settings.leave_grace_seconds,
            )
        )
        shelf = VariantShelf(
            stores.database,
            await opened.enter_async_context(open_variant_cache(settings.redis_url.get_secret_value())),
        )
        maker = None
        if providers:
            writer = SectionWriter(stores.database, providers, ledger, glossaries_of(settings))
            maker = VariantMaker(stores.database, shelf, quotas, writer)
        variants = Variants(library, ChapterSections(), shelf, maker, settings.languages)
        opened.push_async_callback(variants.close)
        sessions = sessions_of(settings, stores.database, secrets)
        services = Services(
            reading=Reading(library, retriever),
            answers=answers,
            variants=variants,
            quotas=quotas,
            accounts=Accounts(
                stores.database,
                await opened.enter_async_context(open_hashing()),
                Attempts(
                    stores.database,
                    hmac.digest(secrets[0].encode(), b"footnote attempts", "sha256"),
                    failures_per_address=settings.login_failures_per_address_per_hour,
                    sign_ups_per_address=settings.signups_per_address_per_hour,
                ),
                sessions,
                library,
                ["footnote", urlsplit(settings.book_url).hostname or ""],
            ),
            sessions=sessions,
            session_watch=await opened.enter_async_context(open_session_watch(stores.database)),
            my_data=MyData(stores.database),
        )
        yield House(stores, index, library, retriever, services)


def glossaries_of(settings: Settings) -> Glossaries:
    """The terms of each language. Raises BadGlossary for a file of GLOSSARY_PATH that cannot be used."""
    return Glossaries.read(settings.languages, settings.glossary_path)


def prices_of(settings: Settings) -> Prices:
    """The table of prices, under the operator's own."""
    return Prices(
        {
            name: Model(
                own.input,
                own.output,
                own.cache_write,
                own.cache_read,
                MODELS.get(short(name), UNKNOWN).thinking_can_be_off,
            )
            for name, own in settings.model_prices.items()
        }
    )


def budget_of(settings: Settings) -> Budget:
    """The day's budget in micro-dollars."""
    day = settings.daily_budget_usd * MICRO
    return Budget(
        day,
        cheaper_at=settings.budget_cheaper_model_at,
        no_variants_at=settings.budget_no_variants_at,
        share=settings.budget_share_per_reader,
    )


def quotas_of(settings: Settings, database: Database, secret: str) -> Quotas:
    """The quotas of readers and of all others."""
    return Quotas(
        database,
        hmac.digest(secret.encode(), b"footnote quotas", "sha256"),
        readers={
            QuotaKind.QUESTIONS: settings.questions_per_hour,
            QuotaKind.TRANSLATIONS: settings.translations_per_day,
            QuotaKind.PERSONALIZATIONS: settings.personalizations_per_day,
        },
        others={QuotaKind.QUESTIONS: settings.anonymous_questions_per_hour},
    )


async def signing_secrets(settings: Settings) -> list[str]:
    """The settings' secrets, the one that signs first; without one, a secret that is made once and kept.

    Raises SettingsInvalid.
    """
    given = [settings.jwt_secret.get_secret_value(), settings.jwt_previous_secret.get_secret_value()]
    try:
        given[0] = given[0] or await asyncio.to_thread(kept_secret, settings.data_dir / "jwt-secret")
    except SecretUnusable as error:
        raise SettingsInvalid(f"JWT_SECRET is empty, and {error}") from None
    return [secret for secret in given if secret]


def sessions_of(settings: Settings, database: Database, secrets: list[str]) -> Sessions:
    """Sessions signed with the first of these secrets. Raises SettingsInvalid."""
    better_auth = None
    if settings.better_auth_url:
        better_auth = BetterAuth(settings.better_auth_url, settings.better_auth_audience)
    tokens = Tokens(secrets, settings.access_token_expire_minutes)
    return Sessions(database, tokens, better_auth, frozenset(map(author, settings.authors)))


def author(written: str) -> str:
    """The form in which an author's e-mail address is compared. Raises SettingsInvalid."""
    email = read_email(written)
    if isinstance(email, EmailAddress):
        return email.compared
    raise SettingsInvalid(f"AUTHOR_EMAILS: {written!r} is no e-mail address. {email.message}")


@asynccontextmanager
async def open_providers(settings: Settings, prices: Prices) -> AsyncIterator[Providers | None]:
    """Claude, then OpenRouter, as far as there are keys for them; None without any."""
    async with AsyncExitStack() as opened:
        providers = [
            Provider(await opened.enter_async_context(claude), models, breaker_of(settings))
            for claude, models in providers_of(settings, prices)
        ]
        yield Providers(providers) if providers else None


def breaker_of(settings: Settings) -> Breaker:
    """What keeps questions away from a provider that fails."""
    return Breaker(most=settings.provider_failures, rest=settings.provider_rest_seconds)


def providers_of(
    settings: Settings, prices: Prices
) -> Iterator[tuple[AbstractAsyncContextManager[Claude], tuple[str, ...]]]:
    """Each provider with a key, and its models."""
    if key := settings.anthropic_api_key.get_secret_value():
        url = settings.anthropic_base_url
        yield open_claude(name="Claude", base_url=url, prices=prices, api_key=key), settings.claude_models
    if key := settings.openrouter_api_key.get_secret_value():
        url = settings.openrouter_base_url
        yield (
            open_claude(name="OpenRouter", base_url=url, prices=prices, auth_token=key),
            (settings.openrouter_model,),
        )


@asynccontextmanager
async def open_embedding(settings: Settings, say: Say = silent) -> AsyncIterator[Embeds]:
    """The embedding model, prepared first where it is not yet."""
    model = await prepared_model(settings.data_dir / "models", settings.embedding_model or None, say)
    embedder = await open_embedder(settings, model)
    try:
        yield embedder
    finally:
        await embedder.close()


async def open_embedder(settings: Settings, model: Path) -> Embeds:
    """Cohere's multilingual embeddings with a key for them; else the prepared model."""
    key = settings.cohere_api_key.get_secret_value()
    if not key:
        return await Embedder.open(model, threads=os.cpu_count() or 1)
    return await CohereEmbedder.open(
        api_key=key,
        base_url=settings.cohere_base_url,
        model=settings.cohere_model,
        count_tokens=await asyncio.to_thread(token_counter, model),  # passages stay the same, whoever embeds them
    )


def server_index(settings: Settings, embedder: Embeds) -> VectorIndex:
    """The Qdrant server's collection for this model: vectors of two models never share one."""
    from db.vectors_server import ServerIndex  # 1.7 s and 70 MB, which the embedded default does not pay

    return ServerIndex(
        settings.qdrant_url,
        settings.qdrant_api_key.get_secret_value(),
        f"{settings.qdrant_collection}_{embedder.fingerprint}",
        embedder.dimensions,
    )
