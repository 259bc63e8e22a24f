"""Small programs to start from: what a grasp planner can do with the outputs."""
