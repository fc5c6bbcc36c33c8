"""From an observation and words to boxes and answers: types, one backend protocol, one decode loop, one
pipeline.
"""
