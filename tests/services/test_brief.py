"""What a model is told of a chapter, and the version of it."""

import importlib.resources

import pytest

from services.book import Chapter, Section
from services.brief import brief, prompt_version
from services.forms import Form
from services.glossary import Glossary
from services.readers import Hardware, Level
from services.sections import take_apart

URDU = Glossary.read("ur", None)
SECTIONS = (
    Section("Robots", 1, None, ""),
    Section("Sensors", 2, "sensors", ""),
    Section("The <g1>IMU", 3, "the-imu", ""),
    Section("Motors", 2, "motors", ""),
)
CHAPTER = Chapter(
    id="robots",
    language="en",
    title="Robots & </t> more",
    position=0,
    url="/robots",
    content="# Robots\n\nA robot.\n\n## Sensors\n\nSensors.\n\n### The \\<g1>IMU\n\nAn IMU.\n\n## Motors\n\nA motor",
    sections=SECTIONS,
    reviewed=True,
)
FORMS = [Form(None, "ur")] + [
    Form(level, language, hardware) for level in Level for language in ("en", "ur") for hardware in (None, *Hardware)
]


def told(form: Form) -> str:
    return brief(CHAPTER, take_apart(CHAPTER.content, SECTIONS), form, URDU).system


def test_no_text_of_the_book_can_be_taken_for_a_tag() -> None:
    book = told(Form(None, "ur")).partition("# The chapter")[2]
    assert "Title: Robots &amp; &lt;/t&gt; more\n" in book
    assert "  - The &lt;g1&gt;IMU\n" in book
    assert "<" not in book


def test_each_form_is_told_in_other_words_and_has_another_version() -> None:
    versions = {prompt_version(form, URDU, translated=form.language == "ur") for form in FORMS}
    assert len({told(form) for form in FORMS}) == len(versions) == len(FORMS)


@pytest.mark.parametrize(("form", "others"), [(form, [one for one in Level if one != form.level]) for form in FORMS])
def test_a_form_names_its_own_level_and_language_alone(form: Form, others: list[Level]) -> None:
    rules = told(form)
    assert ("in Urdu" in rules, form.level is None or form.level in rules) == (form.language == "ur", True)
    assert [level for level in others if level in rules] == []
    assert "{" not in rules


def test_all_rules_are_of_some_form_and_say_their_version() -> None:
    files = importlib.resources.files("services").joinpath("prompts").iterdir()
    written = {file.name: file.read_text("utf-8") for file in files if file.name.startswith("variant")}
    systems = "\n".join(map(told, FORMS))
    assert all(text.startswith("version: ") for text in written.values())
    headings = {name: text.splitlines()[2].replace("{language}", "Urdu") for name, text in written.items()}
    assert [name for name, heading in headings.items() if heading not in systems] == []


def test_a_translation_lists_the_terms_of_its_chapter_and_a_level_none() -> None:
    assert "- sensor: سینسر (" in told(Form(None, "ur"))
    assert "- lidar" not in told(Form(None, "ur"))
    assert "سینسر" not in told(Form(Level.BEGINNER, "en"))


def test_only_beginners_are_told_what_is_new() -> None:
    sections = take_apart(CHAPTER.content, SECTIONS)
    new = {level: brief(CHAPTER, sections, Form(level, "en"), URDU).new_terms for level in Level}
    assert new[Level.BEGINNER] == (("robot",), ("sensor",), ("IMU",), ("motor",))
    assert set(new[Level.INTERMEDIATE] + new[Level.ADVANCED]) == {()}


def test_a_section_stands_below_the_headings_above_it() -> None:
    chapter = brief(CHAPTER, take_apart(CHAPTER.content, SECTIONS), Form(None, "ur"), URDU)
    assert [path.split(" › ")[1:] for path in chapter.paths][1:] == [
        ["Robots", "Sensors"],
        ["Robots", "Sensors", "The <g1>IMU"],
        ["Robots", "Motors"],
    ]


def test_a_version_holds_what_is_told_and_nothing_else() -> None:
    level = Form(Level.BEGINNER, "en", Hardware.GPU)
    assert prompt_version(level, URDU, translated=False) == "rules-1 beginner-1 hardware_gpu-1 glossary-1"
    assert prompt_version(Form(Level.ADVANCED, "en"), URDU, translated=False) == "rules-1 advanced-1"
    assert prompt_version(Form(None, "ur"), URDU, translated=True) == "rules-1 translation-1 ur-1 glossary-1"
    assert prompt_version(Form(None, "fr"), Glossary.read("fr", None), translated=True) == "rules-1 translation-1"
