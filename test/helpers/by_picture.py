"""Replies of a fake model by the picture that it is shown."""


class ByPicture:
    """Replies to the first picture, to the second one and so on; the last ones to all others."""

    def __init__(self, *replies):
        self.replies, self.backend = replies, None

    def items(self):
        return self.replies[min(self.backend.num_pictures, len(self.replies)) - 1].items()
