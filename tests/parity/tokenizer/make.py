# Writes cases.jsonl: texts and their token ids by Hugging Face's tokenizers, from the tokenizer.json that we make of the
# default model's GGUF file. Run once by hand:
#   pip install tokenizers==0.23.3 && python make.py <folder of the converted model>
import json
import random
import sys

from tokenizers import Tokenizer

tokenizer = Tokenizer.from_file(sys.argv[1] + "/tokenizer.json")
texts = [
    "", " ", "\n", "\n\n12", "\n\n 12", "x=3.14 and 2,718", "a  b   c\n\n\n    d\t\te ", "It's they'LL we've I'd'nt 's",
    "½ cup, x² + 10³, Ⅷ, ٣٤, 五", "no\u00a0break\u3000wide\ufeffmark\u0085next\u200bzero\u2028line", "naïve café “quotes” — …",
    "日本語のテキスト 12時", "Привет, мир! Γειά σου", "🙂👩‍👩‍👧🇨🇭 1️⃣", "e\u0301 \u0301 \u0300a", "<|im_start|>user\nHi<|im_end|>\n",
    "<|im_start|><|im_start|> <|im_end", "x<repo_name>y<|endoftext|>", "<|im_start|>12<|im_end|>\n\n34", "C:\\temp\\new\r\nline\r\r\n",
    "def f(x):\n    return x ** 2  # 10 %\n\n\nprint(f(3))", "\x00\x01\x1b[0m\x7f", "a\x04b \x1d  c", "\U00050000 \U00090000x\U000500002",
]
pools = ["abcde XYZ 0129 \n\t.,'sdt", "½²٣Ⅷ 1a\n", "\u0085\ufeff\u00a0\u2003\u3000\u200b x1\n\u000b", "日本🙂éñ\u0301 ß", "<|im_start|><|im_end|> \n"]
rng = random.Random(5)
for i in range(120):
    pool = pools[i % 6] if i % 6 < 5 else "".join(pools)
    texts.append("".join(rng.choice(pool) for _ in range(rng.randint(1, 40))))
for _ in range(60):
    points = [rng.choice((rng.randrange(0x20, 0x3000), rng.randrange(0x3000, 0xD800), rng.randrange(0x10000, 0x20000))) for _ in range(12)]
    texts.append("".join(map(chr, points)))
with open("cases.jsonl", "w") as file:
    for text in texts:
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        file.write(json.dumps({"text": text, "ids": ids}, separators=(",", ":")) + "\n")
