"""How well unusual lines are found, on labelled streams, beside other methods.

Every method sees the same lines in order, and scores each with what it learnt from the lines before. Nothing is set for
a single stream. Run: python -m benchmarks.detection --quick
"""
