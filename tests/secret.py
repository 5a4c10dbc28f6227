"""The key of all tests: it signs tokens and seals audit entries, in processes and in the tests beside them."""

SECRET = "a key for tests, long enough for HS256 -- 0123456789"
