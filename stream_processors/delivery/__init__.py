"""The delivery contract: each line takes effect in the store exactly once. One object a file; ``service`` ties them."""
