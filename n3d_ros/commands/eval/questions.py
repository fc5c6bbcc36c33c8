"""`n3d eval --questions`: a model measured on a set of questions, or on a public benchmark."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from n3d_ros.commands.model_options import model_folder
from n3d_ros.storage.whole_file import write_json, write_text

if TYPE_CHECKING:
    from argparse import _ActionsContainer

    from n3d_ros.training.evaluation.asking.observe import Observer
    from n3d_ros.training.evaluation.asking.run import Answer
    from n3d_ros.training.evaluation.judging.judgement import Judge
    from n3d_ros.training.qa.records import Question

REPORT, PAGE, VERDICTS = "report.json", "page.html", "verdicts.jsonl"
KEY_VARIABLE = "OPENAI_API_KEY"
WAYS = ("drawn", "text")
# Of a model folder: configuration, tokenizer and weights, whatever runs them.
MODEL_FILES = (".json", ".safetensors", ".onnx", ".data", ".bin")


def add_question_options(group: _ActionsContainer) -> None:
    """--questions and what goes with it."""
    add = group.add_argument
    add("--questions", type=Path, metavar="PATH", help="a set of `n3d make-qa`, or a benchmark's file")
    add("--out", type=Path, metavar="DIR", help="answers, report.json, page.html; a stopped run goes on")
    add("--format", default="n3d", metavar="NAME", help="n3d (default), or a benchmark of docs/evaluation.md")
    add("--pictures", type=Path, metavar="DIR", help="where relative names of pictures start")
    add("--limit", type=int, metavar="N", help="the first N questions alone")
    add("--regions", choices=WAYS, default="drawn", metavar="WAY", help="drawn (default) or text")
    add("--mirror", action="store_true", help="ask everything about the mirrored picture too")
    add("--depth-model", metavar="NAME", help="guess missing depth: depth-anything-v2 or moge-2")
    add("--depth-weights", metavar="DIR", help="folder of the depth model, or hub:NAME")
    add("--judge-url", metavar="URL", help=f"an OpenAI-compatible judge; its key: {KEY_VARIABLE}")
    add("--judge-model", metavar="NAME", help="the judge's model")
    add("--gallery", type=int, default=12, metavar="N", help="worst cases shown (default: %(default)s)")
    # Not in the help, which fits one screen: the error of who needs it names it.
    add("--max-faults", type=float, default=0.05, help=argparse.SUPPRESS)


def run_questions(args: argparse.Namespace) -> int:
    """Ask, judge, print and write; exit code 0."""
    from n3d_ros.training.evaluation.asking.run import MIRRORED, replies
    from n3d_ros.training.evaluation.figures.everything import all_figures
    from n3d_ros.training.evaluation.figures.marked import marked
    from n3d_ros.training.evaluation.ledger import Ledger
    from n3d_ros.training.evaluation.report.tables import as_text, tables
    from n3d_ros.training.run_folder import begin

    _check(args)
    judge, model = _judge(args), model_folder(args.model)
    questions = _questions(args)
    begin(args.out, _stated(args, model))
    answers = _answers(args, model, questions)
    every = list(marked(answers, judge))
    mirrored = replies(Ledger(args.out / MIRRORED)) if args.mirror else {}
    faults = [answer.fault for answer in answers if answer.reply is None]
    figures = all_figures(every, mirrored, judge, faults)
    print(as_text(tables(figures)))
    write_json(args.out / REPORT, {"run": _stated(args, model), **figures})
    if args.json:
        write_json(args.json, figures)
    _write_page(args, model, figures, every)
    return 0


def _check(args: argparse.Namespace) -> None:
    if args.out is None:
        raise ValueError("--questions: expected --out, a folder for answers and report; got none")
    if args.limit is not None and args.limit < 1:
        raise ValueError(f"--limit: expected at least 1, got {args.limit}")
    if (args.judge_url is None) != (args.judge_model is None):
        raise ValueError("expected --judge-url and --judge-model, or neither; got one of them")
    if (args.depth_model is None) != (args.depth_weights is None):
        raise ValueError("expected --depth-model and --depth-weights, or neither; got one of them")


def _questions(args: argparse.Namespace) -> list[Question]:
    """Of the set or benchmark, regions named; what a benchmark's reader left out is printed."""
    from itertools import islice

    from n3d_ros.training.evaluation.asking.regions import with_regions
    from n3d_ros.training.evaluation.readers.benchmarks import read_benchmark
    from n3d_ros.training.qa.sets import read_questions

    if args.format == "n3d":
        found = list(islice(read_questions(args.questions), args.limit))
    else:
        read = read_benchmark(args.format, args.questions, args.pictures, args.out, args.max_faults)
        print(read.summary())
        found = list(read.questions[: args.limit])
    if not found:
        raise ValueError(f"'{args.questions}': expected questions, got none")
    return [with_regions(question, args.regions) for question in found]


