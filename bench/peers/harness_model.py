# lm-evaluation-harness's HFLM, remembering what it encoded and generated and the time it took. It computes as HFLM does.
import time

import torch
from lm_eval.models.huggingface import HFLM


class RecordingLM(HFLM):
    """`seconds`: in loglikelihood() and generate_until(), which encode, compute and decode, and nothing else."""

    def __init__(self, folder, batch, **options):
        super().__init__(pretrained=folder, device="cpu", dtype="float32", batch_size=batch, **options)
        self.clear()

    def clear(self):
        self.seconds, self.encoded, self.generated = 0.0, [], {}

    def loglikelihood(self, requests, disable_tqdm=True):
        start = time.perf_counter()
        out = super().loglikelihood(requests, disable_tqdm=disable_tqdm)
        self.seconds += time.perf_counter() - start
        return out

    def _loglikelihood_tokens(self, requests, disable_tqdm=True, override_bs=None):
        self.encoded += [(context, continuation) for _, context, continuation in requests]
        return super()._loglikelihood_tokens(requests, disable_tqdm=disable_tqdm, override_bs=override_bs)

    def generate_until(self, requests, disable_tqdm=True):
        start = time.perf_counter()
        out = super().generate_until(requests, disable_tqdm=disable_tqdm)
        self.seconds += time.perf_counter() - start
        return out

    def _model_generate(self, context, max_length, stop, **kwargs):
        out = super()._model_generate(context, max_length, stop, **kwargs)
        mask = kwargs["attention_mask"].bool()
        for ids, kept, row in zip(context, mask, out.tolist()):
            self.generated[tuple(ids[kept].tolist())] = row[context.shape[1]:]
        return out

    def new_ids(self, context, limit):
        """(number of context tokens, ids generated after it)."""
        ids = self.tok_encode(context)[-(self.max_length - limit):]
        return len(ids), self.generated[tuple(ids)]


def set_threads(count):
    torch.set_num_threads(count)
