"""Mass remediation (product §3, docs/mass-remediation.md): whom a confirmed incident harmed gets the system's share back.

list → preview → propose → approve (another person, once) → post in batches. Each step may be killed and repeated.
"""
