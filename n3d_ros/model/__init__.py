"""The torch model: reference for export and parity, and what is trained. Nothing on the robot's path imports
it.
"""
