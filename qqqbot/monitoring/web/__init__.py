"""The dashboard over HTTP: fixed addresses, read-only, served by waitress.

server       the addresses, and which requests are refused
auth         the token, if the page is served to other machines
page         the page as HTML
page_charts  its charts
"""
