# lm-evaluation-harness's own tasks on rows that are already here, instead of the hub's data sets. Everything else of a task
# (text, choices, shots, filters, metrics) is the harness's.
import datasets
from harness_files import numbered_rows
from lm_eval.tasks import TaskManager

OPENLLM_TRAIN = {"arc_challenge", "hellaswag", "winogrande"}  # tasks/benchmarks/openllm.yaml: fewshot_split: train


def build_task(manager, name, test, shots=None, count=None, openllm=False):
    """The task `name` on the rows `test`, with `count` shots (default the task's own) from `shots`, or from `test`
    itself where `shots` is None: then the harness draws one more and leaves out the document."""
    entry = manager.task_index[name]
    plain = manager._factory._load_full_config(entry)
    split = plain.get("test_split") or plain.get("validation_split")
    data = {split: datasets.Dataset.from_list(test)}
    change = {}
    source = plain.get("fewshot_split") or plain.get("training_split")
    if shots is not None and source is not None:
        data[source] = datasets.Dataset.from_list(shots)
        if openllm and name in OPENLLM_TRAIN:
            change["fewshot_split"] = "train"
    elif source is not None:
        change["training_split"] = None
        if plain.get("test_split") is not None:  # else validation is the next in line
            change["fewshot_split"] = split
    if plain.get("test_split") is not None:
        change["validation_split"] = None
    if count is not None and plain.get("num_fewshot") != 0 and "samples" not in (plain.get("fewshot_config") or {}):
        change["num_fewshot"] = count
    elif plain.get("num_fewshot") is None:
        change["num_fewshot"] = 0
    task = manager._factory.build(entry, overrides={**change, "custom_dataset": lambda **_: data},
                                  registry=manager.task_index)
    task.set_fewshot_seed(seed=1234)
    return task


def new_manager():
    """The harness's index of tasks; slow to make (it reads every yaml), so make one."""
    return TaskManager()


def open_tasks(manager, work):
    """The tasks of a bench's work: {tasks: [{name, test, shots?, count?, subject?}], openllm}, files by their paths."""
    def build(one):
        def rows(split):
            return numbered_rows(one["name"], one[split], one.get("subject")) if one.get(split) else None
        test, shots = rows("test"), rows("shots")
        task = build_task(manager, one["name"], list(test.values()), shots and list(shots.values()), one.get("count"),
                          work["openllm"])
        task.source_rows = list(test)  # where each document stands in its file
        return task
    return [build(one) for one in work["tasks"]]
