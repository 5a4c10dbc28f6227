"""Is this number, account, link or person really ours? The registry of official contacts (product §2, §6)."""
