"""The language of questions as students put them: short, misspelt, full of English terms."""

import pytest

from services.languages import detect, foreign, telling

ENGLISH = """
What is a robot?
What is inverse kinematics?
How does a PID controller work?
Why do humanoid robots use torque sensors?
Explain the difference between ROS 1 and ROS 2.
Which sensors does a self-driving car need?
When should I use a quaternion instead of Euler angles?
Who invented the first industrial robot?
Can I run Gazebo without a GPU?
Is the main loop blocking?
What is the main idea of the per-joint controller?
he said to me that the robot is broken, is he right?
How do I tell him the robot's position per second?
PID controller
inverse kinematics
SLAM
ROS 2 node lifecycle
URDF vs SDF
zero moment point
gimbal lock
kalman filter equations
Jacobian matrix singularity
define torque
explain gradient descent
nvidia isaac sim setup
bipedal gait stability
encoder resolution formula
Kp Ki Kd meaning
Ki gain too high
What does Ki do in a PID loop?
KE = 1/2 m v^2 ?
MATLAB simulation of a robot arm
k means clustering
Q learning vs policy gradient
Q and K matrices in attention
main function in C
hum noise in the motor driver
wat is a robot
how do servo motors wrok
waht is teh diference between lidar and radar
wht is slam
how cn i calibrat the camra
explane foward kinematics
whats the use of imu
y does the robot fall down
sensor fusion pls explain
give me an example of a state machine
list all the sensors
tell me about actuators
summarize this chapter
what is Δt in the update rule
θ and ω in the pendulum equation
What does روبوٹ mean?
Why is it called "mein" controller?
import rclpy error
ModuleNotFoundError: No module named 'rclpy'
colcon build fails
Who was Muhammad Ali Jinnah?
How far is it to Lahore from Karachi?
does the hen class inherit from bird
camera calibration steps
DC motor vs stepper motor torque curve
what happens after the robot lands
the robot does not move, why
""".strip().splitlines()
URDU = """
روبوٹ کیا ہے؟
سینسر کیسے کام کرتا ہے؟
مجھے بتائیں PID کنٹرولر کیا ہوتا ہے
انورس کائنیمیٹکس کی وضاحت کریں
ROS 2 node کیا ہے؟
PID controller میں integral term کیا کرتا ہے؟
inverse kinematics algorithm کیا ہے؟
لائیڈار اور ریڈار میں کیا فرق ہے؟
مصنوعی ذہانت کے فوائد بتائیں
ہیومنائیڈ روبوٹ کیسے چلتا ہے؟
موٹر کی رفتار کیسے کنٹرول کی جاتی ہے
روبوٹ
سینسر کی اقسام
کیمرہ کیلیبریشن
کون سا سینسر بہتر ہے
یہ کیوں ضروری ہے؟
پہلا روبوٹ کب بنا؟
كيا روبوٹ سوچ سكتا ہے؟
روبوت كيا هے
گیئر کیا کرتے ہیں
Gazebo میں simulation کیسے چلائیں؟
اس باب کا خلاصہ لکھیں
توازن برقرار رکھنے کا طریقہ
ڈیٹا کہاں محفوظ ہوتا ہے؟
نیورل نیٹ ورک سمجھائیں
کیا میں بغیر GPU کے Isaac Sim چلا سکتا ہوں؟
پاکستان کی آبادی کتنی ہے؟
سائنس کی تعریف
اُردُو میں بتائیے کہ ٹارک کیا ہے
SLAM کیا ہے
کنٹرول سسٹم کی تعریف
مشین لرننگ اور ڈیپ لرننگ
""".strip().splitlines()
ROMAN_URDU = """
robot kya hota hai
sensor kaise kaam karta hai
mujhe batao PID kya hai
inverse kinematics samjhao
lidar aur camera mein kya farq hai
PID controller ka integral term steady state error ko kaise remove karta hai
robot kia he
ye kese kaam krta h
ROS 2 mein node kaise banate hain?
robot ka matlab
mjhe smjh nai aya k torque kya hota he
humanoid robot gir kyun jata hai
kya main GPU ke baghair Isaac Sim chala sakta hoon?
Gazebo me simulation kaise run karein
URDF file kahan likhte hain
sensor ki kitni types hain
SLAM explain karo
forward kinematics aur inverse kinematics ka difference batao
is chapter ka khulasa likho
motor ki speed kaise control krte hen
yeh algorithm kab use karna chahiye
quaternion q use krte hain
kon sa sensor behtar hai
actuator kisay kehte hain?
mujhay ROS k baray mein batain
kalman filter ko simple alfaz mein samjhaen
neural network kiya hai
camera calibration ki zaroorat kyon hoti hai
what is robot mujhe urdu mein batao
Jacobian matrix singular ho to kya hota hai
agar sensor kharab ho jaye to robot kya karega
reinforcement learning me reward ka kya role hai
topic or service mein kya faraq hai
servo motor kaisay kaam karti hai
docker container kese chalaen
mera robot nahi chal raha
ap PID tune kaise karte hain
kinematics kya cheez hai bhai
robot balance kesy karta hy
gear ratio ka formula btao
zero moment point samajh nahi aa raha
please explain karein ke encoder kya hota hai
ros2 install krna hai ubuntu pe
digital twin se kya murad hai
""".strip().splitlines()
OTHERS = [
    ("zh", "机器人是什么？"),
    ("zh", "PID控制器是什么"),
    ("ja", "ロボットとは何ですか"),
    ("ko", "로봇이란 무엇인가요?"),
    ("hi", "रोबोट क्या है?"),
    ("ru", "Что такое робот?"),
    ("ar", "ما هو الروبوت؟"),
    ("ar", "كيف يعمل المستشعر؟"),
    ("ar", "اشرح لي الذكاء الاصطناعي"),
    ("fa", "ربات چیست؟"),
    ("fa", "سنسور چگونه کار می کند"),
    ("el", "Τι είναι ένα ρομπότ;"),
    ("ar", "روبوت متحرك والذكاء الاصطناعي"),
    ("th", "หุ่นยนต์คืออะไร"),
    ("bn", "রোবট কী?"),
]
DOUBTFUL = [
    "",
    "2+2?",
    "علم",
    "Was ist ein Regelkreis?",
    "¿Qué es un robot?",
    "Robot nedir?",
    "Qu'est-ce qu'un capteur ?",
    "Що таке робот і як він працює?",
    "?!",
    "Wat is een robot?",
    "Apa itu robot?",
]


