"""The files in logs/: append-only, complete or set aside, readable forever. Nothing here decides, sends or draws.

    jsonl         a file of rows that is only ever appended to and synced; a torn last line is set aside
    book, ledger  trades.jsonl, and the Portfolio that its rows add up to
    journal       orders.jsonl: each order before it is sent, when it was sent, and its outcome
    decisions     decisions.jsonl: one row for each plan, and for each check that failed
    row_prices    the live prices in a row of trades.jsonl or decisions.jsonl, and their symbols
    inputs        inputs.jsonl: the inputs of each decision, written, and rebuilt for `replay`
    prices        prices.jsonl: the windows that were traded on, the bot's own memory of prices
    codec         frozen values as JSON, and back
    status_file   status.json, the heartbeat
    verdict       halted, failing or healthy: the judgement of the daemon's status
    channel_health  channels.json: what each notification channel last accepted and last refused
    last_run      how the last run ended; last_end.json, if that was an error
    track         what the valuations of all checks add up to: growth, drawdown, the index held
    risk_line     the figures that are the same wherever they are shown
    folder        the logs folder as a reader sees it
    tail          the end of a file, at a cost that does not grow with the file
    time_search   finds rows by their time, by halving the file
    coerce        values of old or damaged files, read without failing

Rows carry schema, mode and account; paper results never count as live ones.
"""
