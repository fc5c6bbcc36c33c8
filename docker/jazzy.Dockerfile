# ROS 2 Jazzy with n3d_ros built in a workspace. Not run in this project's own checks: they have no Docker.
#   docker build -f docker/jazzy.Dockerfile -t n3d_ros .
#   docker run --rm --network host --ipc host n3d_ros ros2 launch n3d_ros n3d.launch.py camera:=realsense
# --ipc host: Fast DDS passes images in shared memory between containers and host.
FROM ros:jazzy-perception

RUN apt-get update && apt-get install -y --no-install-recommends \
      python3-pip python3-opencv python3-pil python3-yaml \
      ros-jazzy-vision-msgs ros-jazzy-tf2-ros-py ros-jazzy-diagnostic-updater ros-jazzy-tf-transformations \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /workspace
COPY . src/n3d_ros
# What Ubuntu does not package; NumPy stays that of the distribution, for which cv_bridge is compiled.
RUN pip install --no-cache-dir --break-system-packages tokenizers onnxruntime "numpy<2"
RUN . /opt/ros/jazzy/setup.sh && colcon build --packages-select n3d_ros

RUN printf '#!/bin/sh\n. /opt/ros/jazzy/setup.sh\n. /workspace/install/setup.sh\nexec "$@"\n' > /entrypoint \
    && chmod +x /entrypoint
ENTRYPOINT ["/entrypoint"]
CMD ["ros2", "launch", "n3d_ros", "n3d.launch.py"]
