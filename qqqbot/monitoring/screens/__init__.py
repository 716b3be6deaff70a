"""Facts in words, for 80 columns; each module has the name of its facts.

status         the status screen
trades         trades, performance and logs
why            why and replay
live           the live terminal's screen
live_terminal  the terminal it is redrawn in, until q
frame          whose money it is and whether the prices are real: the line above every screen
"""
