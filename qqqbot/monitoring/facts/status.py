"""What the status screen shows, from the files of the logs folder.

Nearly all of it is in status.json. The lock shows whether its writer is alive, HALT whether it may trade, the end of
the order journal which orders are open, and the newest trades how long each holding was held.
"""
