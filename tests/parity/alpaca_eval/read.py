# Reads the folders of `ual judge` as the real alpaca_eval 0.6.6 reads its own: DIR … Fails where a figure differs or a judge
# would be asked. For the environment see make.py.
import json
import logging
import math
import os
import shutil
import sys
import tempfile

import pandas as pd

import alpaca_eval.annotators.base as base
from alpaca_eval import main, metrics
from alpaca_eval.annotators import PairwiseAnnotator

logging.disable(50)


def refuse(**_):
    raise SystemExit("alpaca_eval wanted to ask the judge")


for folder in sys.argv[1:]:
    rows = pd.read_json(f"{folder}/annotations.json")
    ours = json.load(open(f"{folder}/summary.json"))
    board = pd.read_csv(f"{folder}/leaderboard.csv", index_col=0)
    name = rows["generator_2"][0]
    theirs = metrics.get_winrate(rows)
    for figure, value in theirs.items():
        assert math.isclose(value, ours[figure], rel_tol=1e-9), (figure, value, ours[figure])
        assert math.isclose(value, board.loc[name, figure], rel_tol=1e-9), figure
    outputs = lambda k: [dict(dataset="d", instruction=r["instruction"], output=r[f"output_{k}"], generator=r[f"generator_{k}"])
                         for _, r in rows.iterrows()]
    copy = os.path.join(tempfile.mkdtemp(), "run")
    shutil.copytree(folder, copy)
    again, _ = main.evaluate(outputs(2), outputs(1), annotators_config=rows["annotator"][0], output_path=None,
                             precomputed_leaderboard=f"{copy}/leaderboard.csv", is_return_instead_of_print=True,
                             fn_metric="get_winrate", sort_by="win_rate")
    assert math.isclose(again.loc[name, "win_rate"], ours["win_rate"], rel_tol=1e-9)
    if rows["annotator"][0] != "letters" and rows["preference"].notna().all():
        base.get_fn_completions = lambda _: refuse
        annotator = PairwiseAnnotator(annotators_config=rows["annotator"][0], caching_path=f"{copy}/annotations.json")
        told = annotator.annotate_head2head(outputs(1), outputs(2))
        assert [r["preference"] for r in told] == list(rows["preference"]), "read again from the cache"
        if "preference_is_switched" in rows and rows["annotator"][0] == "alpaca_eval_gpt4":  # 0.6.6 cannot parse its own dicts
            parsed = PairwiseAnnotator(annotators_config=rows["annotator"][0], caching_path=f"{copy}/annotations.json",
                                       is_reapply_parsing=True).annotate_head2head(outputs(1), outputs(2))
            assert all(math.isclose(a["preference"], b) for a, b in zip(parsed, rows["preference"])), "parsed again"
    print(folder, "read by alpaca_eval:", theirs)
