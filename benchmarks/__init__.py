"""Benchmarks of attenuate: one question per file, a pair in the same run, ratios as the headline.

python -m pytest benchmarks --benchmark-json=benchmarks/results/functions.json
python -m benchmarks.report
"""
