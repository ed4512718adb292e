"""Sentences in a paragraph of Markdown."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.sentences import split


def cut(text: str) -> list[str]:
    return [text[start:end] for start, end in split(text)]


@pytest.mark.parametrize(
    "text",
    [
        "It weighs 3.5 kg on average.",
        "Robots, e.g. Atlas, can jump.",
        "Dr. J. R. Smith built it.",
        "See Fig. 3 and Sec. 2.1 of vol. 4.",
        "The U.S. Army has one.",
        "1. First the robot starts.",
        "Call `robot.stop(). Then()` now.",
        "Read [the guide. It helps](https://a.example/b.c) first.",
        "Let $x = 1. Y$ be given.",
        "Open https://a.example/b.html. then wait",
        "Ask yourself why? and go on",
    ],
)
def test_nothing_is_cut_inside_a_sentence(text: str) -> None:
    assert cut(text) == [text]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ('He said "stop." Then he left.', ['He said "stop."', "Then he left."]),
        ("**Note.** `ros2 run` starts it.\nIt waits.", ["**Note.**", "`ros2 run` starts it.", "It waits."]),
        ("روبوٹ چلتا ہے۔ کیا وہ سوچتا ہے؟ ہاں۔", ["روبوٹ چلتا ہے۔", "کیا وہ سوچتا ہے؟", "ہاں۔"]),
        ("机器人会动。它会想吗？会！", ["机器人会动。", "它会想吗？", "会！"]),
        ("The answer is no. Then stop.", ["The answer is no.", "Then stop."]),
    ],
)
def test_sentences_end_at_their_marks(text: str, sentences: list[str]) -> None:
    assert cut(text) == sentences


def test_blanks_hold_no_sentence() -> None:
    assert split(" \n ") == []


@given(st.text(alphabet="aB1.?!۔。 \n`$[](){}<>*\"'", max_size=80))
def test_every_visible_character_is_in_exactly_one_sentence(text: str) -> None:
    assert "".join("".join(cut(text)).split()) == "".join(text.split())
    assert all(first[1] <= second[0] for first, second in pairwise(split(text)))
