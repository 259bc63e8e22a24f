# segan_ros on ROS 2 Jazzy: built with colcon in one stage, only what is needed to run in the other.
#   docker build -t segan_ros .
#   docker build -t segan_ros --build-arg RUNTIME='onnxruntime-gpu[cuda,cudnn]==1.22.*' .
# What was run with it, and what was not: docs/docker.md.
FROM ros:jazzy-ros-base AS build
WORKDIR /ws
COPY package.xml src/segan_ros/
RUN apt-get update \
 && rosdep update --rosdistro "$ROS_DISTRO" \
 && rosdep install --from-paths src --ignore-src -y --dependency-types build --dependency-types buildtool \
 && rm -rf /var/lib/apt/lists/*
COPY . src/segan_ros/
RUN . "/opt/ros/$ROS_DISTRO/setup.sh" && colcon build --packages-select segan_ros

FROM ros:jazzy-ros-base
# One of onnxruntime, onnxruntime-openvino (Intel CPUs), onnxruntime-gpu: never two.
ARG RUNTIME=onnxruntime-openvino
WORKDIR /ws
COPY package.xml src/segan_ros/
RUN apt-get update \
 && apt-get install -y --no-install-recommends python3-pip \
 && rosdep update --rosdistro "$ROS_DISTRO" \
 && rosdep install --from-paths src --ignore-src -y --dependency-types exec \
 && pip install --no-cache-dir --break-system-packages "$RUNTIME" 'rosbags>=0.11' \
 && rm -rf /var/lib/apt/lists/* src
COPY --from=build /ws/install install
# The profile gives images room in shared memory: docs/robot.md.
ENV FASTRTPS_DEFAULT_PROFILES_FILE=/ws/install/segan_ros/share/segan_ros/config/fastdds.xml
COPY docker/entrypoint.sh /entrypoint.sh
ENTRYPOINT ["/entrypoint.sh"]
CMD ["ros2", "launch", "segan_ros", "segan.launch.py"]
