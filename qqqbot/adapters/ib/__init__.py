"""An account at Interactive Brokers. It answers only over a connection that has caught up with everything.

broker         the Broker port: snapshot, quotes, submit, cancel, find
order_tracker  makes one Order of all callbacks about it
execution_time  the moment of an execution, whatever zone the gateway was set to
account        what the account may do, and what it holds: pure functions of the broker's rows
prices         quotes, last trades and daily closes
connection     keeps one connection alive in the background, and reads what was missed after each break
line           the gateway's own line to Interactive Brokers, as it reports it
requests       a question to the gateway and its complete answer, or none
silence        requests that a gateway never answers
transport      the socket that replaces the client's own
numbers        the client's numbers, and its ways to say "none"
orders         the contract and the order as the official client wants them
error_codes    IB's codes: what each means for this bot, in one sentence, and what the owner can do
doctor/        the checks of test_ib_connection.py
"""
