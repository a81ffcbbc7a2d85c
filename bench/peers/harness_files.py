# Reads benchmark files into the hub's layout, which lm-evaluation-harness's tasks expect: JSON lines (gzip too), a JSON list,
# a parquet file, or MMLU's csv in a zip ("mmlu.zip!test/anatomy_test.csv"). Written apart from lib/evaluate, to check it.
import csv
import gzip
import io
import json
import zipfile


def read_rows(path):
    """The file's rows as dicts (csv: as lists)."""
    if "!" in path:
        archive, end = path.split("!", 1)
        with zipfile.ZipFile(archive) as file:
            name = next(name for name in sorted(file.namelist()) if name.endswith(end))
            return list(csv.reader(io.StringIO(file.read(name).decode("utf-8"), newline="")))
    if path.endswith(".parquet"):
        import pyarrow.parquet
        return pyarrow.parquet.read_table(path).to_pylist()
    opened = gzip.open(path, "rt", encoding="utf-8") if path.endswith(".gz") else open(path, encoding="utf-8")
    with opened as file:
        if path.endswith(".json"):
            return json.load(file)
        return [json.loads(line) for line in file if line.strip()]


def hub_row(task, row):
    """A row of any layout as the hub has it."""
    if task.startswith("arc_") and isinstance(row["question"], dict):  # AI2's own files
        choices = row["question"]["choices"]
        return {"id": row["id"], "question": row["question"]["stem"], "answerKey": row["answerKey"],
                "choices": {"text": [c["text"] for c in choices], "label": [c["label"] for c in choices]}}
    if task == "hellaswag" and "ctx_a" not in row:  # the context comes joined
        return {"activity_label": row["activity_label"], "ctx_a": row["ctx"], "ctx_b": "", "ctx": row["ctx"],
                "endings": row["endings"], "label": str(row["label"])}
    if task.startswith("mmlu_"):
        if isinstance(row, list):
            return {"question": row[0], "choices": row[1:5], "answer": "ABCD".index(row[5])}
        return {**row, "answer": "ABCD".index(row["answer"]) if isinstance(row["answer"], str) else row["answer"]}
    if task.startswith("truthfulqa_") and "choices" not in row["mc1_targets"]:  # mc_task.json
        return {"question": row["question"], **{name: {"choices": list(row[name]), "labels": list(row[name].values())}
                                                for name in ("mc1_targets", "mc2_targets")}}
    return row


def numbered_rows(task, path, subject=None):
    """The file's rows as the hub has them, by their number in it; of an MMLU file that holds several subjects, those of
    `subject`."""
    rows = enumerate(read_rows(path))
    return {i: hub_row(task, row) for i, row in rows
            if subject is None or isinstance(row, list) or row.get("subject", subject) == subject}


def hub_rows(task, path, subject=None):
    """numbered_rows() without the numbers."""
    return list(numbered_rows(task, path, subject).values())
