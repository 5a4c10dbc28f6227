"""Messages to platforms that we call: written with the log, sent in order, tried again, counted against quotas."""
