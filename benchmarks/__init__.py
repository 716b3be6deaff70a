"""Speed is measured here, next to what users would pick instead: python -m benchmarks.<name>"""
