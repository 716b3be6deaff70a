"""Facts in words, for 80 columns; each module has the name of its facts.

status  the status screen
trades  trades, performance and logs
why     why and replay
frame   which account it is and whether the prices are real: the line above every screen
"""
