"""What the book's rows add up to beyond the portfolio: time in each holding, and wins. Pure; row by row.

Only the newest rows of a book are enough: `shares_before` finds what was held before them.
"""
