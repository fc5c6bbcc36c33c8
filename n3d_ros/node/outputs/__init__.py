"""Results -> messages, markers and topics, in the frame asked for."""
