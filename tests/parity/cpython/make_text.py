"""Writes text.json: what CPython's str.strip, str.capitalize and len give. Standard library alone.

Run: python3 tests/parity/cpython/make_text.py
"""
import json
import platform
import unicodedata
from pathlib import Path

TEXTS = [
    "", "a", "THEN He goes to NASA", "éCOLE ÉTÉ", "🙂 ABC", "𐐨𐐀 Deseret", "ß IS SHARP", "ŉA", "ǆ Ǆ ǅ", "ﬁSH ﬃ",
    "ΑΣ", "ΟΔΟΣ ΟΔΥΣΣΕΥΣ", "ᾳΣ.", "Σ", "aΣ Σa ΣΣ", "İSTANBUL İ", "ı I", "ქართული ᲥᲐᲠᲗᲣᲚᲘ", "1. NOT", " Leading", "ÅNGSTRÖM",
]
SPACES = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000 and chr(c).isspace()]
STRIPPED = [s + "x y" + s for s in SPACES] + ["\ufeffx\ufeff", "\u200bx\u200b", "\x00x\x00", "\x1ex\u180e", "".join(SPACES), ""]
CHARACTERS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000 and chr(c).capitalize() != chr(c)]

made = {
    "python": platform.python_version(),
    "unicode": unicodedata.unidata_version,
    "capitalize": [[t, t.capitalize(), len(t)] for t in TEXTS],
    "strip": [[t, t.strip()] for t in STRIPPED],
    "characters": "".join(chr(c) for c in CHARACTERS),
    "capitalized": [chr(c).capitalize() for c in CHARACTERS],
}
Path(__file__).with_name("text.json").write_text(json.dumps(made, ensure_ascii=False, separators=(",", ":")) + "\n")
