"""The tokenizer, and lines as its token ids."""
