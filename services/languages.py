"""The language of a question, from its letters and, for Latin letters, from its commonest words; and without those."""

import re
import unicodedata
from collections import Counter
from functools import cache

from services.words import WORD, compared

_RUN = re.compile(r"[^\W\d_]+")
_MARKS = re.compile("[\u064b-\u065f\u0670\u0640]")  # Arabic vowel signs, which would cut a word
_ENOUGH = 1 / 3  # of a question's words in another script: English terms stand in an Urdu question, not the reverse


def listed(words: str) -> frozenset[str]:
    """The words of a list that is written like a text."""
    return frozenset(words.split())


_BY_SCRIPT = {
    "BENGALI": "bn",
    "CJK": "zh",
    "CYRILLIC": "ru",
    "DEVANAGARI": "hi",
    "GREEK": "el",
    "GUJARATI": "gu",
    "GURMUKHI": "pa",
    "HANGUL": "ko",
    "HEBREW": "he",
    "HIRAGANA": "ja",
    "KATAKANA": "ja",
    "TAMIL": "ta",
    "TELUGU": "te",
    "THAI": "th",
}
_URDU_ONLY = frozenset("ٹڈڑںےۓہۂۃ")
_NOT_ARABIC = frozenset("گچپژکی")  # Urdu has them from Persian
_ARABIC_ONLY = frozenset("ةىأإي")  # asked last, as some Urdu keyboards have ي too
_URDU_WORDS = listed("کیا كيا کا کو کب کون کس اور نے جو تو تھا تھی")
_PERSIAN_WORDS = listed("است چیست چگونه چطور کدام می های را این برای شود کند کنید")
_NOT_RUSSIAN = frozenset("іїєґўћђљњџјѕѓќ")

# Function words that say nothing of what a question is about, beyond those that tell Urdu from other languages.
_URDU_FUNCTION_WORDS = listed(
    """
    میں ہے ہیں ہوں ہو سے پر تک کی کے کو نے نہ نہیں مت بھی ہی تو پھر اگر مگر لیکن بلکہ یا یہ وہ اس ان اسے انہیں
    جس جن جسے کس کن کسے کسی کوئی کچھ سب ہر جب تب اب ابھی کبھی جہاں وہاں یہاں کہاں کیوں کیسے کیسا کیسی کتنا
    کتنی کتنے کونسا کونسی کونسے سا سی والا والی والے ہوا ہوئی ہوئے ہوتا ہوتی ہوتے ہونا ہونی ہونے ہوگا ہوگی گے
    گا گی تھے تھیں کر کرنا کرنی کرنے کرتا کرتی کرتے کریں کرو کرے کیجیے گئی گیا گئے جا جانا جاتا جاتی جاتے جائے
    جائیں رہا رہی رہے رہتا رہتی رہتے دے دیا دی دیں دیتا دیتی دیتے لے لیا لی لیے لیں لینا لینی لینے لیتا لیتی
    لیتے سکتا سکتی سکتے سکیں چاہیے میرا میری میرے مجھے ہم ہمارا ہماری ہمارے ہمیں آپ آپکا تم تمہارا اپنا اپنی
    اپنے اسکا اسکی اسکے انکا انکی انکے ایک بتائیں بتائیے بتاؤ بتا سمجھائیں سمجھائیے وضاحت مطلب کہتے کہا کہ
    جبکہ چونکہ اور بہت صرف بارے طرح ذریعے درمیان بغیر مراد
    """
)

