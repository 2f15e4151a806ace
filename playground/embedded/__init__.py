"""How the embedded model is made: text, tokenizer, training and the table of what it can do.

Knows puzzles, prompts, tokenizers and torch. Must not be imported by the rest of the engine: what the
playground loads is the finished directory `assets/embedded`, like any other Hugging Face directory.
"""
