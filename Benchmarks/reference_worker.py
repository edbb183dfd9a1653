"""The reference in a process of its own: the classes of PyPI chatterbox-tts 0.1.7 on a model's folder, streaming as
chatterbox-streaming does: every chunk of tokens S3Gen runs from scratch over the prompt, the last tokens of context and the
chunk, and what belongs to the context is cut off.

Reads requests from standard input and writes answers to standard output, a JSON object a line.  It is meant to be as fast
as these classes are: no watermark, no attention maps (which only its monitor needs), no progress bars, no transport, one
copy of everything, keys and values remembered.

Usage: python reference_worker.py nano FOLDER meanflow THREADS
"""
import json
import os
import sys
import time

BEGAN = time.perf_counter()
os.environ["TQDM_DISABLE"] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"
answers, sys.stdout = os.fdopen(os.dup(1), "w"), sys.stderr         # the reference prints

import torch  # noqa: E402
from safetensors.torch import load_file  # noqa: E402
from transformers.generation.logits_process import (  # noqa: E402
    LogitsProcessorList, MinPLogitsWarper, RepetitionPenaltyLogitsProcessor, TemperatureLogitsWarper, TopKLogitsWarper,
    TopPLogitsWarper)

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
sys.path += [os.path.join(ROOT, "Training"), os.path.join(ROOT, "Tests", "EndToEnd")]
import reference  # noqa: E402,F401  registers the package without its top level
from chatterbox.models.s3gen.s3gen import S3Token2Wav  # noqa: E402
from chatterbox.models.t3.inference.t3_hf_backend import T3HuggingfaceBackend  # noqa: E402
from chatterbox.models.t3.llama_configs import LLAMA_CONFIGS  # noqa: E402
from chatterbox.models.t3.modules.cond_enc import T3Cond  # noqa: E402
from chatterbox.models.t3.modules.t3_config import T3Config  # noqa: E402
from chatterbox.models.t3.t3 import T3  # noqa: E402
from official import T3 as FILES  # noqa: E402

# Nano is not in the package: turbo's class with GPT-2's smallest sizes.
LLAMA_CONFIGS["GPT2_small"] = dict(LLAMA_CONFIGS["GPT2_medium"], n_embd=768, hidden_size=768, n_layer=12, n_head=12)
GPT2 = {"nano": "GPT2_small", "turbo": "GPT2_medium"}
SPEECH_TOKENS, SILENCE, SAMPLE_RATE, FADE_SECONDS = 6561, 4299, 24000, 0.02


def only_speech(vocabulary):
    """Added to logits: neither an end nor ids that are no speech, which S3Gen would get less work of."""
    valid = torch.zeros(1, vocabulary)
    valid[:, SPEECH_TOKENS:] = -float("inf")
    return valid


