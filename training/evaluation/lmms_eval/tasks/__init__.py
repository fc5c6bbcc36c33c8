"""The tasks; `lmms-eval --include_path` takes this folder."""
