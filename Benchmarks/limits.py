"""The least time a stage can take on a machine: the bytes it must read over the memory's rate, or the operations it must do
over the rate of matrix products, whichever is more.  Both come from the shapes of the weights, so that they are the model's,
not the code's: what is done twice, moved about or computed beside products is the code's own loss."""
import json
import math
import re
import struct

BYTES = {"int8": 1, "bfloat16": 2, "float32": 4}


def shapes(path):
    """Shape by key of a safetensors file."""
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
    return {key: entry["shape"] for key, entry in header.items() if key != "__metadata__"}


def files(folder, decoder):
    """The shapes of T3, of S3Gen and of the vocoder; and the type that S3Gen's decoder is kept in, if config.json says one."""
    if (folder / "config.json").exists():
        config = json.loads((folder / "config.json").read_text())
        t3, s3gen, vocoder = (shapes(folder / config[part]["file"]) for part in ("t3", "s3gen", "vocoder"))
        return t3, s3gen, vocoder, config["s3gen"]["decoder"].get("precision")
    s3gen = shapes(folder / ("s3gen_meanflow.safetensors" if decoder == "meanflow" else "s3gen.safetensors"))
    return shapes(next(folder.glob("t3_*.safetensors"))), s3gen, s3gen, None


def matching(shapes, pattern):
    """Numbers in all weights of products whose key begins so."""
    return sum(math.prod(shape) for key, shape in shapes.items()
               if re.match(pattern, key) and len(shape) > 1 and not key.endswith(("original0", "pos_bias_u", "pos_bias_v")))


def t3_work(t3, times, precision):
    """By stage: operations and bytes."""
    layers = 1 + max(int(m[1]) for key in t3 if (m := re.match(r"tfmr\.(?:h|layers)\.(\d+)\.", key)))
    head = math.prod(t3["speech_head.weight"])
    width = t3["speech_head.weight"][1]
    weights = matching(t3, r"tfmr\.(h|layers)\.")
    read = (weights + head) * BYTES[precision]
    rows, prefix = times["rows"], times["positions"] - times["text_positions"]
    cached = 2 * layers * width * (4 if precision == "float32" else 2)

    def operations(count, before, rows):
        """Of `count` new positions behind others, with causal attention."""
        return rows * (2 * weights * count + 4 * width * layers * (count * before + count * (count + 1) / 2))

    def token(sessions):
        # The middle of the measured steps.
        at = times["positions"] + 4 * times["setting"]["rounds"]
        return (sessions * (operations(1, at, rows) + 2 * head * rows), read + sessions * rows * at * cached)

    text = operations(times["text_positions"], prefix, rows) + 2 * head * rows
    return {"t3_prefill_new_voice": (operations(prefix, 0, 1) + text, read),
            "t3_prefill": (text, read + rows * prefix * cached),
            "t3_token": token(1), "t3_token_of_sessions": token(times["setting"]["sessions"])}


def s3gen_work(s3gen, times, tokens, precision):
    """Operations of encoder and flow's decoder over the prompt and some tokens, and bytes."""
    all_tokens = times["prompt_tokens"] + tokens
    frames, passes = 2 * (all_tokens - times["lookahead_tokens"]), times["flow_passes"]
    encoder = r"flow\.encoder\."
    at_tokens = matching(s3gen, encoder + r"(embed|pre_lookahead_layer|encoders)\.")
    at_frames = matching(s3gen, encoder + r"up_") + matching(s3gen, r"flow\.encoder_proj")
    operations = 2 * at_tokens * all_tokens + 4 * at_frames * all_tokens
    for pattern, length in ((r"flow\.encoder\.encoders\.\d+\.self_attn\.linear_q", all_tokens),
                            (r"flow\.encoder\.up_encoders\.\d+\.self_attn\.linear_q", 2 * all_tokens)):
        operations += sum(4 * length**2 * shape[0] for key, shape in s3gen.items() if re.match(pattern, key) and len(shape) > 1)
    # What depends on the time alone is one row.
    blocks = matching(s3gen, r"flow\.decoder\.estimator\.(?!time_)(?!.*\.mlp\.)")
    attention = sum(4 * frames**2 * shape[0] for key, shape in s3gen.items() if key.endswith("attn1.to_q.weight"))
    return operations, passes * (2 * blocks * frames + attention), matching(s3gen, "flow") * BYTES[precision]


def hift_work(hift, frames, precision):
    """Operations and bytes of the reference's vocoder over frames."""
    operations, length, kernels = 2 * frames * matching(hift, r"mel2wav\.(conv_pre|f0_predictor)\."), frames, 3
    for stage, rate in enumerate((8, 5, 3)):
        operations += 2 * length * matching(hift, rf"mel2wav\.ups\.{stage}\.")
        length *= rate
        blocks = "|".join(str(kernels * stage + i) for i in range(kernels))
        operations += 2 * length * matching(
            hift, rf"mel2wav\.(source_downs\.{stage}|source_resblocks\.{stage}|resblocks\.({blocks}))\.")
    operations += 2 * length * matching(hift, r"mel2wav\.conv_post\.")
    return operations, matching(hift, "mel2wav") * BYTES[precision]


def of_stages(folder, decoder, times):
    """For every stage whose work is known: its operations by type, and the bytes it must read."""
    precision = times["precision"]
    rest = "bfloat16" if precision == "int8" else precision
    t3, s3gen, vocoder, decoder_precision = files(folder, decoder)
    # int8 weights meet activations of 16 bits.
    result = {stage: {"operations": {rest: operations}, "bytes": read}
              for stage, (operations, read) in t3_work(t3, times, precision).items()}
    setting = times["setting"]
    later = setting["context_window"] + setting["chunk_size"] + times["lookahead_tokens"] + 1
    for stage, tokens in (("s3gen_first_chunk", setting["chunk_size"]), ("s3gen_later_chunk", later)):
        encoder, flow, read = s3gen_work(s3gen, times, tokens, rest)
        by_type = {rest: encoder}
        by_type[decoder_precision or rest] = by_type.get(decoder_precision or rest, 0) + flow
        result[stage] = {"operations": by_type, "bytes": read}
    if any(key.startswith("mel2wav.") for key in vocoder):
        operations, read = hift_work(vocoder, 2 * setting["chunk_size"], rest)
        result["vocoder_chunk"] = {"operations": {rest: operations}, "bytes": read}
    return result


def seconds(work, rates):
    """The least that a machine of these rates needs for some work of `of_stages`."""
    computing = sum(count / rates[kind] for kind, count in work["operations"].items())
    return max(computing, work["bytes"] / rates["bytes"])
