"""Breaks the code in known ways, one at a time, and says which breaks no test notices.

In: nothing, or words that a mutation's name must hold. Out: a line per mutation, and exit code 1 when one
survives or its text is no longer there. A mutation is a file, what stands in it, what is put there instead,
and the tests that must fail. Run it in a checkout without changes:
`.venv/bin/python tools/mutate.py [WORD ...]`. Every file is put back. To add one: a row in MUTATIONS.
"""

import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
PACKAGE, TRT = "n3d_ros", "n3d_ros/runtime/backends/trt"


class Mutation(NamedTuple):
    name: str
    file: str
    old: str
    new: str
    tests: str


MUTATIONS = (
    Mutation(
        "control tokens: only those of turns",
        f"{PACKAGE}/protocol/prompts.py",
        r're.search(r"<\|\w+\|>", question)',
        r're.search(r"<\|im_\w+\|>", question)',
        "test/protocol/test_what_prompts_refuse.py",
    ),
    Mutation(
        "curly quotes are allowed in a name",
        f"{PACKAGE}/protocol/prompts.py",
        r"\u2018\u2019\u201c\u201d",
        "",
        "test/protocol/test_what_prompts_refuse.py",
    ),
    Mutation(
        "tf at the newest instant",
        f"{PACKAGE}/node/transforms.py",
        "Time(nanoseconds=stamp_ns)",
        "Time()",
        "test/ros/test_transform_stamp.py",
    ),
    Mutation(
        "stop leaves the running job alone",
        f"{PACKAGE}/node/plain/engine/worker.py",
        """job.fail(ResultCode.CANCELED, "the node shuts down")
        if running is not None:
            running.cancel()""",
        """job.fail(ResultCode.CANCELED, "the node shuts down")
        if running is not None:
            pass""",
        "test/node/plain/engine/test_worker.py",
    ),
    Mutation(
        "cameras: what an engine keeps of a picture is everybody's",
        f"{PACKAGE}/node/parts.py",
        "lambda engine: engine.beside(wanted.limits)",
        "lambda engine: engine",
        "test/ros/test_cameras.py",
    ),
    Mutation(
        "cameras: each loads the model",
        f"{PACKAGE}/node/plain/engine/thread.py",
        "if thread.join(member):",
        "if False:",
        "test/node/plain/engine/test_thread.py",
    ),
    Mutation(
        "cameras: one that leaves stops the other's job",
        f"{PACKAGE}/node/plain/engine/worker.py",
        "waiting, running = self._waiting(), self._running",
        "waiting, running = self._waiting(), getattr(self._thread.serves, '_running', None)",
        "test/node/plain/engine/test_thread.py",
    ),
    Mutation(
        "cameras: no turns",
        f"{PACKAGE}/node/plain/engine/turns.py",
        "        self.served(chosen)\n",
        "",
        "test/node/plain/engine/test_turns.py",
    ),
    Mutation(
        "AWQ: the first piece's factors for every piece",
        "engines/quantize/rounding.py",
        "rows[start : start + step, None]",
        "rows[: len(piece), None]",
        "test/engines/quantize/test_folder.py",
    ),
    Mutation(
        "sizes keep their sign",
        f"{PACKAGE}/protocol/box_text.py",
        "*map(abs, values[4:])",
        "*values[4:]",
        "test/protocol/test_hostile_text.py",
    ),
    Mutation(
        "the last sample of a large file is not read",
        f"{PACKAGE}/model_folder/manifest.py",
        "(*range(0, size, SAMPLE_STRIDE), max(size - SAMPLE_BYTES, 0))",
        "range(0, size, SAMPLE_STRIDE)",
        "test/model_folder/test_manifest.py",
    ),
    Mutation(
        "a group may write to engines",
        f"{TRT}/folder.py",
        "(stat.S_IWGRP | stat.S_IWOTH)",
        "stat.S_IWOTH",
        "test/runtime/backends/trt/test_find.py",
    ),
    Mutation(
        "labels: the counter of boxes stands still",
        "training/nano/labels.py",
        "            box += ids[i] == self.close\n",
        "",
        "test/training/nano/test_labels.py",
    ),
    Mutation(
        "simulator: principal point half a pixel off",
        f"{PACKAGE}/sim/camera.py",
        "(width - 1) / 2, (height - 1) / 2, width, height",
        "width / 2, height / 2, width, height",
        "test/sim/test_camera.py",
    ),
    Mutation(
        "simulator: roll the other way",
        f"{PACKAGE}/sim/camera.py",
        "[c * right + s * down, -s * right + c * down, forward]",
        "[c * right - s * down, s * right + c * down, forward]",
        "test/sim/test_camera.py",
    ),
    Mutation(
        "simulator: a shelf from behind",
        f"{PACKAGE}/sim/camera.py",
        '"shelf": (-35.0, 35.0)',
        '"shelf": (145.0, 215.0)',
        "test/sim/test_camera.py",
    ),
    Mutation(
        "simulator: what is behind the camera is in view",
        f"{PACKAGE}/sim/camera.py",
        "(local[:, 2] > 0.05).all() and ",
        "",
        "test/sim/test_camera.py",
    ),
    Mutation(
        "margin of the clock: to one edge of the hour alone",
        f"{PACKAGE}/spatial/relations/places.py",
        "min(degrees % 30, 30 - degrees % 30)",
        "degrees % 30",
        "test/spatial/test_margins.py",
    ),
    Mutation(
        "margin of an order: of the worst pair",
        f"{PACKAGE}/spatial/relations/places.py",
        "min(along_z(a, b) for a, b in pairwise(ranked))",
        "max(along_z(a, b) for a, b in pairwise(ranked))",
        "test/spatial/test_margins.py",
    ),
    Mutation(
        "period: the median",
        f"{PACKAGE}/node/plain/inputs/sync.py",
        "ordered[len(ordered) // 4]",
        "ordered[len(ordered) // 2]",
        "test/node/plain/inputs/test_sync.py",
    ),
    Mutation(
        "a late message inside the slop is dropped",
        f"{PACKAGE}/node/plain/inputs/sync.py",
        "stamp_ns < self._last_ns - self.slop_ns",
        "stamp_ns < self._last_ns",
        "test/node/plain/inputs/test_sync.py",
    ),
    Mutation(
        "files are written in place",
        f"{PACKAGE}/storage/whole_file.py",
        'part = target.with_name(f".{target.stem}.{os.getpid()}.part{target.suffix}")',
        "part = target",
        "test/storage/test_whole_file.py",
    ),
    Mutation(
        "arrays: more bytes than announced",
        f"{PACKAGE}/storage/array_file.py",
        "if num_bytes != num_there:",
        "if num_bytes > num_there:",
        "test/storage/test_array_file.py",
    ),
    Mutation(
        "arrays: no limit",
        f"{PACKAGE}/storage/array_file.py",
        "if num_bytes > max_bytes:",
        "if False:",
        "test/storage/test_array_file.py",
    ),
    Mutation(
        "JSON: a name twice",
        f"{PACKAGE}/storage/json_file.py",
        "if len(found) != len(pairs):",
        "if False:",
        "test/model_folder/test_config.py",
    ),
    Mutation(
        "JSON: any depth",
        f"{PACKAGE}/storage/json_file.py",
        "if depth > MAX_DEPTH:",
        "if False:",
        "test/storage/test_json_file.py",
    ),
    Mutation(
        "tensors may share bytes",
        f"{PACKAGE}/model_folder/tensors.py",
        "if entry.offset < end and entry.num_bytes:",
        "if False:",
        "test/model_folder/test_tensors.py",
    ),
    Mutation(
        "NaN is looked for in the first piece alone",
        f"{PACKAGE}/model_folder/tensors.py",
        "for start in range(0, bits.size, PIECE))",
        "for start in [0])",
        "test/model_folder/test_foreign.py",
    ),
    Mutation(
        "a tied head is compared by its shape",
        f"{PACKAGE}/model_folder/foreign.py",
        "or not _same(_pieces(head), _pieces(embedding))",
        "",
        "test/model_folder/test_foreign.py",
    ),
    Mutation(
        "a boolean is a number",
        f"{PACKAGE}/model_folder/fields.py",
        "if isinstance(found, bool) or not isinstance(found, int) or not least",
        "if not isinstance(found, int) or not least",
        "test/model_folder/test_config.py",
    ),
    Mutation(
        "pictures: no limit of size",
        f"{PACKAGE}/files/picture_file.py",
        "            check_size(picture.width, picture.height, max_megapixels)\n",
        "",
        "test/files/test_picture_file.py",
    ),
    Mutation(
        "pictures: the first of an animation",
        f"{PACKAGE}/files/picture_file.py",
        "if num_frames > 1 and",
        "if num_frames > 99 and",
        "test/files/test_picture_file.py",
    ),
    Mutation(
        "labels with control characters",
        f"{PACKAGE}/protocol/box_codec.py",
        "without_controls(parsed.label)",
        "parsed.label",
        "test/protocol/test_hostile_text.py",
    ),
    Mutation(
        "boxes beyond all reach",
        f"{PACKAGE}/protocol/box_codec.py",
        "if not max(abs(x), abs(y), z_m, *size) <= MAX_REACH_M:",
        "if False:",
        "test/protocol/test_hostile_text.py",
    ),
    Mutation(
        "ids of any length",
        f"{PACKAGE}/protocol/box_text.py",
        "if len(match[1]) > MAX_INDEX_DIGITS:",
        "if False:",
        "test/protocol/test_hostile_text.py",
    ),
    Mutation(
        "words of any length",
        f"{PACKAGE}/runtime/limits.py",
        "if len(words) > limits.max_words_chars:",
        "if False:",
        "test/runtime/test_limits.py",
    ),
    Mutation(
        "drawing of absurd boxes",
        f"{PACKAGE}/overlay.py",
        "return bool((np.abs(box.corners()) < MAX_DRAWN_M).all())",
        "return True",
        "test/test_overlay.py",
    ),
    Mutation(
        "parity: every neighbour is a tie",
        "engines/parity/inputs.py",
        "<= 0.5 + noise)",
        "<= 1.5)",
        "test/engines/parity/test_ties.py",
    ),
    Mutation(
        "parity: no difference is a tie",
        "engines/parity/inputs.py",
        "<= 0.5 + noise)",
        "< 0)",
        "test/engines/parity/test_ties.py",
    ),
    Mutation(
        "parity: noise does not follow the length of the sums",
        "engines/parity/inputs.py",
        "NOISE_WIDTH * np.sqrt(num_summed)",
        "NOISE_WIDTH * 14",
        "test/engines/parity/test_ties.py",
    ),
    Mutation(
        "node: names of a request of any length",
        f"{PACKAGE}/node/desk/queries.py",
        '        check_words(", ".join(self.words), limits)\n',
        "",
        "test/ros/test_limits.py",
    ),
    Mutation(
        "node: questions of any length",
        f"{PACKAGE}/node/desk/queries.py",
        "        check_words(self.question, limits)\n",
        "",
        "test/ros/test_limits.py",
    ),
    Mutation(
        "node: a standing prompt of any length",
        f"{PACKAGE}/node/parameters/declared.py",
        "        check_words(self.continuous_prompt, self.limits)\n",
        "",
        "test/ros/test_limits.py",
    ),
    Mutation(
        "node: a refused topic's prompt is not told",
        f"{PACKAGE}/node/parts.py",
        "        if not result.successful:\n            refused",
        "        if False:\n            refused",
        "test/ros/test_limits.py",
    ),
    Mutation(
        "node: a refusal echoes the words whole",
        f"{PACKAGE}/node/desk/outcome.py",
        ", MAX_LINE_CHARS)",
        ", 10**9)",
        "test/ros/test_limits.py",
    ),
    Mutation(
        "node: diagnostics values of any length",
        f"{PACKAGE}/node/outputs/diagnostics.py",
        "one_line(str(value))",
        "str(value)",
        "test/ros/test_limits.py",
    ),
    Mutation(
        "node: the picture limit of messages is not the operator's",
        f"{PACKAGE}/node/inputs/frame.py",
        "                max_megapixels=parameters.limits_max_picture_megapixels,\n",
        "",
        "test/ros/test_limits.py",
    ),
    Mutation(
        "node: a compressed depth of any size",
        f"{PACKAGE}/node/conversions/compressed_depth.py",
        "check_encoded(data, expected, max_megapixels)",
        "check_encoded(data, expected, 1e9)",
        "test/ros/test_limits.py",
    ),
    Mutation(
        "a depth picture of any size",
        f"{PACKAGE}/files/frames.py",
        "            check_size(picture.width, picture.height, max_megapixels)\n",
        "",
        "test/files/test_frames.py",
    ),
    Mutation(
        "Pillow's warning beside the one line",
        f"{PACKAGE}/files/picture_file.py",
        'warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)\n',
        "",
        "test/files/test_frames.py",
    ),
    Mutation(
        "the second stage's question ends in a number",
        f"{PACKAGE}/protocol/prompts.py",
        "if rule != WHOLE_SENTENCE:",
        "if True:",
        "test/protocol/test_prompts.py",
    ),
    Mutation(
        "the second stage's question ends behind its number",
        f"{PACKAGE}/protocol/prompts.py",
        "if not NO_SENTENCE.search(line, 0, stop.start()))",
        "if True)",
        "test/protocol/test_prompts.py",
    ),
    Mutation(
        "strict mode reads the question whole",
        f"{PACKAGE}/runtime/pipeline.py",
        "rule = self._options.sentence_rule",
        'rule = "whole_sentence"',
        "test/runtime/test_quirks.py",
    ),
    Mutation(
        "boxes of any colour are counted as red",
        f"{PACKAGE}/spatial/matching.py",
        "if plural and best == SAYS_LESS:",
        "if False:",
        "test/spatial/test_matching.py",
    ),
    Mutation(
        "a direction to what is straight above",
        f"{PACKAGE}/spatial/relations/places.py",
        "if (from_x, from_z) == (b.exact[X], b.exact[Z]):",
        "if False:",
        "test/spatial/test_matching.py",
    ),
    Mutation(
        "how high in the scene is its height",
        f"{PACKAGE}/spatial/language/frames.py",
        'is_place = says_where and words[at].key == "in"',
        "is_place = False",
        "test/spatial/test_peoples_questions.py",
    ),
    Mutation(
        "camera files: a unit of depth under another name",
        f"{PACKAGE}/cameras/checks/depth_unit.py",
        'if path != "depth_scale" and SCALE_LIKE.search(path) and _is_other_scale(path, value):',
        "if False:",
        "test/files/test_camera_file.py",
    ),
    Mutation(
        "camera files: a fisheye without coefficients",
        f"{PACKAGE}/cameras/checks/lens.py",
        "if camera.distortion is None:",
        "if False:",
        "test/files/test_camera_file.py",
    ),
    Mutation(
        "camera files: another field of view",
        f"{PACKAGE}/cameras/checks/numbers.py",
        "if not is_one and camera.distortion is None:",
        "if False:",
        "test/files/test_camera_file.py",
    ),
    Mutation(
        "camera files: the middle of nerfstudio's first pixel",
        f"{PACKAGE}/cameras/mapping.py",
        'if "fl_x" in values:',
        "if False:",
        "test/files/test_camera_file.py",
    ),
    Mutation(
        "cameras of any aspect",
        f"{PACKAGE}/geometry/plausible.py",
        "if is_large and max(fx, fy) > MAX_ASPECT * min(fx, fy):",
        "if False:",
        "test/geometry/test_plausible.py",
    ),
    Mutation(
        "depth: a sensor's ceiling is a distance",
        f"{PACKAGE}/preprocess/metres.py",
        "    high = high if ceiling is None else min(high, ceiling - 1)\n",
        "",
        "test/preprocess/test_metres.py",
    ),
    Mutation(
        "depth: what lies at a ceiling counts in the median",
        f"{PACKAGE}/preprocess/metres.py",
        "min(high_units, ceiling or NO_DATA)",
        "min(high_units, NO_DATA)",
        "test/preprocess/test_metres.py",
    ),
    Mutation(
        "depth: integers beyond the limits are kept",
        f"{PACKAGE}/preprocess/metres.py",
        "_units_within(scale, min_m, max_m)\n",
        "_units_within(scale, 0.0, np.inf)\n",
        "test/preprocess/test_metres.py",
    ),
    Mutation(
        "depth: one pixel at a ceiling is no distance",
        f"{PACKAGE}/preprocess/metres.py",
        ">= MIN_CEILING_SHARE",
        ">= 0",
        "test/preprocess/test_metres.py",
    ),
    Mutation(
        "depth: millimetres shifted by three bits",
        f"{PACKAGE}/preprocess/metres.py",
        "        _check_steps(raw)\n",
        "        pass\n",
        "test/preprocess/test_metres.py",
    ),
    Mutation(
        "depth: shares of the largest",
        f"{PACKAGE}/preprocess/metres.py",
        "        _check_shares(metres)\n",
        "",
        "test/preprocess/test_metres.py",
    ),
    Mutation(
        "depth: nearer than any camera sees",
        f"{PACKAGE}/preprocess/metres.py",
        "if 0 < median < MIN_MEDIAN_M:",
        "if False:",
        "test/preprocess/test_metres.py",
    ),
    Mutation(
        "points: a part that does not fit",
        f"{PACKAGE}/cameras/points_fit.py",
        "        _check_most(sample)\n",
        "",
        "test/cameras/test_points_fit.py",
    ),
    Mutation(
        "points: depth that contradicts them",
        f"{PACKAGE}/files/points_file.py",
        "if abs(times - 1) > DEPTH_AGREEMENT:",
        "if False:",
        "test/files/test_points_file.py",
    ),
    Mutation(
        "checkpoints: a matrix of zeros",
        f"{PACKAGE}/model_folder/foreign.py",
        "if len(entry.shape) > 1 and entry.is_zero():",
        "if False:",
        "test/model_folder/test_foreign.py",
    ),
    Mutation(
        "checkpoints: another attention",
        f"{PACKAGE}/model_folder/config.py",
        "    _check_layers(text, layers)\n",
        "",
        "test/model_folder/test_config.py",
    ),
    Mutation(
        "checkpoints: two point codes in one config",
        f"{PACKAGE}/model_folder/config.py",
        "    _check_copies(config)\n",
        "",
        "test/model_folder/test_config.py",
    ),
    Mutation(
        "checkpoints: a larger model's tokenizer",
        f"{PACKAGE}/runtime/decoding/text.py",
        "if largest >= vocab_size:",
        "if False:",
        "test/runtime/test_pipeline.py",
    ),
    Mutation(
        "vision: the holes of windows are seen",
        f"{PACKAGE}/runtime/backends/positions.py",
        "mask = np.where(is_hole, np.float32(MASKED), np.float32(0.0))",
        "mask = np.where(is_hole, np.float32(0.0), np.float32(0.0))",
        "test/runtime/backends/test_positions.py",
    ),
    Mutation(
        "decoder: all rows of a prompt go through the last layer",
        "engines/export/decoder_graph.py",
        "(x, self.all) if wanted is None",
        "(x, self.all) if True",
        "test/engines/export/test_graphs.py",
    ),
    Mutation(
        "node: image data of any length",
        f"{PACKAGE}/node/conversions/images.py",
        "if step < row_bytes or len(image.data) < step * (num_rows - 1) + row_bytes:",
        "if False:",
        "test/fuzz/test_messages.py",
    ),
    Mutation(
        "pain 1: auto asks for reliable whatever is offered",
        f"{PACKAGE}/node/plain/inputs/qos.py",
        "return Quality(all(one.reliable for one in offers), all(one.latched for one in offers))",
        "return Quality(True, all(one.latched for one in offers))",
        "test/ros/test_qos.py",
    ),
    Mutation(
        "pain 1: who cannot be heard is not said",
        f"{PACKAGE}/node/plain/inputs/qos.py",
        "if not weak:",
        "if weak is not None:",
        "test/ros/test_qos.py",
    ),
    Mutation(
        "pain 5: frames of any age are fresh",
        f"{PACKAGE}/node/inputs/camera.py",
        "return not limit_s or frame.age_s(self._now_ns()) <= limit_s",
        "return True",
        "test/ros/test_bad_input.py",
    ),
    Mutation(
        "pain 9: millimetres in 32FC1 are taken",
        f"{PACKAGE}/preprocess/metres.py",
        "if median > MAX_MEDIAN_M:",
        "if False:",
        "test/node/conversions/test_messages.py",
    ),
    Mutation(
        "pain 12: the matrix is not scaled with the picture",
        f"{PACKAGE}/cameras/camera_info.py",
        "return seen.scaled_to(width, height)",
        "return replace(seen, width=width, height=height)",
        "test/node/conversions/test_messages.py",
    ),
    Mutation(
        "pain 16: a stage's time is left out",
        f"{PACKAGE}/node/outputs/messages.py",
        'STAGES = ("preprocess", "vision", "prefill", "decode", "post", "total")',
        'STAGES = ("preprocess", "vision", "prefill", "decode", "total")',
        "test/ros/test_requests.py",
    ),
    Mutation(
        "pain 17: sines where the release has cosines",
        f"{PACKAGE}/preprocess/point_code.py",
        "np.cos(angles[:, 1::2], out=code[:, 1::2])",
        "np.sin(angles[:, 1::2], out=code[:, 1::2])",
        "test/engines/parity/test_golden.py",
    ),
    Mutation(
        "pain 22: the image names packages itself",
        "docker/jazzy.Dockerfile",
        "python3-pip \\",
        "python3-pip ros-jazzy-vision-msgs \\",
        "test/node/test_containers.py",
    ),
    Mutation(
        "pain 25: JPEG is depth",
        f"{PACKAGE}/node/conversions/compressed_depth.py",
        'if "jpeg" in image.format or "jpg" in image.format:',
        "if False:",
        "test/node/conversions",
    ),
    Mutation(
        "pain 28: boxes of negative size",
        f"{PACKAGE}/boxes.py",
        "if min(self.size) < 0:",
        "if False:",
        "test/test_boxes.py",
    ),
    Mutation(
        "names: a bad one hides what the others found",
        f"{PACKAGE}/node/desk/outcome.py",
        "is_shown=result.code == ResultCode.OK or bool(answered_names(ground)),",
        "is_shown=result.code == ResultCode.OK,",
        "test/ros/test_requests.py",
    ),
    Mutation(
        "names: a stopped request is shown in part",
        f"{PACKAGE}/node/desk/names.py",
        "return () if is_stopped else tuple(",
        "return tuple(",
        "test/ros/test_requests.py",
    ),
    Mutation(
        "memory: every thing of a picture has all its names",
        f"{PACKAGE}/node/memory/looks.py",
        "if found.words == words))",
        "))",
        "test/ros/test_memory.py",
    ),
    Mutation(
        "labels: above in the camera's frame only",
        f"{PACKAGE}/node/outputs/markers.py",
        "x, y, z = rotated(box.pose.orientation, (0.0, -box.size.y / 2 - LABEL_GAP_M, 0.0))",
        "x, y, z = 0.0, -box.size.y / 2 - LABEL_GAP_M, 0.0",
        "test/ros/test_markers_in_graph.py",
    ),
    Mutation(
        "nv24: rows of colours one step apart",
        f"{PACKAGE}/node/conversions/images.py",
        "strides=(2 * step, 2, 1),",
        "strides=(step, 2, 1),",
        "test/node/conversions/test_encodings.py",
    ),
    Mutation(
        "a box written twice is two objects",
        f"{PACKAGE}/runtime/objects.py",
        "if self._once and any(is_repeated(decoded.box, thing.box) for thing in self.objects):",
        "if False:",
        "test/runtime/test_pipeline.py",
    ),
    Mutation(
        "boxes of other names are the same thing",
        f"{PACKAGE}/runtime/objects.py",
        "return box.label.casefold() == earlier.label.casefold() and iou_3d",
        "return iou_3d",
        "test/runtime/test_pipeline.py",
    ),
    Mutation(
        "doubt: the closer look decides alone",
        f"{PACKAGE}/runtime/looks/looking.py",
        "first + again > self.least",
        "again > self.least",
        "test/runtime/test_second_look.py",
    ),
    Mutation(
        "doubt: a guess that nobody looked at is there",
        f"{PACKAGE}/runtime/looks/looking.py",
        "return not self.is_guess",
        "return True",
        "test/runtime/test_second_look.py",
    ),
    Mutation(
        "doubt: in the mirror too",
        f"{PACKAGE}/runtime/finding.py",
        "decides = self.mode == CLOSER and ",
        "decides = self.mode and ",
        "test/runtime/test_second_look.py",
    ),
    Mutation(
        "doubt: of several things too",
        f"{PACKAGE}/runtime/finding.py",
        "if len(first.objects) == 1:",
        "if first.objects:",
        "test/runtime/test_second_look.py",
    ),
    Mutation(
        "doubt: whatever a sure first look says",
        f"{PACKAGE}/runtime/finding.py",
        "not LEAST_DOUBT < odds <= 0",
        "not odds <= 0",
        "test/runtime/test_second_look.py",
    ),
    Mutation(
        "doubt: any guess will do",
        f"{PACKAGE}/runtime/finding.py",
        "if thing.box.label.casefold() in request.words.casefold()]",
        "if thing.box.label]",
        "test/runtime/test_second_look.py",
    ),
    Mutation(
        "doubt: questions take all for granted",
        f"{PACKAGE}/runtime/pipeline.py",
        "text, query, ASKED, is_new)",
        "text, query, None, is_new)",
        "test/runtime/test_second_look.py",
    ),
    Mutation(
        "closer look: its size counts as much as the first one's",
        f"{PACKAGE}/runtime/looks/second_look.py",
        "box = mean_box(found.box, again, look.size_share)",
        "box = mean_box(found.box, again)",
        "test/runtime/test_second_look.py",
    ),
    Mutation(
        "closer look: one part for all",
        f"{PACKAGE}/runtime/looks/second_look.py",
        "next((part for part in parts if has_room(part, found, intrinsics)), own)",
        "next(iter(parts), own)",
        "test/runtime/test_second_look.py",
    ),
    Mutation(
        "closer look: boxes are told at the end",
        f"{PACKAGE}/runtime/looks/looking.py",
        "for thing in seen}\n            self._tell(untold, known)",
        "for thing in seen}\n        self._tell(untold, known)",
        "test/runtime/test_second_look.py",
    ),
    Mutation(
        "a scene that does not fit ends the rendering",
        f"{PACKAGE}/sim/scene.py",
        "for fewer in range(num, config.min_objects - 1, -1):",
        "for fewer in (num,):",
        "test/sim/test_scenes.py",
    ),
)


def main(words: list[str]) -> int:
    """Try each chosen mutation; 1 when one survives."""
    chosen = [one for one in MUTATIONS if all(word in one.name for word in words)]
    failures = [one.name for one in chosen if not noticed(one)]
    print(f"{len(chosen) - len(failures)} of {len(chosen)} mutations are noticed")
    return 1 if failures or not chosen else 0


def noticed(mutation: Mutation) -> bool:
    """Whether the tests fail with the mutation; the file is put back in any case."""
    path = ROOT / mutation.file
    before = path.read_text(encoding="utf-8")
    if before.count(mutation.old) != 1:
        print(f"GONE      {mutation.name}: expected its text once in {mutation.file}")
        return False
    try:
        path.write_text(before.replace(mutation.old, mutation.new), encoding="utf-8")
        failed = run(mutation.tests) == 1  # 1: tests failed; others: nothing ran
    finally:
        path.write_text(before, encoding="utf-8")
    print(f"{'noticed ' if failed else 'SURVIVES'}  {mutation.name}", flush=True)
    return failed


def run(tests: str) -> int:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", tests]
    return subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
