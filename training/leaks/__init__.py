"""Pictures that two sets share: what was trained on must not be what is measured."""
