"""The audit trail: who saw or did what, when, from where and why, in chains that show every later change (docs/audit.md)."""
