"""Messages of platforms that call us: stored and acknowledged at once, taken through a turn afterwards."""
