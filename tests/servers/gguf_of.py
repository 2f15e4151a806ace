"""A small Llama with a byte-level tokenizer as a GGUF file, for llama.cpp's server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import load_file

_NAMES = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def write(directory: Path, out: Path) -> None:
    """Convert a model with tied embeddings in `directory`, in float32."""
    from gguf import GGUFWriter, TokenType

    config = json.loads((directory / "config.json").read_text())
    tokenizer = json.loads((directory / "tokenizer.json").read_text())
    writer = GGUFWriter(str(out), "llama")
    heads, groups = config["num_attention_heads"], config["num_key_value_heads"]
    writer.add_name("embedded")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(groups)
    writer.add_rope_dimension_count(config["head_dim"])
    writer.add_rope_freq_base(config["rope_parameters"]["rope_theta"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_vocab_size(config["vocab_size"])

    vocabulary = tokenizer["model"]["vocab"]
    special = {token["id"]: token["content"] for token in tokenizer["added_tokens"]}
    words = dict(sorted((id, word) for word, id in vocabulary.items())) | special
    size = config["vocab_size"]
    writer.add_tokenizer_model("gpt2")
    # llama.cpp knows no pattern of ours; this one takes whole words of the vocabulary too, and reads the test's
    # questions in the same tokens.
    writer.add_tokenizer_pre("llama-bpe")
    writer.add_token_list([words.get(id, f"<unused-{id}>").encode() for id in range(size)])
    types = [TokenType.CONTROL if id in special else TokenType.NORMAL for id in range(size)]
    writer.add_token_types(types)
    writer.add_token_merges([" ".join(pair) for pair in tokenizer["model"]["merges"]] or ["! !"])
    writer.add_eos_token_id(config["eos_token_id"])
    writer.add_pad_token_id(config["pad_token_id"])
    writer.add_add_bos_token(False)

    for name, tensor in load_file(directory / "model.safetensors").items():
        values = tensor.float().numpy()
        writer.add_tensor(_renamed(name), _reordered(name, values, heads, groups))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _renamed(name: str) -> str:
    if name == "model.embed_tokens.weight":
        return "token_embd.weight"
    if name == "model.norm.weight":
        return "output_norm.weight"
    _, _, layer, part = name.removesuffix(".weight").split(".", 3)
    return f"blk.{layer}.{_NAMES[part]}.weight"


def _reordered(name: str, values: np.ndarray[Any, Any], heads: int, groups: int) -> np.ndarray[Any, Any]:
    """llama.cpp turns neighbouring components of queries and keys, transformers those half a head apart."""
    if "q_proj" not in name and "k_proj" not in name:
        return np.ascontiguousarray(values)
    n = heads if "q_proj" in name else groups
    rows, columns = values.shape
    return np.ascontiguousarray(
        values.reshape(n, 2, rows // n // 2, columns).swapaxes(1, 2).reshape(rows, columns)
    )
