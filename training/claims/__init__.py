"""Do the claims of the N3D-VLM paper hold, on simulated scenes and a small model?"""
