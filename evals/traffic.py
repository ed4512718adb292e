"""What readers ask of the models in a day, by hours, and how large that is: measured on a labelled set and its book."""

import math
import random
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from statistics import fmean

from evals.labels import Labels
from evals.retrieval import Desk, Outcome, Progress, ask_all
from services.book import Chapter
from services.claude import worst_case, worst_case_of_rewording
from services.languages import detect
from services.models import Tokens
from services.prompt import Prompt
from services.understanding import NAMES, material, read_reword_rules
from services.writer import prompt, read_rules

HOURS = 24
CHARACTERS_PER_TOKEN = 2.7  # of English, with the tokenizer of the 5.x models
ANSWER_TOKENS = 250  # that an answer takes
DISTINCT = 5_000  # questions that the book answers
# Chapters are not rewritten yet. These are guesses: of a chapter's tokens, so many come out.
LEVEL_GROWTH, URDU_GROWTH = 1.2, 2.5


@dataclass(frozen=True, slots=True)
class Call:
    """A call to a model: what it may take at most, and what it takes."""

    most: Tokens
    used: Tokens


@dataclass(frozen=True, slots=True)
class Question:
    """What a question takes. Without a `rewording` it is searched as it was put; without an `answer` the gate declines
    it. An answer that is not `kept` is the model's declining, and who asks next pays again. Where nobody writes, it is
    answered with passages if it is `quotable`."""

    rewording: Call | None
    answer: Call | None
    kept: bool
    quotable: bool


@dataclass(frozen=True, slots=True)
class Variant:
    """A chapter made anew, a call for each of its sections."""

    section: Call
    sections: int


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large things are: the questions of a labelled set, and the average chapter of its book."""

    questions: tuple[Question, ...]
    level: Variant
    urdu: Variant


@dataclass(frozen=True, slots=True)
class Asked:
    """What one reader asks for. `number` tells a question from others; asked again, it has the same one."""

    reader: str
    what: Question | Variant
    number: int = 0


@dataclass(frozen=True, slots=True)
class Quota:
    """What each reader uses up: questions in an hour, translations and personalisations in a day."""

    questions: int
    translations: int
    personalizations: int


Hours = list[list[Asked]]


async def measured(desk: Desk, labels: Labels, progress: Progress) -> Sizes:
    """The sizes of a labelled set's questions, each with the prompt that it leads to, and of the book's chapters."""
    outcomes = [one for outcomes in (await ask_all(desk, labels, progress)).values() for one in outcomes]
    edition = desk.shelf.book.edition
    rules, reword_rules = read_rules(), read_reword_rules().format(language=NAMES[edition.language])
    own = [chapter for chapter in edition.chapters if chapter.language == edition.language]
    return Sizes(
        questions=tuple(sized(one, rules, reword_rules, edition.language) for one in outcomes),
        level=variant(own, rules, LEVEL_GROWTH),
        urdu=variant(own, rules, URDU_GROWTH),
    )


def sized(outcome: Outcome, rules: str, reword_rules: str, language: str) -> Question:
    """One question. Put into the book's language it is about as long as it was."""
    text, retrieved = outcome.question.text, outcome.retrieved
    said, told = material(text, ()), prompt(rules, text, retrieved)
    reworded = Tokens(tokens_of(reword_rules + said), tokens_of(text))
    answered = Tokens(tokens_of(written(told)), ANSWER_TOKENS)
    return Question(
        rewording=None if detect(text) == language else Call(worst_case_of_rewording(reword_rules, said), reworded),
        answer=Call(worst_case(told), answered) if retrieved.answerable else None,
        kept=retrieved.answerable and bool(outcome.question.evidence),
        quotable=retrieved.quotable,
    )


def variant(chapters: Sequence[Chapter], rules: str, growth: float) -> Variant:
    """The average chapter, with rules as long as those of answers before each section. Twice of all is reserved."""
    sections = round(fmean(len(chapter.sections) for chapter in chapters))
    section = fmean(len(chapter.content) for chapter in chapters) / CHARACTERS_PER_TOKEN / sections
    used = Tokens(tokens_of(rules) + math.ceil(section), math.ceil(section * growth))
    return Variant(Call(Tokens(2 * used.input, 2 * used.output), used), sections)


def written(told: Prompt) -> str:
    """All that a prompt says."""
    sources = (part for source in told.sources for part in (source.title, source.url, *source.units))
    return "".join([told.system, *sources, told.question])


def tokens_of(text: str) -> int:
    """About how many tokens a text has."""
    return math.ceil(len(text) / CHARACTERS_PER_TOKEN)


def day(sizes: Sizes, readers: int, quota: Quota, seed: int) -> Hours:
    """What so many readers ask for in each hour, who use up every quota: the same for the same seed.

    Questions are those of the sample, each as likely as any other. Which one that the book answers follows Zipf's law.
    """
    chance = random.Random(seed)
    upto = list(accumulate(1 / rank for rank in range(1, DISTINCT + 1)))
    hours: Hours = [[] for _ in range(HOURS)]
    for reader in map(str, range(readers)):
        for hour in hours:
            for _ in range(quota.questions):
                number = bisect_left(upto, chance.uniform(0, upto[-1]))
                hour.append(Asked(reader, chance.choice(sizes.questions), number))
        for wanted in variants(sizes, quota):
            chance.choice(hours).append(Asked(reader, wanted))
    for hour in hours:
        chance.shuffle(hour)
    return hours


def variants(sizes: Sizes, quota: Quota) -> Iterator[Variant]:
    """Those that one reader has made in a day: each of another chapter, since what is stored already takes no quota."""
    yield from [sizes.urdu] * quota.translations
    yield from [sizes.level] * quota.personalizations
