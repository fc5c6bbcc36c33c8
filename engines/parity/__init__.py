"""Does this project compute what the released N3D-VLM computes?"""
