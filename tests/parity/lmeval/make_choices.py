"""Makes choices.json: what lm-evaluation-harness asks for arc_easy, hellaswag, mmlu and truthfulqa on made-up rows, and how it
grades made-up log-likelihoods. Run with the peers' Python: python make_choices.py
Of TruthfulQA's contexts, which hold the package's examples, only the SHA-256 is kept."""
import json
import sys
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "bench/peers"))
from harness_tasks import build_task, new_manager  # noqa: E402

random = Random(5)
manager = new_manager()


def arc(i, question, texts, labels, key):
    return {"id": f"own-{i}", "question": question, "choices": {"text": texts, "label": list(labels)}, "answerKey": key}


ARC = [arc(*row) for row in [
    (0, "Which one floats on water?", ["a cork", "a nail", "a coin"], "ABC", "A"),
    (1, " What is {{ 2 }} + 2?\n", ["1", "2", "3", "4", "5"], "12345", "4"),
    (2, "Où pousse le riz 🌾?", ["dans l'eau", "sur la lune", "dans l'eau", "…"], "ABCD", "C"),
    (3, "Is a whale \"a fish\"?", ["No.", "Yes's \\n"], "AB", "A"),
    (4, "Empty?", ["x", " ", "🦊🦊🦊🦊", "four"], "ABCD", "D"),
    (5, "Which is hot?", ["ice", "fire"], "12", "2"),
]]


def scene(label, a, b, endings, gold):
    return {"ind": 7, "activity_label": label, "ctx_a": a, "ctx_b": b, "ctx": f"{a} {b}", "endings": endings, "label": gold}


HELLASWAG = [scene(*row) for row in [
    ("Making tea", "A man fills a kettle.", "the MAN from NASA", ["waits [step] until it boils.", "paints it.", "eats it.", "sails."], "0"),
    ("How to [x] sing", "[header] Begin low. [title] Breathe in. [step] Stand.  Up.", "", [" a [title] b", "c  d   e", "f", "[g]"], "1"),
    ("  Spaces", "Tabs\t and [open\nbracket] stay.", "éCOLE ÉTÉ", ["[\u2028]x", "y ", "\u00a0z", "ẞ"], "2"),
    ("Ω", "Ο ΟΔΥΣΣΕΥΣ.", "ΣΟΦΟΣ ΟΔΟΣ", ["🙂🙂", "ab", "ΑΣ", "Σ"], "3"),
    ("Ligature", "One.", "ﬁRST \x1cß", ["a", "b", "c", "d"], "0"),
    ("Brackets", "a [[b] c] d [title] [title] e", "[step] F", ["a]", "[b", "c[]d", "e"], "1"),
]]


def mmlu(question, choices, answer):
    return {"question": question, "subject": "marketing", "choices": choices, "answer": answer}


MMLU = [mmlu(*row) for row in [
    (" Which is even?\n", ["3", " 4", "5 ", "7"], 1), ("{{ a }} ¿Qué?", ["", "b", "b", "🙂"], 3),
    ("\x1fA line\nof two", ["A", "B", "C", "D"], 0), ("Last?", ["w", "x", "y", "z"], 2),
]]


def truth(question, mc1, mc2):
    row = {"question": question}
    for name, targets in (("mc1_targets", mc1), ("mc2_targets", mc2)):
        row[name] = {"choices": list(targets), "labels": list(targets.values())}
    return row


TRUTH = [truth(*row) for row in [
    ("Do fish sleep?", {"They rest.": 1, "They never do.": 0}, {"They rest.": 1, "Many do.": 1, "They never do.": 0}),
    (" It's {{ 1 }} \"quoted\"? ", {"Yes 🙂": 1, "No\\n": 0, "It's": 0}, {"Yes 🙂": 1, "No\\n": 0, "It's": 0, "A\nB": 1}),
]]


def case(name, count, test, shots=None, openllm=False):
    task = build_task(manager, name, test, shots, count, openllm)
    items = [item(task, name, doc, count) for doc in task.eval_docs]
    return {"task": name, "settings": "openllm" if openllm else "harness", "shots": count, "test": test, "from": shots, "items": items}


def item(task, name, doc, count):
    context = task.fewshot_context(doc, count)
    asked = task.construct_requests(doc, context)
    kept = {"context_sha256": sha256(context.encode()).hexdigest()} if name.startswith("truthfulqa") else {"context": context}
    few = [[-3.0] * len(asked), [-12.5] + [-4.0] * (len(asked) - 1)]
    lls = few + [[round(-random.uniform(0.5, 30), 3) for _ in asked] for _ in range(6)]
    metrics = [{k: float(v) for k, v in task.process_results(doc, [(x, False) for x in ll]).items()} for ll in lls]
    return {**kept, "continuations": [one.args[1] for one in asked], "loglikelihoods": lls, "metrics": metrics}


cases = [
    case("arc_easy", 0, ARC), case("arc_challenge", 2, ARC[:3], ARC[3:]), case("arc_challenge", 3, ARC),
    case("hellaswag", 0, HELLASWAG), case("hellaswag", 2, HELLASWAG[:3], HELLASWAG[3:]),
    case("hellaswag", 2, HELLASWAG[:3], HELLASWAG[3:], openllm=True), case("hellaswag", 3, HELLASWAG),
    case("mmlu_marketing", 0, MMLU), case("mmlu_marketing", 2, MMLU[:2], MMLU[2:]), case("mmlu_marketing", 2, MMLU),
    case("truthfulqa_mc1", 0, TRUTH), case("truthfulqa_mc2", 0, TRUTH),
]
head = json.dumps({"made_by": "tests/parity/lmeval/make_choices.py", "versions": {"lm_eval": version("lm-eval")}})[:-1]
body = ",\n".join(map(json.dumps, cases))
Path(__file__).with_name("choices.json").write_text(f'{head}, "cases": [\n{body}\n]}}\n')
print(len(cases), "cases")
