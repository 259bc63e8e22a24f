"""`qos_overrides` decide the QoS of every subscription and publisher, over real DDS."""

import threading

import pytest
import yaml

pytest.importorskip("rclpy")
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from ros_harness import KINDS, RELIABLE, SECOND, START, TIMEOUT, image_and_mask
from sensor_msgs.msg import Image

from segan_ros.host.resources import resource_path

pytestmark = pytest.mark.ros

INPUTS = ("/image", "/instance_mask", "/depth", "/camera_info", "/label_names")

OTHER = {"/imu": "reliable", "/tf": "best_effort", "/tf_static": "best_effort"}
"""Than the node asks for."""


def on(topic, endpoint, **policies):
    """Overrides of one topic, as parameters."""
    return {f"qos_overrides.{topic}.{endpoint}.{p}": value for p, value in policies.items()}


def of_segan(infos):
    return next((i.qos_profile for i in infos if i.node_name == "segan"), None)


@pytest.mark.parametrize("topic", INPUTS)
def test_subscription_of_every_input_is_overridden_and_no_other(start_node, robot, topic, capfd):
    overrides = on(topic, "subscription", reliability="reliable", durability="transient_local")
    start_node(**overrides)
    for each in INPUTS:
        seen = robot.wait(
            lambda t=each: of_segan(robot.node.get_subscriptions_info_by_topic(t)),
            f"the subscription of {each}",
        )
        assert (seen.reliability == ReliabilityPolicy.RELIABLE) == (each == topic)
        assert (seen.durability == DurabilityPolicy.TRANSIENT_LOCAL) == (each == topic)
    assert "no effect" not in capfd.readouterr().err


@pytest.mark.parametrize("topic", ["/imu", "/tf", "/tf_static"])
def test_subscriptions_that_tell_which_way_is_up_are_overridden(start_node, robot, topic, capfd):
    pytest.importorskip("tf2_msgs.msg")
    overrides = on(topic, "subscription", reliability=OTHER[topic])
    start_node(use_imu=True, gravity_frame="world", **overrides)
    seen = robot.wait(
        lambda: of_segan(robot.node.get_subscriptions_info_by_topic(topic)),
        f"the subscription of {topic}",
    )
    assert seen.reliability.name.lower() == OTHER[topic]
    assert "no effect" not in capfd.readouterr().err


@pytest.mark.parametrize("topic", ["/diagnostics", *(f"/segan/{name}" for name in KINDS)])
def test_every_publisher_is_overridden(start_node, robot, topic):
    publisher_is_overridden(start_node, robot, topic)


@pytest.mark.parametrize("topic", ["/segan/detections_2d", "/segan/detections_3d"])
def test_publishers_of_detections_are_overridden(start_node, robot, topic):
    if not hasattr(pytest.importorskip("vision_msgs.msg"), "Detection3DArray"):
        pytest.skip("tools/build_interfaces.py makes it")
    publisher_is_overridden(start_node, robot, topic, publish_detections=True)


def publisher_is_overridden(start_node, robot, topic, **parameters):
    overrides = on(topic, "publisher", reliability="best_effort", durability="transient_local")
    start_node(**parameters, **overrides)
    seen = robot.wait(
        lambda: of_segan(robot.node.get_publishers_info_by_topic(topic)), f"a publisher of {topic}"
    )
    assert seen.reliability == ReliabilityPolicy.BEST_EFFORT
    assert seen.durability == DurabilityPolicy.TRANSIENT_LOCAL


@pytest.mark.parametrize(
    "topic", ["/image/compressed", "/instance_mask/compressed", "/depth/compressedDepth"]
)
def test_compressed_subscription_is_overridden_by_its_own_topic(start_node, robot, topic, capfd):
    overrides = on(topic, "subscription", reliability="reliable")
    start_node(image_transport="compressed", **overrides)
    seen = robot.wait(
        lambda: of_segan(robot.node.get_subscriptions_info_by_topic(topic)),
        f"the subscription of {topic}",
    )
    assert seen.reliability == ReliabilityPolicy.RELIABLE
    assert "no effect" not in capfd.readouterr().err


