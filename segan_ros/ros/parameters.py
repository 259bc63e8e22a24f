"""Every parameter of the node, declared once: type, default, range and one sentence."""

from __future__ import annotations

from segan_ros.completion import Settings
from segan_ros.depth import MILLIMETRE
from segan_ros.messages.segmenters import LABEL_IMAGE, SEGMENTERS
from segan_ros.occlusion.edges import RULES
from segan_ros.ros.parameter import INACTIVE, START, UNCONFIGURED, Parameter
from segan_ros.ros.up_parameter import AUTO, NONE, up_problem
from segan_ros.runtime.model import PRECISIONS, PROVIDERS
from segan_ros.runtime.spec import OCCLUDERS
from segan_ros.tracks.follower import STEADY, FollowSettings

_SETTINGS, _FOLLOW = Settings(), FollowSettings()

PARAMETERS = (
    Parameter(
        "model",
        "tabletop",
        "Name of a shipped model, or path to a folder with model.yaml and its ONNX files.",
        changes=UNCONFIGURED,
    ),
    Parameter(
        "provider",
        "auto",
        "ONNX Runtime provider of the networks; auto takes the first of these that works on this "
        "machine.",
        choices=("auto", *PROVIDERS),
        changes=UNCONFIGURED,
    ),
    Parameter(
        "threads",
        0,
        "CPU threads per network; 0 = all cores.",
        limits=(0, 256),
        changes=UNCONFIGURED,
    ),
    Parameter(
        "precision",
        "auto",
        "Precision of the networks, where the provider supports it: auto is fp16 on TensorRT; on "
        "OpenVINO bf16 where the CPU has it (AVX512_BF16 or AMX), or else int8 where the CPU "
        "(AVX512_VNNI or AVX_VNNI) and the model have it; and fp32 elsewhere. int8 needs quantised "
        "files and runs on TensorRT and OpenVINO.",
        choices=PRECISIONS,
        changes=UNCONFIGURED,
    ),
    Parameter(
        "engine_cache",
        "~/.cache/segan_ros/engines",
        "Folder for the engines that TensorRT builds; created when needed.",
        changes=UNCONFIGURED,
    ),
    Parameter(
        "threshold",
        0.0,
        "Probability above which a hidden pixel belongs to an object; 0 = the model's own "
        "threshold.",
        limits=(0.0, 0.99),
    ),
    Parameter(
        "occluders",
        "model",
        "Where hidden parts may lie: labelled = behind labelled objects; any = anywhere; auto = "
        "anywhere if the object's depth is known and the model sees it; model = as model.yaml "
        "says.",
        choices=("model", *OCCLUDERS),
    ),
    Parameter(
        "gap_width",
        _SETTINGS.gap_width,
        "Gaps up to this width that the segmenter leaves between masks of touching objects are "
        "closed. Real gaps stay open; something without a mask may lie in them and hide part of an "
        "object. 0 = nothing is closed.",
        limits=(0, 100),
        unit="pixels",
    ),
    Parameter(
        "ignore_ids",
        [0],
        "Label values that are not objects, such as 255 for void; 0 is never an object.",
        limits=(0, 2**31 - 1),
    ),
    Parameter(
        "min_hidden_ratio",
        _SETTINGS.min_hidden_ratio,
        "Hidden parts below this share of the visible area are treated as noise.",
        limits=(0.0, 1.0),
    ),
    Parameter(
        "max_objects",
        _SETTINGS.max_objects,
        "Frames with more objects are dropped: a depth image on the mask topic has hundreds.",
        limits=(1, 10_000),
    ),
    Parameter(
        "edge_rule",
        _SETTINGS.edges.rule,
        "What makes an occlusion edge: coverage = the share of the occludee's whole mask that is "
        "covered; weighed = the same where depth is known, else trees weigh both masks of a pair; "
        "learned = the learned order head (fewer edges); paper = the paper's IoU > 0.05.",
        choices=RULES,
    ),
    Parameter(
        "min_in_front",
        _SETTINGS.edges.min_in_front,
        "Minimum probability of an edge by the learned order head; for edge_rule learned.",
        limits=(0.0, 1.0),
    ),
    Parameter(
        "min_overlap_ratio",
        _SETTINGS.edges.min_overlap_ratio,
        "Minimum share of the occludee's whole mask that the occluder covers, for edge_rule "
        "coverage, and weighed where depth is known; elsewhere weighed measures overlaps by it.",
        limits=(0.0, 1.0),
    ),
    Parameter(
        "min_overlap_area",
        _SETTINGS.edges.min_overlap_area,
        "Minimum area of the occludee's whole mask that the occluder covers, for edge_rule "
        "coverage and paper, and weighed where depth is known; elsewhere weighed measures "
        "overlaps by it.",
        limits=(1, 100_000),
        unit="pixels",
    ),
    Parameter(
        "depth_step",
        _SETTINGS.edges.depth_step,
        "Depth step at the border of two objects that confirms or rejects an edge.",
        limits=(0.0, 10.0),
        unit="m",
    ),
    Parameter(
        "use_depth",
        "auto",
        "Whether frames need a depth image: auto = depth is used while it has a publisher, always "
        "= frames without depth are dropped, never = depth is ignored.",
        choices=("auto", "always", "never"),
        changes=INACTIVE,
    ),
    Parameter(
        "depth_scale",
        MILLIMETRE,
        "Metres per unit of integer depth (16UC1, mono16): 0.001 = millimetres, 0.0001 = tenths "
        "of a millimetre.",
        limits=(1e-6, 1.0),
        unit="m",
    ),
    Parameter(
        "sync_slop",
        0.01,
        "Maximum difference between the stamps of an image and its mask where none are equal.",
        limits=(0.0, 1.0),
        unit="s",
    ),
    Parameter(
        "sync_timeout",
        1.0,
        "How long an image waits for its mask, and a mask for its image.",
        limits=(0.01, 60.0),
        unit="s",
    ),
    Parameter(
        "sync_queue",
        60,
        "Messages buffered per input while waiting for a match.",
        limits=(1, 1000),
        unit="messages",
        changes=INACTIVE,
    ),
    Parameter(
        "max_age",
        0.0,
        "Frames older than this by their stamp are dropped before processing; 0 = never.",
        limits=(0.0, 3600.0),
        unit="s",
    ),
    Parameter(
        "request_max_age",
        2.0,
        "Maximum age of the frame that ~/removal_order and ~/complete use, by its stamp, where the "
        "request sets no max_age; 0 = any.",
        limits=(0.0, 3600.0),
        unit="s",
    ),
    Parameter(
        "publish_appearance",
        True,
        "Whether ~/objects includes the appearance of hidden parts, which takes a second network.",
    ),
    Parameter(
        "reuse_change",
        0.0,
        "The last result is published again while all masks are identical and the colours of the "
        "objects differ by at most this on average; 0 = never.",
        limits=(0.0, 255.0),
        unit="grey levels",
    ),
    Parameter(
        "rectified",
        False,
        "Whether image, mask and depth are rectified: if so, camera_info's P is used instead of K "
        "and D.",
    ),
    Parameter(
        "up",
        AUTO,
        "Direction against gravity in the camera's optical frame (x right, y down, z ahead), as "
        "three numbers such as '0 -0.7 -0.7'; auto = from gravity_frame, else from the IMU, else "
        "from the plane that most of the background lies on.",
        check=up_problem,
    ),
    Parameter(
        "gravity_frame",
        NONE,
        "Frame on /tf whose z axis points up, such as base_link; none = no such frame. Needs the "
        "package tf2_msgs.",
        changes=INACTIVE,
    ),
    Parameter(
        "use_imu",
        False,
        "Whether to take the up direction from the IMU on topic imu, where gravity_frame is none; "
        "its frame must be on /tf, or be the camera's.",
        changes=INACTIVE,
    ),
    Parameter(
        "segmenter",
        "label_image",
        "What comes in on instance_mask: label_image = sensor_msgs/Image of ids; yolo_msgs = "
        "polygons of yolo_ros; masks = a message with an array of mask images, see segmenter_type; "
        "panoptic = Gazebo's labels_map; colours = an image with a colour for each object.",
        choices=(LABEL_IMAGE, *SEGMENTERS),
        changes=INACTIVE,
    ),
    Parameter(
        "segmenter_type",
        "ultralytics_ros/msg/YoloResult",
        "Message type on instance_mask, for segmenter masks.",
        changes=INACTIVE,
    ),
    Parameter(
        "ignored_classes",
        "none",
        "Classes to leave out, such as dining table, separated by commas; none = leave out none. "
        "For segmenters that name classes.",
    ),
    Parameter(
        "min_score",
        0.0,
        "Masks with a lower score are left out. For segmenters that give scores.",
        limits=(0.0, 1.0),
    ),
    Parameter(
        "occluder_classes",
        "none",
        "Classes that only occlude others, such as hand or robot arm, separated by commas; none = "
        "no such class. They get no whole mask and no place in removal_order. For segmenters that "
        "name classes.",
    ),
    Parameter(
        "occluder_ids",
        [0],
        "Ids that only occlude others, as occluder_classes; 0 is never an object.",
        limits=(0, 2**31 - 1),
    ),
    Parameter(
        "track",
        _FOLLOW.track,
        "Whether every object gets a track_id that lasts from frame to frame, whatever its id; "
        "those that the segmenter gives are kept.",
    ),
    Parameter(
        "track_memory",
        _FOLLOW.memory,
        "How long an object may be out of sight and still keep its track; for track.",
        limits=(0.0, 3600.0),
        unit="s",
    ),
    Parameter(
        "steady",
        _FOLLOW.steady,
        "Hysteresis over frames: none = each frame by itself, graph = edges and removal order "
        "change only after several frames in a row agree, masks = whole masks too. Needs "
        "persistent ids or track ids.",
        choices=STEADY,
    ),
    Parameter(
        "image_transport",
        "raw",
        "Transport of the inputs: raw = sensor_msgs/Image; compressed = jpeg or png on "
        "image/compressed, png on instance_mask/compressed, png or rvl on depth/compressedDepth.",
        choices=("raw", "compressed"),
        changes=INACTIVE,
    ),
    Parameter(
        "mask_transport",
        "same",
        "Transport of instance_mask; same = as image_transport.",
        choices=("same", "raw", "compressed"),
        changes=INACTIVE,
    ),
    Parameter(
        "depth_transport",
        "same",
        "Transport of depth; same = as image_transport.",
        choices=("same", "raw", "compressed"),
        changes=INACTIVE,
    ),
    Parameter(
        "input_reliability",
        "best_effort",
        "QoS reliability of the input subscriptions, unless qos_overrides set it; reliable "
        "receives nothing from a best_effort publisher.",
        choices=("best_effort", "reliable"),
        changes=INACTIVE,
    ),
    Parameter(
        "input_depth",
        1,
        "QoS history depth of the input subscriptions, unless qos_overrides set it.",
        limits=(1, 100),
        unit="messages",
        changes=INACTIVE,
    ),
    Parameter(
        "latched",
        False,
        "Whether subscribers that join late get the last answer (durability transient_local), for "
        "triggered cameras; every output is then computed for every frame, subscribed or not.",
        changes=UNCONFIGURED,
    ),
    Parameter(
        "publish_detections",
        False,
        "Whether the objects are also published as vision_msgs, on ~/detections_2d and "
        "~/detections_3d; needs the package vision_msgs.",
        changes=UNCONFIGURED,
    ),
    Parameter(
        "diagnostics_period",
        1.0,
        "Period of the messages on /diagnostics.",
        limits=(0.1, 60.0),
        unit="s",
    ),
    Parameter(
        "autostart",
        True,
        "Whether the node configures and activates itself at start.",
        changes=START,
    ),
)

BY_NAME = {p.name: p for p in PARAMETERS}
