# What lm-evaluation-harness asks, without a model: for every item of harness.ts's tasks the SHA-256 of all that it is made of.
# python bench/peers/harness_prompts.py TASK.json: prints one JSON line, task → row in the file → hash.
import contextlib
import json
import sys

from harness_rows import sha256
from harness_tasks import new_manager, open_tasks

with open(sys.argv[1]) as file:
    work = json.load(file)


def asked(task, requests):
    """Contexts and continuations of a choice, in turn, and the right choice; of a generation the context and the answer."""
    doc = requests[0].doc
    if task.OUTPUT_TYPE == "multiple_choice":
        gold = task.doc_to_text(doc) if task.multiple_input else task.doc_to_target(doc)
        return [*(text for request in requests for text in request.args), str(gold)]
    return [requests[0].args[0], task.doc_to_target(doc)]


def hashes(task):
    task.build_all_requests()
    items = {}
    for request in task.instances:
        items.setdefault(request.doc_id, []).append(request)
    return {task.source_rows[i]: sha256("\0".join(asked(task, requests))) for i, requests in items.items()}


with contextlib.redirect_stdout(sys.stderr):
    found = {task.config.task: hashes(task) for task in open_tasks(new_manager(), work)}
print(json.dumps(found))
