"""BM25 by the book, between 0 and 1."""

import math

import pytest

from services.lexical import K1, B, Lexicon

LAMPS = Lexicon(["the lamp burns oil", "the horn sounds in fog", "the lamp the lamp"])


def test_words_that_stand_nowhere_score_nothing() -> None:
    assert LAMPS.scores("qwertz").tolist() == [0, 0, 0]


def test_a_question_without_words_scores_nothing() -> None:
    assert LAMPS.scores("?!").tolist() == [0, 0, 0]


def test_an_empty_book_has_no_scores() -> None:
    assert Lexicon([]).scores("lamp").tolist() == []


def test_scores_are_bm25_over_the_most_there_could_be() -> None:
    idf = math.log(1 + (3 - 1 + 0.5) / (1 + 0.5))
    weight = (K1 + 1) / (1 + K1 * (1 - B + B * 5 / (13 / 3)))
    assert LAMPS.scores("fog").tolist() == pytest.approx([0, idf * weight / ((K1 + 1) * idf), 0])


def test_a_rare_word_counts_more_than_a_common_one() -> None:
    oil, fog, _ = LAMPS.scores("the lamp in fog")
    assert fog > oil
    assert LAMPS.rarity("fog") > LAMPS.rarity("lamp") > LAMPS.rarity("the") > 0


def test_an_unknown_word_lowers_the_score() -> None:
    assert LAMPS.scores("fog qwertz").max() < LAMPS.scores("fog").max()


def test_a_text_in_parts_scores_as_its_best_part() -> None:
    parts = Lexicon(["the lamp", "burns oil", "the horn sounds in fog"], starts=[0, 2])
    whole = Lexicon(["the lamp", "burns oil", "the horn sounds in fog"])
    assert parts.scores("burns oil").tolist() == [whole.scores("burns oil").max(), 0]
