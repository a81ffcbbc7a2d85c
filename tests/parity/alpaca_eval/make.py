# Outputs of the real alpaca_eval 0.6.6 on synthetic answers, for tests/evaluate_judge_parity_test.ts. Run it anew with
#   python3 -m venv v && v/bin/pip install "setuptools<80" "scikit-learn==1.5.2" alpaca_eval==0.6.6 && v/bin/python make.py
# It asks no judge and loads nothing: the decoder answers from a table, and the hub's df_gamed.csv is one made here.
import json
import logging
import os
import random
import tempfile

import numpy as np
import pandas as pd

import alpaca_eval.annotators.base as base
from alpaca_eval import completion_parsers, main, metrics, utils
from alpaca_eval.annotators import PairwiseAnnotator
from alpaca_eval.metrics import glm_winrate

logging.disable(50)
HERE = os.path.dirname(os.path.abspath(__file__))
WORDS = "sea tide lamp stone river bread clock märz naïve 波 🎈 quiet green north seven paper".split()


def text(rnd, least, most):
    return " ".join(rnd.choice(WORDS) for _ in range(rnd.randint(least, most)))


def answers(seed, n, bias):
    rnd = random.Random(seed)
    ref = [dict(dataset="made", instruction=f"{i}: {text(rnd, 3, 9)}?", output=text(rnd, 5, 60), generator="ref")
           for i in range(n)]
    own = [dict(dataset="made", instruction=r["instruction"], output=text(rnd, 5, 60 + bias), generator="own")
           for r in ref]
    if n > 8:
        own[5]["output"] = ref[5]["output"]  # a draw without a call
    return ref, own


def ranking_cases():
    cases = [
        "[{'model': 'model_1', 'rank': 1}, {'model': 'model_2', 'rank': 2}]",
        '[{"model": "model_1", "rank": 2}, {"model": "model_2", "rank": 1}]',
        "[{'model': 'model_2', 'rank': 1}, {'model': 'model_1', 'rank': 2}]",
        "[{'model': 'model_1', 'rank': 3}, {'model': 'model_2', 'rank': 1}]",
        "({'model': 'model_1', 'rank': 2},)", "{'model': 'model_1', 'rank': 2},",
        "{'model': 'model_1', 'rank': 1}", "[{'model': 'model_1', 'rank': True}]", "[{'model': 'model_1', 'rank': 2.0}]",
        "[{'model': 'model_1', 'rank': '1'}]", "[{'rank': 1}, {'model': 'model_1', 'rank': 1}]", "[]", " ", "[1, 2]",
        "\n\n[{'model': 'model_1', 'rank': 1}]\n\n", "\n  [{'model': 'model_1', 'rank': 1}]",
        "  [{'model': 'model_1', 'rank': 1}]  ", "```python\n[{'model': 'model_1', 'rank': 1}]\n```",
        "[\n    {'model': 'model_1', 'rank': 1},  # best\n    {'model': 'model_2', 'rank': 2},\n]",
        "[{'model': 'model' '_1', 'rank': +1}]", "[{'model': 'model\\x5f1', 'rank': 0x2}]", "[{'model': r'model_1', 'rank': 01}]",
        "[{'model': 'model_1', 'rank': 1}, {'model': 'model_2', 'rank': 2}", "[{'model': 'model_1', 'rank': 1}] ok",
        "[{'model': 'model_1', 'rank': 1,}, ]", "[{'model': 'model_1', 'rank': 1} {'model': 'model_2', 'rank': 2}]",
        "[{'model': 'model_1', 'rank': None}]", "[{'model': 'model_1', 'rank': 1}, {'model': 'model_1', 'rank': 2}]",
        "[{'model': 'model_1', 'rank': 2, 'rank': 1}]", "[{'model': '''model_1''', 'rank': 1_0}]",
        "{'model': 'model_1', 'rank': 2},\n{'model': 'model_2', 'rank': 1}", "[{'model': \"model_1\", 'rank': 1e0}]",
        "[{'model': 'model_1', 'rank': 1}, ['model_2']]", "[{'model': 'model_1', 'rank': -1}]", "[{model: 'model_1'}]",
        "[{'model': 'model_1', 'rank': 1}], ", "[{'model': 'model_1', 'rank': 1},, ]", "I prefer model_1.", "[{'model': '波', 'rank': 1}]",
    ]
    read = lambda c: completion_parsers.ranking_parser(c)[0]
    return [[c, None if pd.isna(read(c)) else float(read(c))] for c in cases]


