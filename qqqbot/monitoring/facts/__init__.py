"""What each view shows, as values, from the files of the logs folder only.

answer     the head of every answer, and how --json prints it
status     the status screen
trades     trades, performance and logs
why        the decisions of a day or a moment, and how their orders ended
replay     whether today's code decides the same
changes    what was gained today, this week, this month and this year
charts     the lines of the dashboard's charts
dashboard  everything that the page shows
"""
