"""Sets of questions as tasks of lmms-eval, and N3D-VLM as one of its models.

So other models can be measured on the same questions, in a harness that has them
(github.com/EvolvingLMMs-Lab/lmms-eval). Tried with lmms-eval 0.7.3.
"""
