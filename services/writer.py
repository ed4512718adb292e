"""Who writes an answer: Claude over the passages, or nobody, and then the passages speak for themselves."""

import importlib.resources
import json
import re
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from itertools import groupby

import structlog

from services.answer import DECLINE, Answer, AnswerSource, AnswerStatus, DeclineReason, Degradation
from services.answer_cache import Kept
from services.citations import prove, sent_units
from services.claude import ClaudeFailed
from services.draft import Draft
from services.heard import Cited, Ended, Said
from services.prompt import Prompt, Source
from services.providers import Began, BudgetSpent, Providers
from services.purse import Purse
from services.quoting import quotations
from services.retrieval import Retrieved
from services.safe_output import SafeOutput

NEAREST = 5  # passages shown with an answer that the book does not have
APOSTROPHE = r"(?<=\w)['’‘ʼ′＇](?=\w)"
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Verdict:
    """How an answer ended."""

    status: AnswerStatus
    reason: DeclineReason | None = None


class Writer:
    """Fills a draft. Without a model, and where all fail before their first word, quotes the passages."""

    def __init__(self, providers: Providers | None, rules: str, allowed: Callable[[str], bool]) -> None:
        """`allowed` says which addresses an answer may link to."""
        self._providers = providers
        self._rules = rules
        self._allowed = allowed
        self.model = providers.models[0] if providers else None

    async def write(self, draft: Draft, made_of: Retrieved | Kept, purse: Purse | None) -> Verdict:
        """Write the answer to its end; one that was kept is told again. Without a purse no model is asked."""
        return repeat(draft, made_of) if isinstance(made_of, Kept) else await self._write(draft, made_of, purse)

    async def _write(self, draft: Draft, made_of: Retrieved, purse: Purse | None) -> Verdict:
        if not made_of.answerable:
            return decline(draft)
        if self._providers and purse:
            try:
                return await self._ask(self._providers, draft, made_of, purse)
            except BudgetSpent:
                degrade(draft, Degradation.BUDGET)
            except ClaudeFailed as failure:
                if draft.text:
                    log.warning("an answer was interrupted", answer=draft.start.id, reason=str(failure))
                    return Verdict(AnswerStatus.INTERRUPTED)
                degrade(draft, Degradation.PROVIDER)
        return self._quote(draft, made_of) if made_of.quotable or made_of.leading else decline(draft)

    async def _ask(self, providers: Providers, draft: Draft, retrieved: Retrieved, purse: Purse) -> Verdict:
        safe, told = SafeOutput(self._allowed), prompt(self._rules, meant(draft.start), retrieved)
        reason: str | None = None
        try:
            async with aclosing(providers.write(told, purse)) as heard:
                async for item in heard:
                    match item:
                        case Began():
                            begin(draft, item)
                        case Said(text):
                            draft.say(safe.feed(text))
                        case Cited():
                            draft.say(safe.flush())
                            draft.cite(prove(item, retrieved.given, retrieved.book.edition, offset=draft.offset))
                        case Ended():
                            reason = item.reason
        finally:
            draft.say(safe.flush())
        return judge(draft, reason, safe.closing())

    def _quote(self, draft: Draft, retrieved: Retrieved) -> Verdict:
        """Answer with the best passages themselves, each with its citation."""
        draft.source, draft.model = AnswerSource.PASSAGES, None
        for quotation in quotations(draft.start.searched_for, retrieved):
            safe = SafeOutput(self._allowed)
            draft.say(safe.feed(quotation.text) + safe.flush())
            draft.cite(prove(quotation.cited, retrieved.given, retrieved.book.edition, offset=draft.offset))
        return Verdict(AnswerStatus.COMPLETE)


def begin(draft: Draft, began: Began) -> None:
    """Note who writes."""
    draft.source = AnswerSource.FALLBACK_MODEL if began.fallback else AnswerSource.MODEL
    draft.model = began.model
    if began.cheaper:
        degrade(draft, Degradation.BUDGET)