def _stated(args: argparse.Namespace, model: Path) -> dict[str, Any]:
    """What two runs must share to go on in one folder; the judge may differ, and so may --limit."""
    depth = None if args.depth_model is None else [args.depth_model, args.depth_weights]
    return {
        "questions": str(args.questions.resolve()),
        "questions_sha256": _content([_set_file(args.questions)]),
        "format": args.format,
        "model": str(model.resolve()),
        "model_sha256": _content(sorted(path for path in model.iterdir() if path.suffix in MODEL_FILES)),
        "backend": args.backend,
        "regions": args.regions,
        "depth_model": depth,
    }


def _set_file(questions: Path) -> Path:
    """The one file that another content of the set changes: its manifest has every shard's checksum."""
    from n3d_ros.training.qa.sets import MANIFEST

    return questions / MANIFEST if questions.is_dir() else questions


def _content(files: list[Path]) -> str:
    """A digest of names and content: answers of a set or model that was made anew in its place are no longer
    its own. Large files are sampled (`record_of`).
    """
    import hashlib

    from n3d_ros.model_folder.manifest import record_of

    records = [[path.name, record_of(path).sha256] for path in files if path.is_file()]
    return hashlib.sha256(json.dumps(records).encode()).hexdigest()


def _judge(args: argparse.Namespace) -> Judge:
    from n3d_ros.training.chat import Chat, Endpoint
    from n3d_ros.training.evaluation.judging.endpoint import OPTIONS, EndpointJudge
    from n3d_ros.training.evaluation.judging.rules import RuleJudge
    from n3d_ros.training.evaluation.ledger import Ledger

    if args.judge_url is None:
        return RuleJudge()
    endpoint = Endpoint(args.judge_url, args.judge_model, os.environ.get(KEY_VARIABLE, ""))
    return EndpointJudge(Chat(endpoint, OPTIONS), Ledger(args.out / VERDICTS))


def _answers(args: argparse.Namespace, model: Path, questions: list[Question]) -> list[Answer]:
    """Those of the picture; with --mirror the mirror's are in their ledger afterwards."""
    from tqdm import tqdm

    from n3d_ros.runtime.pipeline import Pipeline
    from n3d_ros.training.evaluation.asking.run import ANSWERS, MIRRORED, ask_all
    from n3d_ros.training.evaluation.ledger import Ledger

    pipeline = Pipeline.load(model, backend=args.backend)
    found: list[Answer] = []
    for name, in_mirror in [(ANSWERS, False), *([(MIRRORED, True)] if args.mirror else [])]:
        asked = ask_all(
            pipeline, questions, _observer(args, in_mirror), Ledger(args.out / name), args.max_faults
        )
        answers = list(tqdm(asked, total=len(questions), unit="question", desc=Path(name).stem))
        found = found or answers
    return found


def _observer(args: argparse.Namespace, in_mirror: bool = False) -> Observer:
    from n3d_ros.training.evaluation.asking.observe import DepthModel, Observer

    depth_model = None if args.depth_model is None else DepthModel(args.depth_model, args.depth_weights)
    return Observer(args.pictures or Path(), depth_model, in_mirror=in_mirror)


def _write_page(args: argparse.Namespace, model: Path, figures: dict[str, Any], every: list[Any]) -> None:
    from n3d_ros.training.evaluation.report.gallery import gallery
    from n3d_ros.training.evaluation.report.page import page

    shown = gallery(every, _observer(args), args.gallery) if args.gallery else ""
    title = f"{model.name} on {args.questions.name}"
    subtitle = ", ".join(f"{name} {value}" for name, value in _stated(args, model).items() if value)
    write_text(args.out / PAGE, page(title, figures, shown, subtitle))
    print(f"\n{args.out / PAGE}")
