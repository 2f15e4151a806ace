"""Small models from Hugging Face that are good to begin with: what is said of each before it is on this machine.

Boundary: a table and nothing else. What is not certain is left out; once a model is downloaded its own files say more.
Any other id works as well.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Known:
    """A model as its publisher describes it.

    Attributes:
        id: on Hugging Face.
        parameters: weights, those shared by two layers counted once.
        memory: layers, heads that have keys and values, and numbers in each; what a token of context costs.
        licence: the publisher's name for it.
        gated: it is given only to accounts that accepted its terms.
        instruct: it was taught to answer; otherwise it only continues text.
        context: tokens that prompt and reply may have together, None where sources differ.
    """

    id: str
    title: str
    parameters: int
    memory: tuple[int, int, int]
    licence: str
    instruct: bool
    context: int | None = None
    gated: bool = False
    stored: str = "bfloat16"
    note: str = ""


KNOWN: tuple[Known, ...] = (
    Known(
        "openai-community/gpt2",
        "GPT-2",
        124_439_808,
        (12, 12, 64),
        "MIT",
        instruct=False,
        context=1024,
        stored="float32",
        note="From 2019; continues text and follows no instructions.",
    ),
    Known(
        "HuggingFaceTB/SmolLM2-135M",
        "SmolLM2 135M",
        134_515_008,
        (30, 3, 64),
        "Apache 2.0",
        instruct=False,
        context=8192,
    ),
    Known(
        "HuggingFaceTB/SmolLM2-135M-Instruct",
        "SmolLM2 135M Instruct",
        134_515_008,
        (30, 3, 64),
        "Apache 2.0",
        instruct=True,
        context=8192,
        note="The smallest here that answers; quick on any laptop.",
    ),
    Known(
        "HuggingFaceTB/SmolLM2-360M",
        "SmolLM2 360M",
        361_821_120,
        (32, 5, 64),
        "Apache 2.0",
        instruct=False,
        context=8192,
    ),
    Known(
        "HuggingFaceTB/SmolLM2-360M-Instruct",
        "SmolLM2 360M Instruct",
        361_821_120,
        (32, 5, 64),
        "Apache 2.0",
        instruct=True,
        context=8192,
    ),
    Known(
        "HuggingFaceTB/SmolLM2-1.7B",
        "SmolLM2 1.7B",
        1_711_376_384,
        (24, 32, 64),
        "Apache 2.0",
        instruct=False,
        context=8192,
    ),
    Known(
        "HuggingFaceTB/SmolLM2-1.7B-Instruct",
        "SmolLM2 1.7B Instruct",
        1_711_376_384,
        (24, 32, 64),
        "Apache 2.0",
        instruct=True,
        context=8192,
    ),
    Known(
        "Qwen/Qwen2.5-0.5B",
        "Qwen2.5 0.5B",
        494_032_768,
        (24, 2, 64),
        "Apache 2.0",
        instruct=False,
        context=32768,
    ),
    Known(
        "Qwen/Qwen2.5-0.5B-Instruct",
        "Qwen2.5 0.5B Instruct",
        494_032_768,
        (24, 2, 64),
        "Apache 2.0",
        instruct=True,
        context=32768,
        note="A good first choice for sums and short reasoning.",
    ),
    Known(
        "Qwen/Qwen2.5-1.5B",
        "Qwen2.5 1.5B",
        1_543_714_304,
        (28, 2, 128),
        "Apache 2.0",
        instruct=False,
    ),
    Known(
        "Qwen/Qwen2.5-1.5B-Instruct",
        "Qwen2.5 1.5B Instruct",
        1_543_714_304,
        (28, 2, 128),
        "Apache 2.0",
        instruct=True,
        context=32768,
    ),
    Known(
        "Qwen/Qwen3-0.6B",
        "Qwen3 0.6B",
        596_049_920,
        (28, 8, 128),
        "Apache 2.0",
        instruct=True,
        context=40960,
        note="Thinks aloud before it answers: give it room for many tokens.",
    ),
    Known(
        "meta-llama/Llama-3.2-1B",
        "Llama 3.2 1B",
        1_235_814_400,
        (16, 8, 64),
        "Llama 3.2 Community License",
        instruct=False,
        context=131072,
        gated=True,
    ),
    Known(
        "meta-llama/Llama-3.2-1B-Instruct",
        "Llama 3.2 1B Instruct",
        1_235_814_400,
        (16, 8, 64),
        "Llama 3.2 Community License",
        instruct=True,
        context=131072,
        gated=True,
    ),
    Known(
        "meta-llama/Meta-Llama-3-8B-Instruct",
        "Llama 3 8B Instruct",
        8_030_261_248,
        (32, 8, 128),
        "Llama 3 Community License",
        instruct=True,
        context=8192,
        gated=True,
        note="Wants a GPU.",
    ),
    Known(
        "google/gemma-3-270m-it",
        "Gemma 3 270M Instruct",
        268_098_176,
        (18, 1, 256),
        "Gemma Terms of Use",
        instruct=True,
        context=32768,
        gated=True,
    ),
    Known(
        "google/gemma-3-1b-it",
        "Gemma 3 1B Instruct",
        999_885_952,
        (26, 1, 256),
        "Gemma Terms of Use",
        instruct=True,
        context=32768,
        gated=True,
    ),
    Known(
        "google/gemma-2-2b-it",
        "Gemma 2 2B Instruct",
        2_614_341_888,
        (26, 4, 256),
        "Gemma Terms of Use",
        instruct=True,
        context=8192,
        gated=True,
    ),
    Known(
        "microsoft/phi-1_5",
        "Phi-1.5",
        1_418_270_720,
        (24, 32, 64),
        "MIT",
        instruct=False,
        context=2048,
        note="Taught on textbook-like text; answers best in question-and-answer form.",
    ),
    Known(
        "microsoft/Phi-3-mini-4k-instruct",
        "Phi-3 mini 4k Instruct",
        3_821_079_552,
        (32, 32, 96),
        "MIT",
        instruct=True,
        context=4096,
    ),
    Known(
        "microsoft/Phi-3.5-mini-instruct",
        "Phi-3.5 mini Instruct",
        3_821_079_552,
        (32, 32, 96),
        "MIT",
        instruct=True,
        context=131072,
    ),
)
