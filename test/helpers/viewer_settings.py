"""Which displays, panels and settings the viewers know, as their sources name them; no viewer was started.

A viewer leaves out without a word what it does not know, so a misspelt key is a display that shows nothing.
"""

# https://github.com/ros2/rviz/tree/f7112b1a (rolling, 2024-10): plugins_description.xml of
# rviz_default_plugins, the constructors of the displays, rviz_common's display.cpp, qos_profile_property.cpp,
# view_controller.cpp.
_EVERY_DISPLAY = {"Class", "Name", "Enabled", "Value"}
RVIZ_TOPIC = {
    "Depth": int,
    "History Policy": {"System Default", "Keep Last", "Keep All"},
    "Reliability Policy": {"System Default", "Reliable", "Best Effort"},
    "Durability Policy": {"System Default", "Transient Local", "Volatile"},
    "Filter size": int,
    "Value": str,
}
# PointCloudCommon's own, and those of its transformer Intensity.
_POINTS = {
    "Selectable",
    "Style",
    "Size (m)",
    "Size (Pixels)",
    "Alpha",
    "Decay Time",
    "Position Transformer",
    "Color Transformer",
    "Channel Name",
    "Use rainbow",
    "Invert Rainbow",
    "Min Color",
    "Max Color",
    "Autocompute Intensity Bounds",
    "Min Intensity",
    "Max Intensity",
}
RVIZ_POINTS = {
    "Style": {"Points", "Squares", "Flat Squares", "Spheres", "Boxes", "Tiles"},
    "Position Transformer": {"XYZ"},
    "Color Transformer": {"Intensity", "RGB8", "RGBF32", "AxisColor", "FlatColor"},
}
RVIZ_DISPLAYS = {
    "rviz_default_plugins/DepthCloud": _EVERY_DISPLAY
    | {
        "Reliability Policy",
        "Topic Filter",
        "Depth Map Topic",
        "Depth Map Transport Hint",
        "Color Image Topic",
        "Color Transport Hint",
        "Queue Size",
        "Auto Size",
        "Auto Size/Auto Size Factor",
        "Auto Size/Value",
        "Occlusion Compensation",
        "Occlusion Compensation/Occlusion Time-Out",
        "Occlusion Compensation/Value",
    }
    | _POINTS,
    "rviz_default_plugins/PointCloud2": _EVERY_DISPLAY | {"Topic"} | _POINTS,
    "rviz_default_plugins/MarkerArray": _EVERY_DISPLAY | {"Topic", "Namespaces"},
    "rviz_default_plugins/Image": _EVERY_DISPLAY
    | {"Topic", "Normalize Range", "Min Value", "Max Value", "Median window"},
    "rviz_default_plugins/Axes": _EVERY_DISPLAY | {"Reference Frame", "Length", "Radius"},
    "rviz_default_plugins/TF": _EVERY_DISPLAY,
}
RVIZ_TOOLS = {f"rviz_default_plugins/{one}" for one in ("MoveCamera", "Select", "FocusCamera", "Measure")}
RVIZ_PANELS = {"rviz_common/Displays", "rviz_common/Views"}
RVIZ_OPTIONS = {"Fixed Frame", "Background Color", "Frame Rate"}
RVIZ_VIEWS = {
    "rviz_default_plugins/Orbit": {
        "Class",
        "Name",
        "Value",
        "Target Frame",
        "Distance",
        "Focal Shape Size",
        "Focal Shape Fixed Size",
        "Yaw",
        "Pitch",
        "Focal Point",
        "Focal Point/X",
        "Focal Point/Y",
        "Focal Point/Z",
        "Near Clip Distance",
        "Invert Z Axis",
    }
}

# https://github.com/lichtblick-suite/lichtblick/tree/66adecb99 (2026-08), which has Foxglove's layouts from
# https://github.com/foxglove/studio: panelType and config types in packages/suite-base/src/panels. Topics are
# the user's own names below "topics"; their settings are in ThreeDeeRender's settings.ts, and for points in
# its renderables pointExtensionUtils.ts and colorMode.ts.
_CAMERA = {
    "distance",
    "perspective",
    "phi",
    "thetaOffset",
    "target",
    "targetOffset",
    "targetOrientation",
    "fovy",
    "near",
    "far",
}
_SCENE = {
    "cameraState",
    *(f"cameraState/{one}" for one in _CAMERA),
    "followTf",
    "followMode",
    "scene",
    "scene/labelScaleFactor",
    "topics",
    "imageMode",
    "imageMode/imageTopic",
    "imageMode/calibrationTopic",
}
FOXGLOVE_TOPIC = {
    "visible",
    "frameLocked",
    "pointSize",
    "pointShape",
    "decayTime",
    "colorMode",
    "flatColor",
    "colorField",
    "gradient",
    "colorMap",
    "explicitAlpha",
    "minValue",
    "maxValue",
}
FOXGLOVE_COLOR_MODES = {"flat", "gradient", "colormap", "rgb", "rgba", "rgba-fields"}
FOXGLOVE_PANELS = {
    "3D": _SCENE,
    "Image": _SCENE,
    "RawMessages": {"topicPath", "diffEnabled", "diffMethod", "diffTopicPath", "showFullMessageForDiff"},
    "Publish": {
        "topicName",
        "datatype",
        "buttonText",
        "buttonTooltip",
        "buttonColor",
        "advancedView",
        "value",
    },
    "DiagnosticSummary": {"minLevel", "pinnedIds", "topicToRender", "hardwareIdFilter", "sortByLevel"},
}


def keys(settings, but=(), prefix=""):
    """ "a", "a/b" ... of nested dictionaries; what is below the keys in `but` is the user's own."""
    for key, value in settings.items():
        yield f"{prefix}{key}"
        if isinstance(value, dict) and key not in but:
            yield from keys(value, but, f"{prefix}{key}/")
