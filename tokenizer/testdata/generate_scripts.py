"""Writes ../scripts.go from Hugging Face tokenizers 0.23.3.

    pip install tokenizers==0.23.3
    cd tokenizer/testdata && python generate_scripts.py

Tables: the scripts by which the pre-tokenizer UnicodeScripts splits (Unicode 9.0), found by asking it whether it
splits between a code point and one of each script met so far; and the scripts of its regular expressions (Oniguruma
6.9, Unicode 16.0), found by asking \\p{name} for every code point; and the properties that classes of
POSIX need beside the categories. classes.json holds what sets of code points expressions match.
"""

import json
import struct
import zlib

from tokenizers import Regex, normalizers, pre_tokenizers

from generate_classes import CODE_POINTS, literal, pack, removed

SCRIPTS = """Adlam Ahom Anatolian_Hieroglyphs Arabic Armenian Avestan Balinese Bamum Bassa_Vah Batak Bengali Bhaiksuki
Bopomofo Brahmi Braille Buginese Buhid Canadian_Aboriginal Carian Caucasian_Albanian Chakma Cham Cherokee Chorasmian
Common Coptic Cuneiform Cypriot Cypro_Minoan Cyrillic Deseret Devanagari Dives_Akuru Dogra Duployan
Egyptian_Hieroglyphs Elbasan Elymaic Ethiopic Garay Georgian Glagolitic Gothic Grantha Greek Gujarati Gunjala_Gondi
Gurmukhi Gurung_Khema Han Hangul Hanifi_Rohingya Hanunoo Hatran Hebrew Hiragana Imperial_Aramaic Inherited
Inscriptional_Pahlavi Inscriptional_Parthian Javanese Kaithi Kannada Katakana Kawi Kayah_Li Kharoshthi
Khitan_Small_Script Khmer Khojki Khudawadi Kirat_Rai Lao Latin Lepcha Limbu Linear_A Linear_B Lisu Lycian Lydian
Mahajani Makasar Malayalam Mandaic Manichaean Marchen Masaram_Gondi Medefaidrin Meetei_Mayek Mende_Kikakui
Meroitic_Cursive Meroitic_Hieroglyphs Miao Modi Mongolian Mro Multani Myanmar Nabataean Nag_Mundari Nandinagari
New_Tai_Lue Newa Nko Nushu Nyiakeng_Puachue_Hmong Ogham Ol_Chiki Ol_Onal Old_Hungarian Old_Italic Old_North_Arabian
Old_Permic Old_Persian Old_Sogdian Old_South_Arabian Old_Turkic Old_Uyghur Oriya Osage Osmanya Pahawh_Hmong Palmyrene
Pau_Cin_Hau Phags_Pa Phoenician Psalter_Pahlavi Rejang Runic Samaritan Saurashtra Sharada Shavian Siddham SignWriting
Sinhala Sogdian Sora_Sompeng Soyombo Sundanese Sunuwar Syloti_Nagri Syriac Tagalog Tagbanwa Tai_Le Tai_Tham Tai_Viet
Takri Tamil Tangsa Tangut Telugu Thaana Thai Tibetan Tifinagh Tirhuta Todhri Toto Tulu_Tigalari Ugaritic Unknown Vai
Vithkuqi Wancho Warang_Citi Yezidi Yi Zanabazar_Square""".split()


def split_scripts():
    """A number for the script of each code point, 0 for those that are never split off."""
    split = pre_tokenizers.UnicodeScripts()
    seen, of, last = [], [0] * 0x110000, 0
    for c in CODE_POINTS:
        if not split.pre_tokenize_str(chr(c)):  # a text without a script has no words
            continue
        for i in [last, *range(len(seen))]:
            if i < len(seen) and len(split.pre_tokenize_str(seen[i] + chr(c))) == 1:
                break
        else:
            i = len(seen)
            seen.append(chr(c))
        of[c], last = i + 1, i
    return of