# Roman Urdu has no spelling of its own: these are the ways in which students write its commonest words. Those that are
# also English words, names, or terms of a technical book (Ki, KE, MATLAB) count half, and are left out if too common.
_URDU = listed(
    """
    aap aapka aapko aasan agar aisa aise apka apko apna apne apni asaan aur awr baad baare bahut banaen banata
    banate banayen banta bante banti bataein bataen batain bataiye batana batao bataye batayen bhee bhi bilkul bnaen
    bnta bohat bohot boltay bolte btaen btain btao btayen buhat chahiay chahie chahiye chahta chahti chahye chaiye
    chalaen chalana chalta chalte chalti darmiyan dene deta detay dete deti diya dono donon faida faiday faide faraq
    fark farq fayda fayde gaya gaye gayi gya hae hai hain hamara hamare hamari hamein hamen hein hoga hogi hona
    honay hongay honi hoon hota hotay hote hotey hoti hua huay hui humein humen hyn inka inke inki iska iske iski
    isko issay isse istamal istemaal istemal istimal jaata jaate jaati jaey jaisa jaisay jaise jata jatay jate jati
    jawab jaye jese jis jiska jiske jiski kaam kab kahaan kahan kahtay kahte kaisa kaisay kaise kaisey kaisi kar
    karain karay kardo karein karen karey karke karna karnay karne karo karta kartay karte karti kaun kaunsa kaunse
    kaunsi kehtay kehte kesa kesay kese kesey kesi kesy khte khud kia kidhar kijiye kijye kis kisay kise kisi kitna
    kitnay kitne kitni kiu kiun kiya kiye kiyun ko kon konsa konse konsi krdo kren krke krna krne kro krta krtay
    krte krti kuch kuchh kya kyaa kyon kyoun kyu kyun lekin lene leta lete leti likhain likhen likho liye lye magar
    maloom matlb mei mein mera meri misaal misal misalen mjhe mtlb muje mujhay mujhe mujhy mukhtalif mushkil nahe
    nahi nahien nahin nhi nuqsan pahle pehla pehle pehli phir raha rahay rahe rahi rha rhe rhi saath sabhi sakta
    saktay sakte sakti samajh samjha samjhaen samjhain samjhaiye samjhana samjhao samjhayen sath sawal sikhao sirf
    skta skte skti smjh smjhao taareef tafseel tarah tareef tareeqa tareqa tarika tarike tariqa tha thay thi trah
    tumhara unka unke unki unko uska uske uski usko usse voh wahan wala walay wale wali walon waqt wazahat woh yah
    yahan yeh zaroorat zaroori zarurat zaruri ziada ziyada zyada zyda
    """
)
_SHARED = listed(
    """
    ab bari dena hen ho hone hue hun hy jab jo ka ke ki koi lena lie mai matlab mere na nai par pe sab se sy tak toh
    tum wo ye
    """
)
_ENGLISH = listed(
    """
    a about am an and are as at be because been being between but by can compare could define describe did
    difference do does example examples explain for from get give had has have he her him his how i if in into is it
    its list make may me mean meaning means might must my need no nor not of on or our over shall she should show so
    tell than that the their them then there these they this those to under use used uses using versus vs was we
    were what when where which while who whom whose why will with without work works would you your
    """
)
# The commonest words of other languages in Latin letters. They only make a question doubtful.
_ELSEWHERE = listed(
    """
    adalah apa avec bagaimana bir che como con cos cosa cuál cómo dan dans das den der des di du een ein eine einen
    el es est für gli het hoe il ist itu las les los mit nasil nasıl nedir os para per pour que qui quoi qué sind
    sono sont um uma und une van ve warum wie yang zijn é
    """
)


def foreign(question: str, book_language: str) -> bool:
    """Whether a question is in another language than the book. A doubtful one may be in the book's after all."""
    language = detect(question)
    return language is not None and language != book_language


def telling(question: str) -> str:
    """The words of a question that say what it is about: all but the function words of its language.

    Where nothing but words is compared, میں or "is" would find a passage in any book.
    """
    left_out = _function_words(urdu=(detect(question) or "").startswith("ur"))
    found = WORD.findall(unicodedata.normalize("NFKC", question))
    return " ".join(word for word in found if compared(word) not in left_out)


@cache
def _function_words(*, urdu: bool) -> frozenset[str]:
    """As words are compared; English ones also in Urdu questions, which mix both."""
    left_out = _ENGLISH | (_URDU | _SHARED | _URDU_WORDS | _URDU_FUNCTION_WORDS if urdu else frozenset())
    return frozenset(map(compared, left_out))


def detect(text: str) -> str | None:
    """The BCP 47 tag of a question's language, or None when it is doubtful.

    "ur" is Urdu in its own script, "ur-Latn" Roman Urdu (which cannot be told from Roman Hindi), both also when mixed
    with English terms. A few words in Latin letters that nothing speaks against are "en": terms are asked for in it.
    """
    words = _RUN.findall(_MARKS.sub("", unicodedata.normalize("NFKC", text)).casefold())
    scripts = Counter(script for word in words for script in _scripts(word))
    if not scripts:
        return None
    latin = scripts.pop("LATIN", 0)
    if not scripts or sum(scripts.values()) < _ENOUGH * (latin + sum(scripts.values())):
        return _latin(set(words))
    return _other(max(scripts, key=lambda script: scripts[script]), scripts, set(words))


def _scripts(word: str) -> set[str]:
    """The scripts of a word's letters; Chinese joins a Latin term without a space. A lone Greek letter is a symbol."""
    scripts = {unicodedata.name(letter, "").partition(" ")[0] for letter in word}
    return scripts - {"GREEK"} if len(word) == 1 else scripts


def _latin(words: set[str]) -> str | None:
    urdu, english = 2 * len(words & _URDU) + len(words & _SHARED), len(words & _ENGLISH)
    if urdu >= 2 and urdu > english:
        return "ur-Latn"
    return None if 0 < len(words & _ELSEWHERE) >= english else "en"


def _other(script: str, scripts: Counter[str], words: set[str]) -> str | None:
    letters = set("".join(words))
    if script == "ARABIC":
        return _arabic(letters, words)
    if script == "CYRILLIC" and letters & _NOT_RUSSIAN:
        return None
    if script == "CJK" and scripts.keys() & {"HIRAGANA", "KATAKANA"}:
        return "ja"
    return _BY_SCRIPT.get(script)


def _arabic(letters: set[str], words: set[str]) -> str | None:
    if letters & _URDU_ONLY or words & _URDU_WORDS:
        return "ur"
    if words & _PERSIAN_WORDS:
        return "fa"
    if letters & _NOT_ARABIC:
        return "ur"
    return "ar" if letters & _ARABIC_ONLY or any(word.startswith("ال") for word in words) else None
