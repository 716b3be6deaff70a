"""What each view shows, as values, from the files of the logs folder alone.

answer     what every answer begins with, and how --json prints it
status     the status screen
trades     trades, performance and logs
why        decisions of a day or a moment, and what became of their orders
replay     whether today's code decides the same
charts     the lines of the dashboard's charts
dashboard  all that the page shows
"""
