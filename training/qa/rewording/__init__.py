"""Questions said in other words by a language model, as far as they still say the same."""
