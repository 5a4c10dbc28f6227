from tests.gateway import gateway_settings, migrated_file, process_logging, stack

__all__ = ["gateway_settings", "migrated_file", "process_logging", "stack"]
