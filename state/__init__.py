"""What survives `kill -9`, and who may talk to a bot: documents, rows and messages, nothing else.

| file | holds |
|---|---|
| `snapshot.py` | the state after a step, replaced atomically; the last checkpoints |
| `journal.py` | what is about to be asked of the exchange, on disk before it is asked |
| `trades.py` | a bot's trades as CSV and JSON lines |
| `recording.py` | the candles a run saw |
| `events_log.py` | the events of a run, for replay |
| `lock.py` | one bot per account and symbol on this machine |
| `control.py`, `control_client.py` | a local socket, both ends: commands in, events out |
| `control_{wire,connection,outbox}.py` | its lines, one client, what that has yet to read |
| `errors.py`, `durable.py` | the one error; writes that are on disk when they return |
| `exact_json.py`, `rows.py` | JSON and CSV that give back what was put in |
"""
