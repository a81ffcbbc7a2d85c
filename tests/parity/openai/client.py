# What PyPI's openai client makes of a server: client.py BASE_URL MODEL prints one JSON object.
# Run by tests/serve_clients_test.ts with openai 3.57.0.
import json
import sys

import openai

url, model = sys.argv[1:3]
client = openai.OpenAI(base_url=url, api_key="none", max_retries=0)
asked = dict(model=model, messages=[{"role": "user", "content": "Hello"}], max_tokens=12, temperature=0)

whole = client.chat.completions.create(**asked, logprobs=True, top_logprobs=3)
choice = whole.choices[0]
entries = choice.logprobs.content
assert all(len(entry.top_logprobs) == 3 for entry in entries)

text, logprobs, finish, usage = "", [], None, None
stream = client.chat.completions.create(
    **asked, logprobs=True, top_logprobs=3, stream=True, stream_options={"include_usage": True}
)
for chunk in stream:
    if chunk.usage:
        usage = [chunk.usage.prompt_tokens, chunk.usage.completion_tokens]
    for part in chunk.choices:
        text += part.delta.content or ""
        finish = part.finish_reason or finish
        logprobs += [entry.logprob for entry in part.logprobs.content] if part.logprobs else []

errors = []
for bad in [dict(temperature=7), dict(model="gone"), dict(messages=[{"role": "user", "content": "x" * 3000}])]:
    try:
        client.chat.completions.create(**{**asked, **bad})
    except openai.APIStatusError as error:
        shown = error.code if error.code == "context_length_exceeded" else error.status_code
        errors.append(f"{type(error).__name__} {shown}")

many = client.chat.completions.create(**{**asked, "temperature": 1}, n=2, seed=1, stop=["\n"], extra_body={"top_k": 5})
print(json.dumps({
    "content": choice.message.content,
    "logprobs": [entry.logprob for entry in entries],
    "bytes": [entry.bytes for entry in entries],
    "streamed": text,
    "finish": finish,
    "streamed_logprobs": logprobs,
    "usage": usage,
    "models": [card.id for card in client.models.list()],
    "fingerprint": client.models.retrieve(model).fingerprint,
    "errors": errors,
    "choices": len(many.choices),
}))
