# ROS 2 Jazzy with n3d_ros built in a workspace. Not run in this project's own checks: they have no Docker.
#   docker build -f docker/jazzy.Dockerfile -t n3d_ros .
#   docker run --rm --network host --ipc host n3d_ros ros2 launch n3d_ros n3d.launch.py camera:=realsense
# --ipc host: Fast DDS passes images in shared memory between containers and host.
FROM ros:jazzy

# What package.xml declares. It is copied alone, so that a change of code does not install anew.
WORKDIR /workspace
COPY package.xml src/n3d_ros/
RUN apt-get update && rosdep update --rosdistro jazzy \
    && rosdep install --from-paths src --ignore-src -y \
    && apt-get install -y --no-install-recommends python3-pip \
    && rm -rf /var/lib/apt/lists/*

# What Ubuntu does not package; NumPy stays that of the distribution, for which its messages are compiled.
COPY requirements/constraints/ros-distribution.txt /tmp/
RUN pip install --no-cache-dir --break-system-packages --constraint /tmp/ros-distribution.txt tokenizers onnxruntime

COPY . src/n3d_ros
RUN . /opt/ros/jazzy/setup.sh && colcon build --packages-select n3d_ros

RUN printf '#!/bin/sh\n. /opt/ros/jazzy/setup.sh\n. /workspace/install/setup.sh\nexec "$@"\n' > /entrypoint \
    && chmod +x /entrypoint
ENTRYPOINT ["/entrypoint"]
CMD ["ros2", "launch", "n3d_ros", "n3d.launch.py"]
