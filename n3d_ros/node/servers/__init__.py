"""Services and actions: requests in, outcomes out."""
