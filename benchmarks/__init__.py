"""What is fast is measured here, beside what users would pick instead: python -m benchmarks.<name>"""
