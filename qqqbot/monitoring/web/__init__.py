"""The dashboard over HTTP: fixed addresses, reading only, behind waitress.

server       the addresses, and who is refused
auth         the token, if the page is served to other machines
page         the page as HTML
page_charts  its charts
"""
