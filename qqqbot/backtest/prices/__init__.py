"""Daily prices of QQQ and TQQQ, checked before anything is computed from them.

table      both funds side by side, and what must hold
csv_files  prices from CSV files
cache      Yahoo's history, kept on disk
"""
