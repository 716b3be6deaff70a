"""Measures speed, next to what users would pick instead: python -m benchmarks.<name>"""
