"""Numbers and names that a rendering may not lose."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.facts import acronyms, identifiers, missing


@pytest.mark.parametrize(
    ("source", "rendered", "lost"),
    [
        ("It weighs 3.5 kg.", "It weighs 35 kg.", ["3.5"]),
        ("It weighs 3.5 kg.", "It weighs about 4 kg, or 3 to 5.", ["3.5"]),
        ("10 % of 1,000", "ten per cent of 1,00", ["10", "1000"]),
        ("10,00,000 rupees", "10,000 روپے", ["1000000"]),
        ("3-5 s", "3 s", ["5"]),
        ("v1.2 and 1.2.3", "1.2", ["1.2.3"]),
        ("in the 20th century", "انیسویں صدی میں", ["20th"]),
        ("its 45th year", "اس کا سال", ["45th"]),
        ("since the 1960s", "since the 1970s", ["1960"]),
        ("a 3D map", "تین جہتی نقشہ", ["3D"]),
        ("ROS 2", "ROS", ["2"]),
        ("ROS 2", "آر او ایس 2", ["ROS"]),
        ("H100s and YOLOv8", "H1000, YOLO 8", ["H100", "YOLOv8"]),
        ("PyTorch, LiDAR", "Pytorch, LiDAR", ["PyTorch"]),
        ("set use_sim_time in robot.yaml with --fast", "set time", ["use_sim_time", "robot.yaml", "--fast"]),
        ("numpy.linalg.norm", "numpy", ["numpy.linalg.norm"]),
        ("GPUs, AI", "CPUs", ["GPU", "AI"]),
        ("5 and 5 and 6", "7", ["5", "6"]),
    ],
)
def test_a_lost_fact_is_told_once(source: str, rendered: str, lost: list[str]) -> None:
    assert missing(source, rendered) == tuple(lost)


@pytest.mark.parametrize(
    ("source", "rendered"),
    [
        ("3.5 kg at 1,000 Hz", "۳٫۵ کلوگرام، ١٬٠٠٠ ہرٹز"),
        ("10 % of 10,000", "10% of 10000"),
        ("10,000", "10 000".replace(" ", "\u202f")),
        ("1,234.5", "1.234,5"),
        ("2.5 m/s², 50Hz, 10 GB, 20 kHz, 4 Nm", "2.5، 50، 10، 20، 4"),
        ("3-5", "3 سے 5"),
        ("(1,2)", "2 اور 1"),
        ("v22.04", "version 22.04"),
        ("the 1st, 2nd and 21st", "پہلا، دوسری اور اکیسویں"),
        ("the 3rd", "the third"),
        ("a 45th", "45واں"),
        ("1960s", "1960 کی دہائی"),
        ("3D", "3-D"),
        ("ROS2 on H100", "ROS 2 پر H100کے ساتھ"),
        ("ROS 2", "ROS2"),
        ("GPUs", "GPU پر"),
        ("an IMU", "IMUs"),
        ("the robot.Then it went, e.g. to the U.S. or World War II", "x"),
        ("NEVER touch it: EMERGENCY STOP. IMPORTANT", "x"),
        ("<x1/> of <g23>words</g23>", "x"),
        ("one, two", "x"),
    ],
)
def test_a_fact_may_be_written_in_another_way(source: str, rendered: str) -> None:
    assert missing(source, rendered) == ()


@given(st.text(alphabet="aZ19.,-_ %٣،/", max_size=40))
def test_a_text_has_its_own_facts(text: str) -> None:
    assert missing(text, text) == ()


def test_names_are_facts_without_the_numbers() -> None:
    assert identifiers("Two IMUs, 3D and ROS2 in 2024 at 3.5 Hz") == ("IMU", "3D", "ROS2")


def test_acronyms_are_told_in_the_singular() -> None:
    assert acronyms("The IMUs, an IMU, a PID loop, NOT LiDAR, II") == ("IMU", "PID")