def logprob_cases():
    lists = [{"m": -0.1, "M": -2.5}, {"M": -0.01}, {"m": -0.01}, {"x": -0.1, "m ": -0.2}, {"m": -900.0, "M": -901.0},
             {"m": -0.7, "M": -0.7}, {"m": -3.0, "x": -0.1, "M": -9.5, "The": -11.0, "Both": -14.0}, {}]
    out = []
    for table in lists:
        top = [dict(token=t, logprob=p) for t, p in table.items()]
        got = completion_parsers.logprob_parser(dict(logprobs=dict(content=[dict(token="m", logprob=0.0, top_logprobs=top)])),
                                                "m", ["m", "M"], is_binarize=False)[0]
        out.append([top, None if np.isnan(got) else float(got)])
    return out


def metric_cases():
    lists = [[1, 2, 2, 1.5, 0, None], [1.2, 1.8, 1.5, 1.49, 1.51], [1, 1, 1], [2.0], [None, None, 2, 1], [-1, 2, 1.2, 1.7]]
    cases = []
    for preferences in lists:
        got = metrics.get_winrate([dict(preference=p) for p in preferences])
        cases.append([preferences, {k: None if pd.isna(v) else float(v) for k, v in got.items()}])
    return cases


def preferences_of(ref, own, seed, slope, tilt, hard):
    rnd = random.Random(seed)
    out = []
    for i, (a, b) in enumerate(zip(ref, own)):
        z = slope * (len(b["output"]) - len(a["output"])) / 100 + tilt + hard * difficulty(i) + rnd.gauss(0, 1)
        p = 1 / (1 + np.exp(-z))
        out.append(1.5 if a["output"] == b["output"] else 1 + float(round(p) if rnd.random() < 0.3 else round(p, 6)))
    return out


difficulty = lambda i: round(float(np.sin(1 + 7.3 * i)), 6)


def gamed(n, seed):
    rnd = random.Random(seed)
    rows = []
    for model, fair, shift in [("fair", True, 0), ("long", False, 1.2), ("short", False, -1.2)]:
        for i in range(n):
            z = shift + rnd.gauss(0, 0.6) + (0.3 * difficulty(i) if fair else 0)
            rows.append(dict(model=model, index=i, preference=round(float(1 / (1 + np.exp(-z))), 6) if not fair else 0.5,
                             std_delta_len=round(shift + rnd.gauss(0, 0.8), 6) if not fair else 0.0,
                             instruction_difficulty=difficulty(i), not_gamed_baseline=fair))
    return rows