class Reference:
    """What ChatterboxTTS and ChatterboxTurboTTS load, without the voice encoder and the watermarker."""

    def __init__(self, model, folder, meanflow):
        self.model, self.meanflow = model, meanflow
        if model in GPT2:
            settings = T3Config(text_tokens_dict_size=50276)
            settings.llama_config_name, settings.speech_tokens_dict_size, settings.input_pos_emb = GPT2[model], 6563, None
            settings.speech_cond_prompt_len, settings.use_perceiver_resampler, settings.emotion_adv = 375, False, False
        else:
            settings = T3Config.english_only()
        self.t3 = T3(settings)
        self.t3.load_state_dict(load_file(os.path.join(folder, FILES[model][1])))
        if model in GPT2:
            del self.t3.tfmr.wte
        self.t3.eval()
        self.s3gen = S3Token2Wav(meanflow=meanflow)
        self.s3gen.load_state_dict(load_file(os.path.join(folder, "s3gen_meanflow.safetensors" if meanflow else "s3gen.safetensors")),
                                   strict=False)
        self.s3gen.eval()
        if model in GPT2:
            from transformers import AutoTokenizer
            self.tokenizer = AutoTokenizer.from_pretrained(folder)
        else:
            from chatterbox.models.tokenizers.tokenizer import EnTokenizer
            self.tokenizer = EnTokenizer(os.path.join(folder, "tokenizer.json"))
        voice = torch.load(os.path.join(folder, "conds.pt"), weights_only=True)
        self.conditioning, self.prompt = T3Cond(**voice["t3"]), voice["gen"]
        self.valid = only_speech(settings.speech_tokens_dict_size)

    def text_tokens(self, text):
        if self.model in GPT2:
            return self.tokenizer(text, return_tensors="pt").input_ids
        tokens = self.tokenizer.text_to_tokens(text)
        tokens = torch.nn.functional.pad(tokens, (1, 0), value=self.t3.hp.start_text_token)
        tokens = torch.nn.functional.pad(tokens, (0, 1), value=self.t3.hp.stop_text_token).long()
        return torch.cat([tokens, tokens])

    def tokens(self, text, count, guidance=0.5):
        """Speech tokens one by one, as `T3.inference` and `T3.inference_turbo` draw them."""
        gpt2, t3 = self.model in GPT2, self.t3
        text = self.text_tokens(text)
        start = t3.hp.start_speech_token
        embedded, _ = t3.prepare_input_embeds(
            t3_cond=self.conditioning, text_tokens=text, speech_tokens=torch.full((len(text), 1), start),
            cfg_weight=0 if gpt2 else guidance)
        if gpt2:
            processors = LogitsProcessorList([TemperatureLogitsWarper(0.8), TopKLogitsWarper(1000), TopPLogitsWarper(0.95),
                                              RepetitionPenaltyLogitsProcessor(1.2)])
        else:
            processors = LogitsProcessorList([RepetitionPenaltyLogitsProcessor(1.2), TemperatureLogitsWarper(0.8),
                                              MinPLogitsWarper(0.05), TopPLogitsWarper(0.95)])
            backend = T3HuggingfaceBackend(t3.cfg, t3.tfmr, speech_enc=t3.speech_emb, speech_head=t3.speech_head)
            first = t3.speech_emb(torch.tensor([[start]])) + t3.speech_pos_emb.get_fixed_embedding(0)
            embedded = torch.cat([embedded, first.expand(2, -1, -1)], dim=1)
        past, history = None, torch.tensor([[start]])
        for step in range(1, count + 1):
            if gpt2:
                output = t3.tfmr(inputs_embeds=embedded, past_key_values=past, use_cache=True)
                logits = t3.speech_head(output[0][:, -1])
            else:
                output = backend(inputs_embeds=embedded, past_key_values=past, use_cache=True)
                both = output.logits[:, -1]
                logits = both[:1] + guidance * (both[:1] - both[1:])
            past = output.past_key_values
            probabilities = torch.softmax(processors(history, logits + self.valid), dim=-1)
            token = torch.multinomial(probabilities, num_samples=1)
            yield token
            history = torch.cat([history, token], dim=1)
            embedded = t3.speech_emb(token)
            if not gpt2:
                embedded = (embedded + t3.speech_pos_emb.get_fixed_embedding(step)).expand(2, -1, -1)

    def wave(self, tokens):
        """Samples of some tokens, `[1, S]`."""
        return self.s3gen.inference(tokens, ref_dict=self.prompt, n_cfm_timesteps=2 if self.meanflow else 10)[0]

    def audio(self, chunk, context, fade):
        """Samples of a chunk of tokens."""
        tokens = torch.cat([context, chunk])
        samples = self.wave(tokens)[0].numpy()
        samples = samples[int(len(context) * len(samples) / len(tokens)):]
        samples[:len(fade)] *= fade
        return samples

    def stream(self, text, count, chunk_size, context_window, seed):
        """Seconds to the first audio and in all, and seconds of audio."""
        torch.manual_seed(seed)
        fade = torch.linspace(0, 1, int(FADE_SECONDS * SAMPLE_RATE)).numpy()
        began, first, samples, buffer = time.perf_counter(), None, 0, []
        heard = torch.zeros(0, dtype=torch.long)
        for index, token in enumerate(self.tokens(text, count), 1):
            buffer.append(token[0])
            if len(buffer) < chunk_size and index < count:
                continue
            chunk, buffer = torch.cat(buffer), []
            if index == count and self.model in GPT2:
                chunk = torch.cat([chunk, torch.full((3,), SILENCE)])
            samples += len(self.audio(chunk, heard[-context_window:] if context_window else heard[:0], fade))
            first = time.perf_counter() - began if first is None else first
            heard = torch.cat([heard, chunk])
        return {"first": first, "total": time.perf_counter() - began, "audio": samples / SAMPLE_RATE, "tokens": count}


def answer(**what):
    print(json.dumps(what), file=answers, flush=True)


@torch.inference_mode()
def main():
    model, folder, decoder, threads = sys.argv[1:]
    torch.set_num_threads(int(threads))
    imported = time.perf_counter()
    if model == "embedded":
        from embedded_reference import EmbeddedReference
        reference = EmbeddedReference(folder)
    else:
        reference = Reference(model, folder, decoder == "meanflow")
    answer(imports=imported - BEGAN, load=time.perf_counter() - imported)
    for line in sys.stdin:
        answer(**reference.stream(**json.loads(line)))


if __name__ == "__main__":
    sys.modules["reference_worker"] = sys.modules["__main__"]
    main()
