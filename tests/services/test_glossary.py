"""How terms are written, and where they are used first."""

from pathlib import Path

import pytest

from services.glossary import BadGlossary, Entry, Glossaries, Glossary
from services.urdu import normalised

URDU = Glossary.read("ur", None)


def own(folder: Path, text: str) -> Path:
    file = folder / "ur.tsv"
    file.write_text(text, "utf-8")
    return file


def terms(glossary: Glossary, text: str) -> list[str]:
    return [entry.term for entry in glossary.terms_in(text)]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", 'line 1: "# version: 1" is expected'),
        ("robot\tروبوٹ", 'line 1: "# version: 1" is expected'),
        ("# version: 1\n\nrobot روبوٹ", "line 3: expected are a term, a tab"),
        ("# version: 1\nrobot\t", "line 2: expected are a term, a tab"),
        ("# version: 1\nrobot\tروبوٹ\ta\tb", "line 2: expected are a term, a tab"),
        ("# version: 1\nA*\tاے", 'line 2: "A\\*" is too short'),
        ("# version: 1\nrobot\tروبوٹ\nRobot\tمشین", 'line 3: "Robot" stands there a second time'),
    ],
)
def test_a_bad_glossary_is_refused_with_its_line(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(BadGlossary, match=rf"ur\.tsv, {complaint}"):
        Glossary.read("ur", own(tmp_path, text))


def test_what_is_no_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ur.tsv").write_bytes("# version: 1\nrobot\tروبوٹ".encode("utf-16"))
    with pytest.raises(BadGlossary, match=r"ur\.tsv cannot be read as UTF-8"):
        Glossaries.read(["ur"], tmp_path)


@pytest.mark.parametrize("text", ["robotic", "sensory", "sensor_msgs", "non sense, or: Kalman; filtering", "", "*"])
def test_part_of_a_word_is_no_term(text: str) -> None:
    assert terms(URDU, text) == []


def test_punctuation_between_words_parts_a_term() -> None:
    assert terms(URDU, "Neural, network. Machine (learning)") == ["network"]


def test_the_longest_term_counts_and_its_parts_do_not() -> None:
    assert terms(URDU, "An extended Kalman filter, and a filter.") == ["Kalman filter", "filter"]


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("SENSORS", "sensor"),
        ("the robot's", "robot"),
        ("two batteries", "battery"),
        ("6 degrees of freedom", "degree of freedom"),
        ("end-effectors", "end effector"),
        ("a **neural**\nnetwork", "neural network"),
        ("a <g1>neural</g1> network<x2/>", "neural network"),
        ("in C++.", "C++"),
        ("real time", "real-time"),
    ],
)
def test_a_term_is_found_however_it_is_written(text: str, term: str) -> None:
    assert terms(URDU, text) == [term]


def test_a_books_own_terms_come_first(tmp_path: Path) -> None:
    mine = Glossary.read("ur", own(tmp_path, "# version: 7\nSensor\tحساسہ\nflux capacitor\t=\tfrom a film"))
    assert mine.terms_in("The sensor of a robot has a flux capacitor.") == (
        Entry("Sensor", "حساسہ", ""),
        *URDU.terms_in("robot"),
        Entry("flux capacitor", None, "from a film"),
    )
    assert mine.version == f"{URDU.version}+7"


def test_a_language_without_a_glossary_has_terms_and_no_entries() -> None:
    english = Glossaries.read(["ur"], None).of("en")
    assert (english.terms_in("a sensor"), english.first_uses(["a sensor"])) == ((), (("sensor",),))


@pytest.mark.parametrize("language", ["ur", "ur-PK"])
def test_urdu_is_the_same_everywhere_in_its_own_letters(language: str) -> None:
    assert Glossary.read(language, None).terms_in("sensor")[0].written == "سینسر"


def test_urdu_in_latin_letters_is_another_matter() -> None:
    assert Glossary.read("ur-Latn", None).terms_in("sensor") == ()


def test_each_packaged_entry_is_in_normal_urdu_or_as_it_is() -> None:
    assert len(URDU.entries) >= 150
    assert [entry for entry in URDU.entries if entry.written and entry.written != normalised(entry.written)] == []


def test_a_term_is_new_only_once() -> None:
    texts = ["A robot has sensors.", "Robots sense by a sensor and an IMU.", "Two IMUs, LQR", "IMU, **LQRs**"]
    assert URDU.first_uses(texts) == (("robot", "sensor"), ("IMU",), ("LQR",), ())


def test_what_a_book_has_in_bold_is_a_term_unless_it_is_a_sentence_or_a_word_like_any_other() -> None:
    text = "**Backlash** is **not** good. **Note:** **This is a whole sentence to be heard** **Use it.**"
    assert URDU.first_uses([text]) == (("Backlash",),)


def test_the_acronym_in_a_term_is_not_new_after_it() -> None:
    assert URDU.first_uses(["A PID controller.", "PID"]) == (("PID controller",), ())
