"""What survives a crash: snapshots, the journal of order intents, trade files, locks. Empty until live trading."""
