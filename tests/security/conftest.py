from tests.gateway import gateway_file, gateway_settings, process_logging, stack

__all__ = ["gateway_file", "gateway_settings", "process_logging", "stack"]
