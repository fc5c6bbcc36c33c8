"""Pictures with 2D annotations, one record a picture, whatever format they are stored in."""
