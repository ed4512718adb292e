"""The language of a question, from its letters and, for Latin letters, from its commonest words."""

import re
import unicodedata
from collections import Counter

_RUN = re.compile(r"[^\W\d_]+")
_MARKS = re.compile("[\u064b-\u065f\u0670\u0640]")  # Arabic vowel signs, which would cut a word
_ENOUGH = 1 / 3  # of a question's words in another script: English terms stand in an Urdu question, not the reverse

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
_URDU_WORDS = frozenset("کیا كيا کا کو کب کون کس اور نے جو تو تھا تھی".split())
_PERSIAN_WORDS = frozenset("است چیست چگونه چطور کدام می های را این برای شود کند کنید".split())
_NOT_RUSSIAN = frozenset("іїєґўћђљњџјѕѓќ")

# Roman Urdu has no spelling of its own: these are the ways in which students write its commonest words. No English
# word is among them, nor one that names something in a technical book (Ki, KE, MATLAB); those are in _SHARED.
_URDU = frozenset(
    """
    hai hae hain hein hy hyn hun hoon hota hoti hote hotay hotey hona honay honi hua hui huay hoga hogi
    hongay tha thi thay raha rahi rahe rahay rha rhi rhe kya kia kiya kyaa kiun kyun kyu kyon kyoun kiyun kiu
    kaise kese kaisay kesay kaisey kesy kesey kaisa kesa kaisi kesi kitna kitne kitni kitnay kab kahan kahaan kidhar
    kaun kon konsa konsi konse kaunsa kaunsi kaunse kis kisi kisay kise 
    ka ko mein mai mei mn nahi nahin nai nhi nahe nahien aur awr bhi bhee lekin magar agar phir yahan
    wahan yeh yah woh voh iska iski iske isko isse issay uska uski uske usko usse inka inki inke unka unki unke unko
    jis jiska jiski jiske jaise jese jaisay jaisa aise ese aisa esa sath saath liye lye wala wali wale
    walay walon sabhi kuch kuchh bohat bahut bohot buhat zyada ziada zyda ziyada sirf bilkul matlb mtlb
    kar karta karti karte kartay krta krti krte krtay karna karne karnay krna krne karo kro karein karen karain kren
    kijiye kijye kardo krdo karta karke krke kiye kiya karay karey sakta sakti sakte saktay skta skti skte
    jata jati jate jatay jaata jaati jaate jaye jaye jaey gaya gayi gaye gya deta deti dete detay dena dene
    diya leta leti lete lena lene chahiye chahie chahiay chahye chaiye chahta chahti batao btao bataen batain bataein
    bataiye batayen btaen btain bataye batana btayen samjhao samjhaen samjhain samjhaiye samjhayen smjhao samjha
    samajh smjh samjhana sikhao likho likhen likhain mujhe mujhay mujhy mjhe muje hamein hamen humein humen apna
    apni apne apko aapko aap aapka apka tum tumhara mera meri hamara hamari hamare
    farq faraq fark tareeqa tarika tareqa tariqa tarike kaam istemal istimal istamal istemaal fayda faida faide
    fayde faiday nuqsan misal misaal misalen zaroorat zarurat zaruri zaroori chalta chalti chalte chalana chalaen
    banta banti bante banata banate banaen banayen bante bnta bnaen kehte kehtay kahte kahtay
    khte bolte boltay tarah trah waqt dono donon pehle pehla pehli pahle baad baare darmiyan mukhtalif
    aasan asaan mushkil sawal jawab tafseel wazahat taareef tareef
    """.split()
)
_SHARED = frozenset("ki ke k se sy ho par pe ye wo jo koi na ab tak h q un matlab bari toh jab sab mere hen hone hue lie he me".split())
_ENGLISH = frozenset(
    """
    a an the this that these those what which who whom whose when where why how is are was were be been being am do
    does did has have had can could will would shall should may might must of in on at by for from with without
    between into about over under and or not no nor than then it its they them their there he she his her him i my we
    our you your me if as to so but because while vs versus explain define describe compare difference list give tell
    show example examples meaning mean means work works used use uses using need get make
    """.split()
)
# The commonest words of other languages in Latin letters. They only make a question doubtful.
_ELSEWHERE = frozenset(
    """
    est sont que qui quoi une les des du dans pour avec ist sind ein eine einen der das den und wie warum für mit es
    el los las cómo como qué cuál para con é um uma os che cosa cos il gli di sono per een het hoe zijn van nedir
    nasıl nasil bir ve apa adalah itu bagaimana yang dan
    """.split()
)


def detect(text: str) -> str | None:
    """The BCP 47 tag of a question's language, or None when it is doubtful.

    "ur" is Urdu in its own script, "ur-Latn" Roman Urdu (which cannot be told from Roman Hindi), both also when mixed
    with English terms. A few words in Latin letters that nothing speaks against are "en": terms are asked for in it.
    """
    words = _RUN.findall(_MARKS.sub("", unicodedata.normalize("NFC", text)).casefold())
    scripts = Counter(script for word in words for script in _scripts(word))
    if not scripts:
        return None
    latin = scripts.pop("LATIN", 0)
    if not scripts or sum(scripts.values()) < _ENOUGH * (latin + sum(scripts.values())):
        return _latin(words)
    return _other(max(scripts, key=lambda script: scripts[script]), scripts, set(words))


def _scripts(word: str) -> set[str]:
    """The scripts of a word's letters; Chinese joins a Latin term without a space. A lone Greek letter is a symbol."""
    scripts = {unicodedata.name(letter, "").partition(" ")[0] for letter in word}
    return scripts - {"GREEK"} if len(word) == 1 else scripts


def _latin(words: list[str]) -> str | None:
    count = Counter(words)

    def of(known: frozenset[str]) -> int:
        return sum(count[word] for word in count.keys() & known)

    urdu, english = of(_URDU), of(_ENGLISH)
    if urdu and 2 * urdu + of(_SHARED - _ENGLISH) > english:
        return "ur-Latn"
    return None if 0 < of(_ELSEWHERE) >= english else "en"


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
