"""What survives a crash: snapshots, journal of order intents, trade files, locks, control.

Empty until the strategy trades live.
"""
