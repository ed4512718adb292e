"""A section on its way into another form: what is asked of a model, and what becomes of its replies."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from services import replies, urdu
from services.brief import Brief, prose_of, words_of
from services.checks import Checks
from services.forms import TextDirection, direction_of, written
from services.scripts import own_letters
from services.sections import SourceSection, assemble
from services.segments import Fault, Segment, SegmentSort, restored
from services.structure import differences

LEVEL_TOKENS = 4000  # of a reply at most, also where a level is translated
TRANSLATION_TOKENS = 3000
ROUNDS = 2  # what fails is asked for once more
_FILLED = 0.8  # of that at most is expected, since the expectation is rough
_AROUND = 12  # tokens of the marks around a segment
# Characters of a reply per character of the source, and per token. A tokenizer knows the words of Latin languages; of
# others it knows little more than the letters.
_GROWTH = 2.0
_LATIN, _OTHER = 2.7, 1.0


@dataclass(frozen=True, slots=True)
class Ask:
    """One call. `system` is the same for all sections of a chapter, `most` the tokens of the reply, `ids` the indexes
    of the segments that it is about."""

    system: str
    material: str
    most: int
    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Rendition:
    """A section in its form. `untranslated`: some of it had to stay as it was. `texts` of its segments are new."""

    content: str
    untranslated: bool
    texts: int


class Rendering:
    """The state of one section. Ask, take what is replied, ask again until there is nothing to ask; then the result.

    What fails is asked for once more with the reason; if that fails too, or brings no reply, it stays as it was.
    """

    def __init__(self, brief: Brief, section: SourceSection) -> None:
        self._brief = brief
        self._section = section
        self._checks = Checks(brief)
        self._wanted = [id for id, segment in enumerate(section.segments) if self._is_wanted(segment)]
        self._round = 0
        self._said: dict[int, str] = {}
        self._texts: dict[int, str] = {}
        self._wrong: dict[int, str] = {}

    def asks(self) -> list[Ask]:
        """The calls of the next round: all segments, then those that failed; each call's reply should fit."""
        if self._round == ROUNDS:
            return []
        self._check_together()
        self._round += 1
        return [self._ask(ids) for ids in self._portions([id for id in self._wanted if id not in self._texts])]

    def take(self, ask: Ask, reply: str) -> None:
        """Take in what is whole of a reply, also of one that was cut off."""
        found = {id: words for id, words in replies.said(reply).items() if id in ask.ids}
        missing = [id for id in ask.ids if id not in found]
        whole_until = max(found, default=-1) if replies.is_cut(reply) else ask.ids[-1]
        self._wrong.update(dict.fromkeys(missing, "it was missing from the reply"))
        for id, words in found.items():
            beside = [other for other in _beside(ask.ids, id) if other in missing and other <= whole_until]
            self._take(id, words, f"segment {beside[0]} was missing: say each by itself" if beside else None)

    def result(self) -> Rendition:
        """The section as it has become."""
        self._check_together()
        content = self._source if self._differences(self._texts) else self._assembled(self._texts)
        return Rendition(content, len(self._texts) < len(self._wanted), len(self._texts))

    def likely(self, ask: Ask) -> int:
        """How many tokens the reply to an ask is likely to have."""
        return round(sum(self._expected(self._section.segments[id]) for id in ask.ids))

    def _is_wanted(self, segment: Segment) -> bool:
        if not self._brief.translated:
            return segment.sort is SegmentSort.PROSE
        return self._checks.has_words(segment.text)

    def _ask(self, ids: Sequence[int]) -> Ask:
        path = self._brief.paths[self._section.index]
        material = replies.material(self._section.segments, path, self._new_terms(ids), self._wrong, ids)
        return Ask(self._brief.system, material, self._most, tuple(ids))

    def _new_terms(self, ids: Sequence[int]) -> list[str]:
        """Those of the section that these segments use first, so that no two calls define the same."""
        new = self._brief.new_terms[self._section.index]
        segments = self._section.segments
        before, asked = prose_of(segments[: ids[0]]), prose_of(segments[id] for id in ids)
        return [term for term in self._brief.glossary.first_uses([words_of(before), words_of(asked)])[1] if term in new]

    @property
    def _most(self) -> int:
        return LEVEL_TOKENS if self._brief.form.level else TRANSLATION_TOKENS

    def _portions(self, ids: Sequence[int]) -> Iterator[list[int]]:
        """Cut where the expected reply is as long as it may be. A segment that is longer still is asked for alone."""
        portion: list[int] = []
        expected = 0.0
        for id in ids:
            tokens = self._expected(self._section.segments[id])
            if portion and expected + tokens > _FILLED * self._most:
                yield portion
                portion, expected = [], 0.0
            portion.append(id)
            expected += tokens
        if portion:
            yield portion

    def _expected(self, segment: Segment) -> float:
        grows = self._brief.form.level and segment.sort is SegmentSort.PROSE
        characters = len(segment.text) * (_GROWTH if grows else 1)
        return _AROUND + characters / (_OTHER if own_letters(self._brief.form.language) else _LATIN)

    def _take(self, id: int, words: str, wrong: str | None) -> None:
        """Take a text for a segment, or note what is wrong with it."""
        segment = self._section.segments[id]
        said = urdu.normalised(words) if written(self._brief.form.language) == "ur" else words
        text = restored(segment, said)
        reasons = [wrong] if wrong else [text.reason] if isinstance(text, Fault) else []
        reasons += self._checks.reasons(segment.text, said)
        if reasons or isinstance(text, Fault):
            self._wrong[id] = "; ".join(reasons)
        else:
            self._said[id], self._texts[id] = said, text

    def _check_together(self) -> None:
        """Give up what is right by itself and wrong together."""
        words = {id: (self._section.segments[id].text, self._said[id]) for id in self._texts}
        self._give_up(self._checks.together(words))
        while self._texts and (found := self._differences(self._texts)):
            alone = [id for id, text in self._texts.items() if self._differences({id: text})]
            self._give_up(dict.fromkeys(alone or list(self._texts), f"it changes the page: {found[0]}"))

    def _give_up(self, wrong: Mapping[int, str]) -> None:
        for id in wrong:
            del self._texts[id]
        self._wrong.update(wrong)

    def _differences(self, texts: Mapping[int, str]) -> list[str]:
        """What other texts would change of the section besides words. The chapter's definitions are part of both: what
        they define is a link wherever it is written."""
        definitions = f"\n\n{self._brief.definitions}"
        return differences(self._source + definitions, self._assembled(texts) + definitions)

    def _assembled(self, texts: Mapping[int, str]) -> str:
        """The section with these texts. Also without any a heading may need an id, as others lose theirs."""
        translated = self._brief.translated
        rtl = translated and bool(texts) and direction_of(self._brief.form.language) is TextDirection.RTL
        return assemble(self._brief.chapter.content, self._section, texts, ids=translated, rtl=rtl)

    @property
    def _source(self) -> str:
        return self._brief.chapter.content[self._section.start : self._section.end]


def _beside(ids: Sequence[int], id: int) -> Sequence[int]:
    """What was asked for right before and after a segment."""
    place = ids.index(id)
    return [*ids[max(place - 1, 0) : place], *ids[place + 1 : place + 2]]
