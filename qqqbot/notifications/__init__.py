"""Which events the owner is notified of, when, through which channel, and what has arrived.

    notifier         examines the daemon at every heartbeat and sends what is due
    policy           what is sent, when, and in which words: pure
    memory           what has reached the owner, and what is waiting; kept in notices.json
    digest           the weekly message
    evening          the letter after each close
    channels         the owner's channels, one queue each
    outbox           a queue with a thread, tries and pauses of its own
    deliver          hands one message to one channel, and makes one ping: as processes of their own
    replies          the owner asked on the channels that can answer, and the replies
    listen           reads one channel's replies: as a process of its own
    dead_man_switch  an outside address that is pinged while all is well
    last_words       the message and the ping of a daemon that could not start or go on
    try_channels     the command notify-test

The trading loop hands over in microseconds and never waits for a channel. No address is ever in a message or a log.
"""
