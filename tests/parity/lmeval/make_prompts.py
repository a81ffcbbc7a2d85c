"""Makes prompts.json: what lm-evaluation-harness asks on made-up rows of four tasks, and how it grades.
Run with the peers' Python: python make_prompts.py
Of gsm8k_cot's contexts, which hold the package's examples, only the SHA-256 is kept."""
import json
import sys
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "bench/peers"))
from harness_tasks import build_task, new_manager  # noqa: E402

random = Random(11)
manager = new_manager()

sums = [("Mia bakes 3 trays of 8 rolls and sells 20. How many are left?", "3 * 8 = <<3*8=24>>24 rolls.\nSo 24 - 20 = <<24-20=4>>4.\n#### 4"),
        ("A 1,500 g loaf costs $3. What do 2 cost?", "2 * 3 = $<<2*3=6>>6.\n#### 6"),
        ("What is {{ 7 }} {% raw %} times 300? ", "It is 2,100.\n#### 2,100"),
        ("Ünal lost 5 of 2 marbles…\nHow many has he?", "2 - 5 = -3\n#### -3"),
        ("Two \"eggs\" and 🦊 three. How many?", "2 + 3 = 5 #### not yet\n#### 5.0 "),
        ("Question: is it 7?", "Yes.\n####  7"), ("How many?", "1\n#### 1,000.\n")]
sums = [{"question": q, "answer": a} for q, a in sums]
blanks = [("The jug did not fit on the shelf as the _ was too tall.", "jug", "shelf", "1"),
          ("Ann waved to Bea, and _ waved back at _ .  ", "Ann", "Bea", "2"),
          ("_ paid, so Çem thanked the other.", "Ali", "Çem", "1"),
          ("The lid (the_) fits the 🦊 pot {{ x }}.", " old", "new", "2"),
          ("Once _\t was all he said.\n", "yes", "no ", "1"), ("He took the tram, not the bus, since the _ was late.", "tram", "bus", "2")]
blanks = [{"sentence": s, "option1": a, "option2": b, "answer": g} for s, a, b, g in blanks]
goals = [("Keep a door from slamming", "Push a wedge under it.", "Paint the wedge.", 0),
         ("To dry \"it\",\nfirst ", " it's shaken\\n {{ x }}", "it is 🦊🦊🦊 eaten", 1), ("Open a jar", "Twist.", "Ask it to open, politely.", 0),
         ("Warm hands", "Hold snow", "Hold tea", 1), ("Ζεσταίνω", "çay", "ß", 0)]
goals = [{"goal": g, "sol1": a, "sol2": b, "label": n} for g, a, b, n in goals]
sets = {"gsm8k": sums, "gsm8k_cot": sums, "winogrande": blanks, "piqa": goals}
texts = [" 24 - 20 = 4\n#### 4", " The answer is 4.\n\n", " The answer is 2,100. ", " so $6", "", " #### 7.", " #### 1000", " The answer is -3\n",
         " #### 5.0", " 5.0 ", " The answer is 1,000 eggs."]


def case(name, count, openllm=False, pool=True):
    rows = sets[name]
    test, shots = (rows[:3], rows[3:]) if pool else (rows, None)
    task = build_task(manager, name, test, shots, count, openllm)
    items = [item(task, name, doc, count) for doc in task.eval_docs]
    return {"task": name, "settings": "openllm" if openllm else "harness", "shots": count, "test": test, "from": shots, "items": items}


def item(task, name, doc, count):
    ctx = task.fewshot_context(doc, task.config.num_fewshot or count)
    asked = task.construct_requests(doc, ctx)
    if name.startswith("gsm8k"):
        context, options = asked.args
        kept = {"context_sha256": sha256(context.encode()).hexdigest()} if name == "gsm8k_cot" else {"contexts": [context]}
        return {**kept, "stop": options["until"], "answers": [graded(task, doc, text) for text in texts]}
    lls = [[round(-random.uniform(1, 30), 3) for _ in asked] for _ in range(6)]
    return {"contexts": [one.args[0] for one in asked], "continuations": [one.args[1] for one in asked],
            "answers": [{"loglikelihoods": ll, "metrics": task.process_results(doc, [(x, False) for x in ll])} for ll in lls]}


def graded(task, doc, text):
    out = {"text": text, "extracted": {}, "metrics": {}}
    for ensemble in task._filters:
        answer = [[text]]
        for step in ensemble.filters:
            answer = list(step().apply(answer, [doc]))
        out["extracted"][ensemble.name] = answer[0]
        out["metrics"][ensemble.name] = float(task.process_results(doc, answer)["exact_match"])
    return out


cases = [case("gsm8k", 2), case("gsm8k", 0), case("gsm8k", 4, pool=False), case("gsm8k_cot", 8), case("winogrande", 0),
         case("winogrande", 2), case("winogrande", 2, openllm=True), case("winogrande", 3, pool=False), case("piqa", 0), case("piqa", 1),
         case("piqa", 1, openllm=True), case("piqa", 2, pool=False)]
head = json.dumps({"made_by": "tests/parity/lmeval/make_prompts.py", "versions": {"lm_eval": version("lm-eval")}})[:-1]
body = ",\n".join(map(json.dumps, cases))
Path(__file__).with_name("prompts.json").write_text(f'{head}, "cases": [\n{body}\n]}}\n')
print(len(cases), "cases")
