"""A folder of Docusaurus docs, read and cut: everything that is stored of it, before anything is."""

import hashlib
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import orjson

from db.editions import ChapterRow, EditionRow, PassageRow
from services import docusaurus, links
from services.docusaurus import BookNotFound, Folder, Page
from services.passages import CountTokens, Cut, cut

FORMAT = 2  # goes into the version: raised when the same pages are cut or kept differently
SENTENCE_CHARACTERS = 400  # of a sentence, with its title, are embedded: nearly every one whole
CODE_CHARACTERS = 160  # of a fence: its language and first lines; its passage has all of it


@dataclass(frozen=True, slots=True)
class Manuscript:
    """A folder that was read and cut."""

    folder: Folder
    edition: EditionRow
    chapters: list[ChapterRow]
    passages: list[PassageRow]


def read(path: Path, docs_path: str, *, model: str, count: CountTokens) -> Manuscript:
    """Read a folder and cut it into passages, to be embedded by `model`. Blocking: about a second for each megabyte.

    `docs_path` is the path at which the site shows the docs. Raises BookNotFound.
    """
    folder = book(path, docs_path)
    if not folder.pages:
        broken = "; ".join(f"{problem.file}:{problem.line}: {problem.message}" for problem in folder.problems)
        raise BookNotFound(f"{path} has no page that can be read. {broken}")
    cuts = [piece for page in folder.pages for piece in cut(page, count)]
    passages = [passage_row(place, piece) for place, piece in enumerate(identified(cuts))]
    own = language("".join(page.content for page in folder.pages if page.language is None))
    chapters = [chapter_row(page) for page in folder.pages]
    edition = EditionRow(
        version=version(model, chapters, passages),
        title=title(path, folder.pages),
        language=own,
        model=model,
        settings={},
    )
    return Manuscript(folder, edition, chapters, passages)


def version(model: str, chapters: Sequence[ChapterRow], passages: Sequence[PassageRow]) -> str:
    """The name of a version: the same for the same pages, embedded by the same model."""
    content = orjson.dumps([FORMAT, model, chapters, [str(passage.id) for passage in passages]])
    return hashlib.sha256(content).hexdigest()[:16]


def texts(chapters: Iterable[ChapterRow], passages: Iterable[PassageRow]) -> dict[bytes, str]:
    """What a book embeds, by the keys that find the vectors: each passage, and its sentences under its title."""
    content = {chapter.id: chapter.content for chapter in chapters}
    found: dict[bytes, str] = {}
    for passage in passages:
        found[passage.vector_key] = embedded(passage.title, passage.text)
        source = content[passage.chapter_id]
        for key, (start, end) in zip(passage.sentence_keys, passage.units, strict=True):
            found[key] = embedded_sentence(passage.title, source[start:end])
    return found


def embedded(title: str, text: str) -> str:
    """What the vector of a passage stands for."""
    return f"{title}\n{text}"


def embedded_sentence(title: str, sentence: str) -> str:
    """What the vector of a sentence stands for."""
    most = CODE_CHARACTERS if sentence.startswith(("```", "~~~")) else SENTENCE_CHARACTERS
    return f"{title}: {sentence}"[:most]


def key(text: str) -> bytes:
    """Finds the vector of a text, whatever book or edition it stands in."""
    return hashlib.sha256(text.encode()).digest()


def book(path: Path, docs_path: str) -> Folder:
    """The pages of a folder, and after them those of its translations, with what is wrong in them.

    `docs_path` is the path at which the site shows the docs. Raises BookNotFound.
    """
    own = docusaurus.read(path)
    spoken = language("".join(page.content for page in own.pages))
    folders = [own, *docusaurus.translations(path, spoken)]
    pages = [page for folder in folders for page in folder.pages]
    problems = [problem for folder in folders for problem in folder.problems]
    return replace(
        own,
        pages=tuple(replace(page, position=position) for position, page in enumerate(pages)),
        problems=(*problems, *links.check(folders, docs_path)),
    )


def identified(cuts: Sequence[Cut]) -> list[tuple[uuid.UUID, Cut]]:
    """Passages with ids made of what they say and where, so that an unchanged passage keeps its id. Equal ones in one
    section are told apart by their order."""
    seen: dict[uuid.UUID, int] = {}
    out = []
    for piece in cuts:
        same = uuid.uuid5(
            uuid.NAMESPACE_URL,
            "\0".join([piece.chapter_id, piece.anchor or "", piece.title, piece.text, *piece.source]),
        )
        seen[same] = seen.get(same, 0) + 1
        out.append((same if seen[same] == 1 else uuid.uuid5(same, str(seen[same])), piece))
    return out


def passage_row(place: int, identified_cut: tuple[uuid.UUID, Cut]) -> PassageRow:
    """A passage as it is stored."""
    id, piece = identified_cut
    return PassageRow(
        id=id,
        place=place,
        chapter_id=piece.chapter_id,
        title=piece.title,
        section=piece.section,
        anchor=piece.anchor,
        text=piece.text,
        units=[(unit.start, unit.end) for unit in piece.units],
        tokens=piece.tokens,
        reviewed=piece.reviewed,
        vector_key=key(embedded(piece.title, piece.text)),
        sentence_keys=tuple(key(embedded_sentence(piece.title, unit)) for unit in piece.source),
    )


def chapter_row(page: Page) -> ChapterRow:
    """A page as it is stored."""
    return ChapterRow(
        id=page.id,
        position=page.position,
        language=page.language,
        title=page.title,
        path=page.path,
        content=page.content,
        sections=sections(page),
        reviewed=page.reviewed,
    )


def sections(page: Page) -> list[tuple[str, int, str | None]]:
    """Heading, level and anchor of a page's sections, the title first where the theme shows one for it."""
    headings = [(heading.text, heading.level, heading.anchor) for heading in page.outline.headings]
    has_title = page.hides_title or page.outline.shows_title
    return headings if has_title else [(page.title, 1, None), *headings]


def title(path: Path, pages: Sequence[Page]) -> str:
    """The book's title: that of its first page at the root of the docs, else the folder's name."""
    return next((page.title for page in pages if page.path == "/"), path.resolve().name)


def language(text: str) -> str:
    """The book's language by its letters: Urdu where most are Arabic script, else English."""
    arabic = sum("\u0600" <= character <= "\u06ff" for character in text)
    latin = sum(character.isascii() and character.isalpha() for character in text)
    return "ur" if arabic > latin else "en"