def degrade(draft: Draft, reason: Degradation) -> None:
    """Note why the answer is plainer than it could be, once."""
    if reason not in draft.degraded:
        draft.degraded.append(reason)


def judge(draft: Draft, reason: str | None, closing: str) -> Verdict:
    """How an answer of the model ended, by its stop reason and by what was proven.

    An answer that begins with the sentence that declines is a decline, whatever follows it, quotations of something
    near included; one that ends with it is a decline where nothing is proven, and else the book's answer to a part of
    the question. Text flows before its proof, so an answer that proves nothing is taken back in words as well as in
    status. `closing` ends what would make those words code.
    """
    taken_back = f"{closing}\n\n{DECLINE}" if draft.text else DECLINE
    if reason == "refusal":
        draft.say(taken_back)
        return Verdict(AnswerStatus.DECLINED, DeclineReason.REFUSED)
    if reason not in ("end_turn", "stop_sequence"):
        return Verdict(AnswerStatus.INTERRUPTED)
    said, declining = words_alone(draft.text), words_alone(DECLINE)
    if said.startswith(declining) or (not draft.citations and said.endswith(declining)):
        return Verdict(AnswerStatus.DECLINED, DeclineReason.NOT_IN_BOOK)
    if draft.citations:
        return Verdict(AnswerStatus.COMPLETE)
    draft.say(taken_back)
    return Verdict(AnswerStatus.DECLINED, DeclineReason.UNVERIFIED)


def words_alone(text: str) -> str:
    """A text without case, punctuation and markers, each word with a blank at both ends."""
    words = re.findall(r"[^\W_]+", re.sub(APOSTROPHE, "", text.casefold()))
    return f" {' '.join(words)} "


def repeat(draft: Draft, kept: Kept) -> Verdict:
    """Tell a kept answer again, its citations each in their place."""
    draft.source, draft.model = AnswerSource.CACHE, kept.model
    text = kept.text.encode("utf-16-le")
    for offset, citations in groupby(kept.citations, key=lambda citation: citation.offset):
        draft.say(text[2 * draft.offset : 2 * offset].decode("utf-16-le"))
        draft.cite(citations)
    draft.say(text[2 * draft.offset :].decode("utf-16-le"))
    return Verdict(AnswerStatus.COMPLETE)


def decline(draft: Draft) -> Verdict:
    """Say that the book does not say."""
    draft.say(DECLINE)
    return Verdict(AnswerStatus.DECLINED, DeclineReason.NOT_IN_BOOK)


def meant(answer: Answer) -> str:
    """The question, with what it stands for where that was found out: "And why?" says nothing by itself."""
    if answer.searched_for == answer.question:
        return answer.question
    return f"{answer.question}\n\n(In other words: {answer.searched_for})"


def pointed_at(retrieved: Retrieved) -> str:
    """Which words the reader selected, and where they are: as a JSON string, which no quotation mark in them ends."""
    where = "search result" if retrieved.leading == 1 else f"{retrieved.leading} search results"
    return f"(The reader selected, in the first {where}: {json.dumps(retrieved.selection, ensure_ascii=False)})"


def prompt(rules: str, question: str, retrieved: Retrieved) -> Prompt:
    """What Claude is told: the rules, the passages as data, the question with what the reader selected."""
    edition = retrieved.book.edition
    return Prompt(
        system=rules.format(decline=DECLINE),
        question=f"{question}\n\n{pointed_at(retrieved)}" if retrieved.selection else question,
        sources=tuple(
            Source(found.passage.title, found.passage.url, tuple(sent_units(found, edition)))
            for found in retrieved.given
        ),
    )


def read_rules() -> str:
    """The rules of answering, with a place for the sentence that declines."""
    return importlib.resources.files("services").joinpath("prompts/answer.md").read_text("utf-8")
