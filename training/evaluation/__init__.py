"""How well a model grounds and answers, on scenes that it never saw."""
