from setuptools import find_packages, setup

NODES = ("sim", "fake_arm", "guard", "executor", "perception", "world_model", "memory", "agent")

setup(
    name="vista_ros",
    version="0.1.0",
    packages=find_packages(include=["vista_ros", "vista_ros.*"]),
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/vista_ros"]),
        ("share/vista_ros", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    extras_require={"test": ["pytest"]},
    zip_safe=True,
    maintainer="The vista-stack maintainers",
    maintainer_email="maintainers@vista-stack.org",
    description="Thin ROS 2 nodes around the vista, robomemory and vista_sim libraries.",
    license="Apache-2.0",
    entry_points={
        "console_scripts": [f"{node}_node = vista_ros.nodes.{node}_node:main" for node in NODES],
    },
)
