"""Makes results.json and samples_*.jsonl: the files that lm-evaluation-harness writes, from a made-up model on our own questions.
Run with the peers' Python: python make_results.py"""
import hashlib
import json
import shutil
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

here = Path(__file__).resolve().parent
root = here.parents[2]
sys.path.insert(0, str(root / "bench/peers"))
from harness_files import hub_rows  # noqa: E402
from harness_tasks import build_task, new_manager  # noqa: E402
from lm_eval.api.group import Group  # noqa: E402
from lm_eval.api.model import LM  # noqa: E402
from lm_eval.config.group import AggMetricConfig  # noqa: E402
from lm_eval.evaluator import evaluate  # noqa: E402
from lm_eval.loggers import EvaluationTracker  # noqa: E402

KINDS = {"stem": ["mmlu_elementary_mathematics", "mmlu_high_school_biology"], "humanities": ["mmlu_world_religions"]}
LIMITS = {"arc_easy": 4, "gsm8k": 4, "mmlu_elementary_mathematics": 4, "mmlu_high_school_biology": 3, "mmlu_world_religions": 2}


class MadeUp(LM):
    """Log-likelihoods and answers out of a hash of what is asked."""

    def loglikelihood(self, requests):
        out = []
        for request in requests:
            digest = hashlib.sha256("\n".join(request.args).encode()).digest()
            out.append((-(digest[0] / 8) - digest[1] / 4096, digest[2] < 64))
        return out

    def generate_until(self, requests):
        return [[" So the answer is 12.\n#### 12", " 7 or 9", "", " 1,200 é"][i % 4] for i, _ in enumerate(requests)]

    def loglikelihood_rolling(self, requests):
        raise NotImplementedError


def bundled(name):
    return str(root / "data/benchmarks" / name)


def mmlu_rows(split, name):
    return hub_rows(name, bundled(f"mmlu/{split}.jsonl"), name.removeprefix("mmlu_"))


manager = new_manager()
subjects = [name for members in KINDS.values() for name in members]
arc = [hub_rows("arc_easy", bundled(f"arc_easy/{split}.jsonl")) for split in ("test", "train")]
gsm8k = [hub_rows("gsm8k", bundled(f"gsm8k/{split}.jsonl")) for split in ("test", "train")]
tasks = {
    "arc_easy": build_task(manager, "arc_easy", *arc),
    "gsm8k": build_task(manager, "gsm8k", *gsm8k, count=1),
    **{name: build_task(manager, name, mmlu_rows("test", name), mmlu_rows("dev", name), 1) for name in subjects},
}
weighted = [AggMetricConfig(metric="acc", weight_by_size=True)]
groups = {"mmlu": Group("mmlu", aggregate_metric_list=weighted, metadata={"version": 2})}
for kind, members in KINDS.items():
    group = Group(f"mmlu_{kind}", alias=kind, aggregate_metric_list=weighted, metadata={"version": 2})
    for name in members:
        group.add(tasks[name])
    groups[group.name] = group
    groups["mmlu"].add(group)

results = evaluate(MadeUp(), {"tasks": tasks, "groups": groups}, samples={name: list(range(n)) for name, n in LIMITS.items()})
samples = results.pop("samples")
with tempfile.TemporaryDirectory() as folder:
    tracker = EvaluationTracker(output_path=folder)
    tracker.general_config_tracker.log_experiment_args("made-up", "pretrained=org/made-up", None, None, False)
    tracker.save_results_aggregated(results, samples)
    for name, rows in samples.items():
        tracker.save_results_samples(name, rows)
    (written,) = Path(folder).iterdir()
    for path in sorted(written.iterdir()):
        kept = path.name.replace(f"_{tracker.date_id}", "")
        if kept == "results.json":
            found = json.loads(path.read_text(encoding="utf-8"))
            kept_of_config = ("task", "task_alias", "output_type", "num_fewshot", "repeats")
            found["configs"] = {name: {key: config[key] for key in kept_of_config if key in config}
                                for name, config in found["configs"].items()}
            found["total_evaluation_time_seconds"] = None  # differs from run to run
            found["made_by"] = f"tests/parity/lmeval/make_results.py, lm_eval {version('lm-eval')}"
            (here / kept).write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        else:
            shutil.copyfile(path, here / kept)
        print(written.name, path.name)
