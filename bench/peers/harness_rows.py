# Runs lm-evaluation-harness on tasks and gives a row an item, named as lib/evaluate/item_row.ts names them.
import hashlib

import lm_eval.evaluator as evaluator


def run_tasks(lm, tasks, limit=None, samples=None):
    """(rows of all tasks in order, the harness's mean metrics). Fills lm.seconds. `samples`: task → doc indices."""
    lm.clear()
    for task in tasks:
        task.set_fewshot_seed(seed=1234)  # a run before this one has drawn shots
    found = evaluator.evaluate(lm, {"tasks": {task.config.task: task for task in tasks}}, limit=limit, samples=samples,
                               bootstrap_iters=0)
    rows, at = [], 0
    for task in tasks:
        name = task.config.task
        if task.OUTPUT_TYPE == "multiple_choice":
            added, at = choice_rows(lm, task, found["samples"][name], at)
        else:
            added = generation_rows(lm, found["samples"][name])
        source = getattr(task, "source_rows", None)
        rows += [{"task": name, **row, "doc_index": source[row["doc_index"]] if source else row["doc_index"]} for row in added]
    return rows, found["results"]


def sha256(text):
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def choice_rows(lm, task, samples, at):
    """Requests were encoded in the order of the samples, `at` being the first of this task."""
    rows = []
    for sample in samples:
        arguments = sample["arguments"]
        encoded = lm.encoded[at : at + len(arguments)]
        at += len(arguments)
        doc = sample["doc"]
        multiple = task.multiple_input != 0
        metrics = {name: float(sample[name]) for name in sample["metrics"]}
        if task.config.process_results is not None:  # truthfulqa_mc2's acc is a probability
            metrics = {"mc2": metrics["acc"]}
        gold = task.doc_to_text(doc) if multiple else sample["target"]
        rows.append({
            "doc_index": sample["doc_id"], "context_sha256": sha256(arguments[0][0]),
            "contexts": list(dict.fromkeys(context for context, _ in arguments)),
            "n_context_tokens": len(encoded[0][0]), "choices": list(task.doc_to_choice(doc)),
            "continuation_token_ids": [continuation for _, continuation in encoded],
            "loglikelihoods": [float(r[0][0]) for r in sample["resps"]],
            "is_greedy": [bool(r[0][1]) for r in sample["resps"]], "gold": int(gold), **metrics,
        })
    return rows, at


def generation_rows(lm, samples):
    """One row a document; the harness has one sample a filter."""
    rows = {}
    for sample in samples:
        (context, settings), = sample["arguments"]
        row = rows.setdefault(sample["doc_id"], {
            "doc_index": sample["doc_id"], "context_sha256": sha256(context), "contexts": [context],
            "generated": sample["resps"][0][0], "target": sample["target"],
        })
        if "new_token_ids" not in row:
            row["n_context_tokens"], row["new_token_ids"] = lm.new_ids(context, settings.get("max_gen_toks", lm.max_gen_toks))
        kind = "strict" if sample["filter"] == "strict-match" else "flexible"
        row[f"exact_match_{kind}"] = float(sample["exact_match"])
        row[sample["filter"].replace("-", "_")] = sample["filtered_resps"][0]
    return list(rows.values())