def test_latched_image_from_before_the_node_is_received(start_node, robot):
    latched = QoSProfile(depth=1, reliability=RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    image, _ = image_and_mask()
    robot.node.create_publisher(Image, "image", latched).publish(image)
    overrides = on("/image", "subscription", reliability="reliable", durability="transient_local")
    node = start_node(**overrides)
    robot.wait(lambda: node.tally().received == 1, "the latched image")


LATE = QoSProfile(depth=1, reliability=RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)


def test_latched_outputs_reach_who_comes_after_the_only_frame(start_node, robot):
    node = start_node(latched=True)
    robot.send(*image_and_mask())
    robot.wait(lambda: node.tally().done == 1, "the frame")
    for name, kind in KINDS.items():
        heard = []
        robot.node.create_subscription(kind, f"/segan/{name}", heard.append, LATE)
        robot.wait(lambda h=heard: h, f"what was published on {name} before")
    assert not node.tally().dropped, "a frame that nobody waits for is not dropped"


def test_latched_outputs_are_of_the_last_frame(start_node, robot):
    node = start_node(latched=True)
    for second in range(2):
        robot.send(*image_and_mask(START + second * SECOND))
        robot.wait(lambda n=second: node.tally().done == n + 1, "the frame")
    heard = []
    robot.node.create_subscription(
        KINDS["occlusion_graph"], "/segan/occlusion_graph", heard.append, LATE
    )
    robot.wait(lambda: heard, "the last graph")
    assert heard[0].header.stamp.sec == START // SECOND + 1


def test_outputs_that_are_not_latched_reach_no_one_later(start_node, robot):
    node = start_node()
    robot.send(*image_and_mask())
    robot.wait(lambda: node.tally().dropped.get("no_subscriber"), "the drop")
    seen = robot.wait(
        lambda: of_segan(robot.node.get_publishers_info_by_topic("/segan/occlusion_graph")),
        "the publisher",
    )
    assert seen.durability == DurabilityPolicy.VOLATILE


@pytest.mark.parametrize(
    ("policies", "received"),
    [
        ({}, 2),
        ({"depth": 4}, 4),
        ({"history": "keep_all"}, 6),
    ],
)
def test_override_comes_before_input_depth(start_node, robot, policies, received):
    overrides = on("/image", "subscription", **policies)
    node = start_node(input_depth=2, input_reliability="reliable", **overrides)
    camera = robot.camera("image", reliability=RELIABLE)
    seen, entered, go_on = [], threading.Event(), threading.Event()

    def hold():
        entered.set()
        assert go_on.wait(TIMEOUT)

    holder = threading.Thread(target=lambda: node.do(hold))
    holder.start()
    assert entered.wait(TIMEOUT)
    other = QoSProfile(history=HistoryPolicy.KEEP_ALL, depth=1, reliability=RELIABLE)
    robot.node.create_subscription(Image, "image", seen.append, other)
    robot.wait(lambda: camera.get_subscription_count() == 2, "the second subscription")
    for n in range(6):
        camera.publish(image_and_mask(START + n * SECOND)[0])
    robot.wait(lambda: len(seen) == 6, "all images at another subscription")
    go_on.set()
    holder.join()
    robot.wait(lambda: node.tally().received == received, "the images that were kept")
    node.do(lambda: None)
    assert node.tally().received == received


def test_override_holds_after_a_new_activation_and_parameters_without_one_change(start_node, robot):
    node = start_node(**on("/image", "subscription", depth=7))
    node.do(node.node.trigger_deactivate)
    changed = [Parameter("input_depth", value=3)]
    assert node.do(lambda: node.node.set_parameters(changed))[0].successful
    node.do(node.node.trigger_activate)
    depths = {s.topic_name: s.qos_profile.depth for s in node.node.subscriptions}
    assert (depths["/image"], depths["/instance_mask"]) == (7, 3)


@pytest.mark.parametrize(
    ("policies", "text"),
    [
        (
            {"reliability": "besteffort"},
            "reliability is 'besteffort'; choose one of system_default, reliable, best_effort, "
            "best_available and restart the node",
        ),
        ({"depth": "many"}, "depth is 'many'; it must be an integer of at least 1 (messages)"),
        ({"depth": 0}, "depth is 0; it must be an integer of at least 1 (messages)"),
        ({"deadline": 0.1}, "deadline is 0.1; it must be an integer of at least 0 (nanoseconds)"),
    ],
)
@pytest.mark.parametrize("where", [("/image", "subscription"), ("/diagnostics", "publisher")])
def test_bad_override_fails_configure_with_value_limit_and_remedy(
    start_node, robot, policies, text, where
):
    heard = robot.hear("/diagnostics", DiagnosticArray)
    node = start_node(diagnostics_period=0.1, **on(*where, **policies))
    assert node.node.state == "unconfigured"
    problem = node.node.report().problem
    assert f"qos_overrides.{where[0]}.{where[1]}." in problem and text in problem
    robot.wait(lambda: heard, "diagnostics")


@pytest.mark.parametrize(
    "name",
    [
        "qos_overrides./imge.subscription.depth",
        "qos_overrides./image.publisher.depth",
        "qos_overrides./image.subscription.dept",
        "qos_overrides./image",
    ],
)
def test_override_of_nothing_is_a_warning(start_node, capfd, name):
    node = start_node(**{name: 2})
    assert node.node.state == "active"
    assert f"parameter '{name}' has no effect" in capfd.readouterr().err


def test_example_in_the_config_file_does_what_it_says(start_node, robot, capfd):
    lines = resource_path("config/segan.yaml").read_text().split("    # qos_overrides:\n")[1]
    lines = lines.partition("\n\n")[0]
    example = yaml.safe_load("".join(f"{line[6:]}\n" for line in lines.splitlines()))
    node = start_node(
        **{
            f"qos_overrides.{topic}.{endpoint}.{policy}": value
            for topic, endpoints in example.items()
            for endpoint, policies in endpoints.items()
            for policy, value in policies.items()
        }
    )
    assert node.node.state == "active" and "no effect" not in capfd.readouterr().err
    (images,) = (s for s in node.node.subscriptions if s.topic_name == "/image")
    assert images.qos_profile.durability == DurabilityPolicy.TRANSIENT_LOCAL
