"""Is a sentence right? By rules, or by a model that an endpoint serves."""
