"""How well a model grounds and answers: on simulated scenes, on sets of questions, on public benchmarks."""
