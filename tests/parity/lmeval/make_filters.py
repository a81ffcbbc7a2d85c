"""Makes filters.json: what lm-evaluation-harness's filters, exact_match, stops and MATH equality give.
Python gives MetaMath's number rule. Run in .venv-peers: python tests/parity/lmeval/make_filters.py
Our tests read the stored output, filters.json. The answers are strung together from bits of our own."""
import json
import re
from fractions import Fraction
from importlib.metadata import version
from pathlib import Path
from random import Random

import lm_eval
import yaml
from lm_eval.api.metrics import exact_match_hf_evaluate
from lm_eval.filters.extraction import RegexFilter
from lm_eval.models.utils import postprocess_generated_text
from lm_eval.tasks.hendrycks_math import utils as hendrycks

random = Random(6)
tasks = Path(lm_eval.__file__).parent / "tasks"


def strung(bits, most):
    return "".join(random.choice(bits) for _ in range(random.randint(0, most)))


BITS = ["#### ", "####", "#### ", "The answer is ", "the answer is ", "The answer is: ", "7", "18", "-", "$", ",", ".", " ",
        "\n", "\r", "1,800", "3.50", "12-5", "x", "É", "İ", "ß", "ΑΣ", "٣", "𝟛", "🦊", "\u2028", "\u0085", "\u00a0", "%", "=", "+", "\ufeff"]
STOP_BITS = ["Q:", "Q", ":", "Question:", "</s>", "</s", ">", "<|im_end|>", "a", "7", " ", "\n", "🦊"]
LATEX = ["\\frac", "\\dfrac", "\\tfrac", "\\sqrt", "{", "}", "1", "2", "72", "0", ".5", "0.5", ".", "/", "-", " ", "x", "=", "k = ",
         "\\left(", "\\right)", "^\\circ", "^{\\circ}", "\\text{ cm}", "\\$", "\\%", "\\!", "\\\\", "\n", "\\pi", "+", "🦊"]
NUMBER = ["The answer is: ", "The answer is:", "\n", " ", "-", "+", "1", "0", "12", "1,234", ",", ".", "/", ".5", "5/2", "7/2", "$", "x", "."]


def filters(task, text):
    config = yaml.safe_load((tasks / "gsm8k" / f"{task}.yaml").read_text())
    out = {}
    for entry in config["filter_list"]:
        options = {k: v for k, v in entry["filter"][0].items() if k != "function"}
        out[entry["name"]] = list(RegexFilter(**options).apply([[text]], [{}]))[0][0]
    return out


def exact_match(prediction, reference):
    metric = yaml.safe_load((tasks / "gsm8k/gsm8k.yaml").read_text())["metric_list"][0]
    options = {k: metric[k] for k in ["regexes_to_ignore", "ignore_case", "ignore_punctuation"]}
    return float(exact_match_hf_evaluate([prediction], [reference], **options)["exact_match"])


def slash(string):
    """Hendrycks's own code leaves what is no number as it is; the harness's copy gives up on it."""
    try:
        return harness_slash(string)
    except ValueError:
        return string


harness_slash, hendrycks.fix_a_slash_b = hendrycks.fix_a_slash_b, slash


def number(text):
    """The whole number after the last "The answer is: ", as MetaMath's eval_gsm8k.py has it, in our own words."""
    if "The answer is: " not in text:
        return None
    found = re.search(r"[\-+]?\d*[\.,/]?\d+", text.split("The answer is: ")[-1].strip())
    if found is None:
        return None
    whole, slash, part = found.group().replace(",", "").partition("/")
    if slash and (not whole.lstrip("+-") or (int(part) == 0 and part != "0")):
        return None
    value = round(Fraction(whole) / int(part)) if slash and int(part) else round(float(whole))
    return str(value)


texts = [strung(BITS, 9) for _ in range(400)]
references = ["some work\n#### " + random.choice(["7", "18", "-7", "1,800", "3.50", "7.", "7.\n", "$18", strung(BITS, 2),
                                              filters("gsm8k", t)["flexible-extract"], filters("gsm8k", t)["strict-match"], t.upper(), t + "\n"])
              for t in texts]
stops = ["Q:", "</s>", "<|im_end|>"], ["Question:", "</s>", "<|im_end|>"], ["", "Q:", "Q", "a7"], []
cut = [(strung(STOP_BITS, 9), random.choice(stops)) for _ in range(200)]
latex = [(strung(LATEX, 6), strung(LATEX, 4)) for _ in range(300)] + [(a, a.replace("\\frac", "\\dfrac").replace(" ", "")) for a in
                                                                      (strung(LATEX, 6) for _ in range(200))]
numbers = [strung(NUMBER, 2) + random.choice(["The answer is: ", "The answer is: ", ""]) + strung(NUMBER, 5) for _ in range(300)]
out = {
    "versions": {"lm_eval": version("lm_eval"), "python": ".".join(map(str, __import__("sys").version_info[:3]))},
    "answers": [
        {"text": t, "gsm8k": filters("gsm8k", t), "gsm8k_cot": filters("gsm8k-cot", t), "reference": r,
         "exact_match": {"text": exact_match(t, r), **{k: exact_match(v, r) for k, v in filters("gsm8k", t).items()}}}
        for t, r in zip(texts, references, strict=True)
    ],
    "cut": [{"text": t, "stops": s, "left": postprocess_generated_text(t, list(s), None)} for t, s in cut],
    "latex": [{"a": a, "b": b, "equal": hendrycks.is_equiv(a, b)} for a, b in latex],
    "numbers": [{"text": t, "number": number(t)} for t in numbers],
}
Path(__file__).with_name("filters.json").write_text(
    "{\n" + ",\n".join(
        f'"{name}": ' + (json.dumps(rows) if isinstance(rows, dict) else "[\n" + ",\n".join(map(json.dumps, rows)) + "\n]")
        for name, rows in out.items()
    ) + "\n}\n")
print({k: len(v) for k, v in out.items()}, sum(x["equal"] for x in out["latex"]), sum(x["number"] is not None for x in out["numbers"]),
      sum(sum(a["exact_match"].values()) > 0 for a in out["answers"]))
