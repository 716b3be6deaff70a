"""The dashboard over HTTP: fixed addresses, read-only, served by waitress.

server    the addresses, and which requests are refused
auth      the token, and the browsers that have shown it
page      the page as HTML, in parts
blocks    the terminal's screens as HTML
book_csv  the book for a spreadsheet
metrics   /healthz and /metrics, which other monitors read
"""
