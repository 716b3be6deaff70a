"""Daily prices of a rule's symbols, checked before anything is computed from them.

table      the prices of all symbols side by side, and the checks
csv_files  prices from CSV files
cache      Yahoo's history, kept on disk
"""
