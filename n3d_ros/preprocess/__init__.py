"""From an observation to the arrays that the model takes. `prepare` is the way in; numpy throughout."""
