"""The model that puts segments into another form: what it does to words, and how it misbehaves."""

from dataclasses import fields
from typing import Any

import pytest

from tests.claude import End, Habits, Say, Step, translating

SEGMENTS = '<t id="1">A robot.</t>\n<t id="2" kind="cell">See <g1>the page</g1>, <x2/>.</t>\n<t id="3">An end.</t>'


def body(material: str = SEGMENTS, rules: str = "Write in Urdu.", most: int = 1000) -> dict[str, Any]:
    content = [{"type": "text", "text": material}]
    marked = [{"type": "text", "text": rules, "cache_control": {"type": "ephemeral"}}]
    return {"system": marked, "max_tokens": most, "messages": [{"role": "user", "content": content}]}


def reply(steps: list[Step]) -> str:
    said, _ = steps
    assert isinstance(said, Say)
    return "".join(said.text)


def said(material: str = SEGMENTS, rules: str = "Write in Urdu.", habits: Habits = Habits()) -> str:  # noqa: B008 frozen
    return reply(list(translating(habits)(body(material, rules))))


@pytest.mark.parametrize(
    ("habit", "heard"),
    [
        ("drops_tags", '<t id="2">سیی تہی پاگی, .</t>'),
        ("edits_urls", '<t id="1">ا روبوت. [more](https://elsewhere.example/page)</t>'),
        ("merges", '<t id="1">ا روبوت. سیی <g1>تہی پاگی</g1>, <x2/>.</t>\n<t id="3">'),
        ("english", '<t id="1">A robot.</t>'),
        ("preface", 'Here is what you asked for:\n<t id="1">'),
        ("adds_heading", '<t id="1">## ا روبوت.\n\nا روبوت.</t>'),
        ("drops_fences", '<t id="1">ا روبوت.\n```\n</t>'),
        ("broken_json", '{"id": 1, "text": "ا روبوت.\n'),
    ],
)
def test_it_misbehaves_as_it_is_told(habit: str, heard: str) -> None:
    assert heard in said(habits=Habits(**{habit: 1}))


def test_a_truncated_reply_ends_in_the_middle_of_a_segment_and_says_so() -> None:
    steps = list(translating(Habits(truncates=1))(body()))
    assert reply(steps) == '<t id="1">ا رو'
    assert steps[-1] == End("max_tokens")


def test_it_says_no_more_than_it_may() -> None:
    steps = list(translating()(body(most=10)))
    assert len(reply(steps)) == 40
    assert steps[-1] == End("max_tokens")


def test_words_become_words_in_urdu_letters_and_tags_stay() -> None:
    assert said() == ('<t id="1">ا روبوت.</t>\n<t id="2">سیی <g1>تہی پاگی</g1>, <x2/>.</t>\n<t id="3">ان یند.</t>\n')


@pytest.mark.parametrize("kept", ["ROS", "ROS2", "3.14", "max_speed", "numPy", "os.path", "--fast"])
def test_what_every_language_writes_alike_is_kept(kept: str) -> None:
    assert said(f'<t id="1">use {kept}, please</t>') == f'<t id="1">وسی {kept}, پلیاسی</t>\n'


def test_escaped_signs_stay() -> None:
    assert said('<t id="1">a &lt; b &amp; c</t>') == '<t id="1">ا &lt; ب &amp; چ</t>\n'


def test_marks_of_emphasis_stay() -> None:
    assert said('<t id="1">_so_ **much** Čapek\'s</t>') == '<t id="1">_سو_ **موچہ** چاپیکس</t>\n'


def test_levels_differ_by_the_words_that_are_added() -> None:
    texts = [
        said('<t id="1">It turns.</t><t id="2"><x1/></t>', f"For a {level}.") for level in ("BEGINNER", "ADVANCED")
    ]
    assert texts[0] == '<t id="1">It turns (that is, in plain words, just what it says).</t>\n<t id="2"><x1/></t>\n'
    assert texts[1] != texts[0]


def test_a_heading_does_not_grow() -> None:
    assert said('<t id="1" kind="heading">It turns</t>', "For a BEGINNER.") == '<t id="1">It turns</t>\n'


def test_the_same_material_has_the_same_reply_and_a_retry_may_have_a_better_one() -> None:
    half = Habits(english=0.5)
    assert said(habits=half) == said(habits=half)
    assert len({said(f"Try {number}.\n{SEGMENTS}", habits=half) for number in range(9)}) > 1


def test_without_habits_it_behaves() -> None:
    assert [getattr(Habits(), field.name) for field in fields(Habits)] == [0] * 9
