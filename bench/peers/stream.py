# Python's sides of stream.ts: dialogues of a JSONL file read, checked, mapped (answers trimmed) and written; prints one JSON
# line. python bench/peers/stream.py loop|datasets FILE OUT
import json
import sys
import time

kind, path, out = sys.argv[1:]
ROLES = {"system", "user", "assistant"}


def check(row):
    assert isinstance(row["id"], str) and row["messages"] and row["messages"][-1]["role"] == "assistant"
    for message in row["messages"]:
        assert message["role"] in ROLES and isinstance(message["content"], str)


def trim(row):
    for message in row["messages"]:
        if message["role"] == "assistant":
            message["content"] = message["content"].strip()
    return row


def units(row):  # as JavaScript counts characters
    return sum(len(m["content"].encode("utf-16-le")) // 2 for m in row["messages"] if m["role"] == "assistant")


def loop():
    count = 0
    ids = set()
    with open(path, encoding="utf-8") as source, open(out, "w", encoding="utf-8") as target:
        for line in source:
            row = json.loads(line)
            check(row)
            assert row["id"] not in ids
            ids.add(row["id"])
            row = trim(row)
            count += 1
            target.write(json.dumps(row, ensure_ascii=False) + "\n")
    return count


def with_datasets():
    import datasets

    datasets.disable_progress_bars()

    def checked(row):
        check(row)
        return trim(row)

    data = datasets.load_dataset("json", data_files=path, split="train").map(checked)
    data.to_json(out, force_ascii=False)
    return len(data)


start = time.perf_counter()
count = loop() if kind == "loop" else with_datasets()
seconds = time.perf_counter() - start
with open("/proc/self/status") as status:
    peak = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
with open(out, encoding="utf-8") as written:  # outside the time: what came of it, as JavaScript counts
    characters = sum(units(json.loads(line)) for line in written)
print(json.dumps({"seconds": seconds, "peakBytes": peak, "count": count, "characters": characters}))