def expression_scripts():
    of = [SCRIPTS.index("Unknown")] * 0x110000
    known = set()
    for i, name in enumerate(SCRIPTS):
        for c in removed(normalizers.Replace(Regex(r"\p{%s}" % name), "")):
            assert c not in known
            known.add(c)
            of[c] = i
    assert len(known) == len(CODE_POINTS)
    return of


def further():
    """Bits: Alphabetic beyond L and Nl, Lowercase beyond Ll, Uppercase beyond Lu."""
    of = [0] * 0x110000
    for bit, (name, known) in enumerate([("alpha", r"[\p{L}\p{Nl}]"), ("lower", r"\p{Ll}"), ("upper", r"\p{Lu}")]):
        whole, known = (removed(normalizers.Replace(Regex(s), "")) for s in ["[[:%s:]]" % name, known])
        assert known <= whole
        for c in whole - known:
            of[c] |= 1 << bit
    return of


EXPRESSIONS = [r"\p{%s}" % s for s in SCRIPTS] + [
    f"[[:{n}{s}:]]" for s in "alnum alpha ascii blank cntrl digit graph lower print punct space upper word xdigit".split() for n in ["", "^"]
] + [
    r"\p{Alpha}", r"\P{Upper}", r"\p{^Lower}", r"\p{space}", r"\p{XDigit}", r"\p{Print}", r"\p{canadian aboriginal}", r"\p{HAN}",
    r"\p{lu}", r"\p{L}", r"[\p{Han}\p{Hiragana}\p{Katakana}]", r"[^\p{Han}]", r"\h", r"\H", r"[\h]", r"\w", r"[\w]", r"\W", r"\s", r"\d", r"\N", r"\O", ".",
    r"[a-w&&[^c-g]z]", r"[^a-w&&[^c-g]z]", r"[a[bc]]", r"[^a[^b]]", r"[\p{L}&&\x00-\x7f]", r"[\p{L}&&[^\p{Latin}]]",
    r"[[:alpha:]&&[^aeiou]]", r"[[:^digit:]a]", r"[-a]", r"[^-a]", r"[a-c-1]", r"[a&&b]", r"[&&a]", r"[a&&]", r"[^&&a]", r"[\x41-\x{5A}\u00e9]", r"[+--]",
    r"\x{1F600}", r"\x7f", r"\e", r"\a", r"[\a\e\t]", r"[a&&-b]", r"[a-c-]", r"[[a-c]-]", r"[a\-z]", r"[!-/:-@\[-`{-~]", r"[\[\]\\^&-]", r"]", r"}",
]


def expressions():
    """The CRC-32 of the code points that each matches, as numbers of four bytes, highest first."""
    out = {}
    for e in EXPRESSIONS:
        codes = sorted(removed(normalizers.Replace(Regex(e), "")))
        out[e] = zlib.crc32(b"".join(struct.pack(">I", c) for c in codes))
    return out


def main():
    with open("classes.json", "w") as f:
        f.write(json.dumps(expressions(), indent=0) + "\n")
    with open("../scripts.go", "w") as f:
        f.write("// Code generated by testdata/generate_scripts.py; DO NOT EDIT.\n\npackage tokenizer\n\n"
                "// scriptNames are the scripts of Unicode 16.0, in the order of scriptRuns.\nvar scriptNames = [...]string{\n")
        for i in range(0, len(SCRIPTS), 6):
            f.write("\t" + " ".join(f'"{s}",' for s in SCRIPTS[i:i + 6]) + "\n")
        f.write("}\n\n// scriptRuns is the script of every code point in Unicode 16.0, as categoryRuns.\nconst scriptRuns = \"\" +\n")
        literal(f, pack(expression_scripts()))
        f.write("\n// furtherRuns is the bits of otherAlphabetic, otherLowercase and otherUppercase of every code point, as categoryRuns.\n"
                'const furtherRuns = "" +\n')
        literal(f, pack(further()))
        f.write("\n// splitScriptRuns is the script of every code point for UnicodeScripts, as categoryRuns; 0 for none.\n"
                'const splitScriptRuns = "" +\n')
        literal(f, pack(split_scripts()))


if __name__ == "__main__":
    main()
