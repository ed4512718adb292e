"""Which words of a question point at what was said before it, in the three ways in which readers write."""

import pytest

from services.understanding import Turn, leans_on

BEFORE = [Turn("What is a lens?", "Glass.")]


def test_without_a_conversation_nothing_is_leaned_on() -> None:
    assert not leans_on("And why is that?", [])


@pytest.mark.parametrize(
    "question",
    [
        "What is the oil burnt in the lamp of a lighthouse?",
        "Which is better for people who are beginners?",
        "فریسنل لینس ایک چکر کتنی دیر میں لگاتا ہے؟",
        "lighthouse ka lens kitni dair main ghoomta hai?",
    ],
)
def test_a_question_whose_words_say_what_they_mean_stands_alone(question: str) -> None:
    assert not leans_on(question, BEFORE)


@pytest.mark.parametrize(
    "question",
    [
        "Can you explain?",
        "And how is the lens of a lighthouse made?",
        "Which of both turns faster in the night?",
        "What is the weight of the next lens?",
        "دوسرے والے کا وزن کتنا ہے؟",
        "اُس کا وزن کتنا ہوتا ہے بھلا؟",
        "پچھلے باب میں لینس کے بارے میں کیا لکھا ہے؟",
        "Uske kitne parts hote hain bhala?",
        "iske fayde bata dein please",
        "un mein se sab se bara konsa hai?",
        "doosre wale ka wazan kitna hota hai?",
    ],
)
def test_few_words_and_words_that_point_back_lean_on_the_conversation(question: str) -> None:
    assert leans_on(question, BEFORE)