@pytest.mark.parametrize("question", DOUBTFUL)
def test_a_doubtful_question_has_no_language(question: str) -> None:
    assert detect(question) is None


@pytest.mark.parametrize("question", ENGLISH)
def test_an_english_question_is_english(question: str) -> None:
    assert detect(question) == "en"


@pytest.mark.parametrize("question", URDU)
def test_an_urdu_question_is_urdu_whatever_its_terms_and_keyboard(question: str) -> None:
    assert detect(question) == "ur"


@pytest.mark.parametrize("question", ROMAN_URDU)
def test_a_roman_urdu_question_is_roman_urdu_however_it_is_spelt(question: str) -> None:
    assert detect(question) == "ur-Latn"


@pytest.mark.parametrize(("language", "question"), OTHERS)
def test_another_script_tells_the_language(language: str, question: str) -> None:
    assert detect(question) == language


@pytest.mark.parametrize(
    "terms", ["Kp, Ki, Kd", "MATLAB", "Ka band antenna", "Lena test image", "Q K V attention", "ESA rover", "hue"]
)
def test_terms_that_are_also_urdu_words_are_english(terms: str) -> None:
    assert detect(terms) == "en"


def test_letters_of_double_width_are_letters() -> None:
    assert detect("ｗｈａｔ ｉｓ ａ ｒｏｂｏｔ") == "en"


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("پاکستان کا دارالحکومت کیا ہے؟", "پاکستان دارالحکومت"),
        ("ايك كيمرے كى خامى كيا هے", "كيمرے خامى"),
        ("biryani kaise banate hain aur is mein kya hota hai", "biryani"),
        ("PID controller میں integral term کیا کرتا ہے؟", "PID controller integral term"),
        ("What is a servo motor?", "servo motor"),
        ("the main loop", "main loop"),
        ("یہ کیا ہے؟", ""),
    ],
)
def test_function_words_do_not_tell_what_a_question_is_about(question: str, told: str) -> None:
    assert telling(question) == told


def test_a_doubtful_question_is_not_foreign() -> None:
    assert not foreign("Was ist ein Regelkreis?", "en")


def test_roman_urdu_is_foreign_to_an_urdu_book_and_to_an_english_one() -> None:
    assert foreign("robot kya hota hai", "ur")
    assert foreign("robot kya hota hai", "en")
    assert not foreign("روبوٹ کیا ہے؟", "ur")
