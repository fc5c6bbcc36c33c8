"""What other programs say about a camera -> `Intrinsics`: messages, JSON, YAML and tables, already parsed or
as text. No paths, no ROS.
"""
