# Writes small parquet files as other programs write them, with our own words, and rows.jsonl: what is in them. Run once by
# hand:
#   pip install pyarrow==26.0.1 && python make.py
import json

import pyarrow as pa
import pyarrow.parquet as pq

talks = [
    [("user", "Name a river."), ("assistant", "The Danube.")],
    [("user", "2 + 2?"), ("assistant", "4"), ("user", "And 3 + 3?"), ("assistant", "6")],
    [("user", "Say “ça va” — with a smile."), ("assistant", "Ça va 🙂")],
    [("system", "Be brief."), ("user", "What is tar?"), ("assistant", "An archive format.")],
    [("user", "Empty line?"), ("assistant", "One\n\nTwo")],
    [("user", "Long: " + "na " * 300), ("assistant", "Batman, says the song.")],
    [("user", "Last one?"), ("assistant", "Yes.")],
]
messages = [[{"content": content, "role": role} for role, content in talk] for talk in talks]
conversations = [
    [{"from": {"user": "human", "assistant": "gpt"}.get(role, role), "value": content} for role, content in talk] for talk in talks
]
ids = [f"p{i}" for i in range(len(talks))]

ultrachat = pa.table({"prompt": [talk[0][1] for talk in talks], "prompt_id": ids, "messages": messages})
pq.write_table(ultrachat, "ultrachat.parquet", row_group_size=3, compression="zstd")
sharegpt = pa.table({"id": pa.array(range(len(talks)), pa.int64()), "conversations": conversations, "unused": [1.5] * len(talks)})
pq.write_table(sharegpt, "sharegpt.parquet", row_group_size=4, compression="snappy")
alpaca = pa.table({
    "instruction": ["Spell it.", "Greet.", "Add."],
    "input": ["tar", None, ""],
    "output": ["t-a-r", "Hello.", "3"],
    "category": pa.array(["words", "words", None]).dictionary_encode(),
})
pq.write_table(alpaca, "alpaca.parquet", compression="gzip", data_page_version="2.0")
pq.write_table(pa.table({"x": [1, 2], "y": ["a", "b"]}), "other.parquet")
broken = pa.table({"instruction": pa.array([b"fine", b"\xff\xfe"], pa.binary()), "output": ["a", "b"]})
pq.write_table(broken, "not_utf8.parquet")

with open("rows.jsonl", "w") as file:
    for i, talk in enumerate(talks):
        file.write(json.dumps({"id": ids[i], "messages": [{"role": r, "content": c} for r, c in talk]}, ensure_ascii=False) + "\n")