def length_cases():
    cases = []
    for seed, n, bias, slope, tilt, hard in [(1, 60, 0, 1, 0.2, 0.5), (2, 120, 60, 2, -0.4, 0), (3, 200, -30, 0.5, 1, -1),
                                             (4, 40, 100, -1, 0, 0.2), (5, 805, 20, 1.5, -0.2, 0.8)]:
        ref, own = answers(seed, n, bias)
        prefs = preferences_of(ref, own, seed, slope, tilt, hard)
        if n == 120:
            prefs[7] = prefs[31] = None
        rows = [dict(instruction=a["instruction"], output_1=a["output"], output_2=b["output"], generator_1="ref",
                     generator_2="own", annotator="made", preference=p) for a, b, p in zip(ref, own, prefs)]
        table = gamed(n, seed)
        path = os.path.join(tempfile.mkdtemp(), "df_gamed.csv")
        pd.DataFrame(table).to_csv(path, index=False)
        glm_winrate.hf_hub_download = lambda **_: path
        got = {}
        fitted = []
        fit = glm_winrate.fit_LogisticRegressionCV
        glm_winrate.fit_LogisticRegressionCV = lambda *a, **k: fitted.append(fit(*a, **k)) or fitted[-1]
        for name in ["length_controlled_minimal", "length_controlled_noreg", "length_controlled_v1"]:
            m = metrics.get_length_controlled_winrate(pd.DataFrame(rows), glm_name=name, save_weights_dir=None)
            got[name] = dict(length_controlled_winrate=float(m["length_controlled_winrate"]),
                             lc_standard_error=float(m["lc_standard_error"]),
                             weights=[float(w) for w in fitted[-1].coef_[0]], C=float(fitted[-1].C_[0]))
        glm_winrate.fit_LogisticRegressionCV = fit
        cases.append(dict(lengths=[[len(r["output_1"]), len(r["output_2"])] for r in rows], preferences=prefs,
                          gamed=[[r["preference"], r["std_delta_len"], r["instruction_difficulty"], r["not_gamed_baseline"]]
                                 for r in table], glm=got))
    return cases


def whole():
    """An evaluation as alpaca_eval runs it, the judge's answers a function of what it is shown."""
    ref, own = answers(9, 24, 10)

    def decode(prompts, model_name, **kwargs):
        out = []
        for prompt in prompts:
            shown = prompt.count("e") * 7 % 11
            top = [dict(token="m", logprob=-0.2 - 0.1 * shown, bytes=[109]), dict(token="M", logprob=-1.1, bytes=[77])]
            if shown == 3:
                top = [dict(token="Both", logprob=-0.3, bytes=[66, 111, 116, 104])]
            out.append(dict(finish_reason="length", index=0, logprobs=dict(content=[
                dict(token=top[0]["token"], bytes=top[0]["bytes"], logprob=top[0]["logprob"], top_logprobs=top)]),
                message=dict(content=top[0]["token"], role="assistant"), text=top[0]["token"], total_tokens=300))
        n = len(prompts)
        ranks = [f"[{{'model': 'model_1', 'rank': {1 + p.count('e') % 2}}}]" if p.count("e") % 5 else "no" for p in prompts]
        return dict(completions=ranks, price_per_example=[0.003] * n, time_per_example=[0.1] * n, completions_all=out)

    base.get_fn_completions = lambda _: decode
    got = dict(reference=ref, model=own)
    for name in ["alpaca_eval_gpt4", "weighted_alpaca_eval_gpt4_turbo"]:
        board, rows = main.evaluate(own, ref, annotators_config=name, output_path=None, precomputed_leaderboard=None,
                                    is_return_instead_of_print=True, fn_metric="get_winrate", sort_by="win_rate",
                                    caching_path=None)
        figures = {k: v if isinstance(v, str) else float(v) for k, v in board.to_dict(orient="index")["own"].items()}
        got[name] = dict(leaderboard=figures, columns=list(board.columns),
                         fields=list(json.loads(pd.DataFrame(rows).to_json(orient="records"))[0]),
                         preferences=[None if pd.isna(r["preference"]) else float(r["preference"]) for r in rows])
    return got


def switches():
    rnd = random.Random(3)
    texts = [text(rnd, 1, 12) for _ in range(300)] + ["", "\n", "𝒳" * 50, "a\u0000b"]
    return [texts, "".join(str(int(utils.random_seeded_choice("is_switched_outputs" + t + "0", [False, True]))) for t in texts)]


with open(os.path.join(HERE, "alpaca_eval.json"), "w", encoding="utf-8") as file:
    json.dump(dict(version="alpaca_eval 0.6.6, scikit-learn 1.5.2, numpy " + np.__version__, ranking=ranking_cases(),
                   logprobs=logprob_cases(), metrics=metric_cases(), whole=whole(), switches=switches(),
                   lengths=length_cases()), file, ensure_ascii=False, separators=(",", ":"))
