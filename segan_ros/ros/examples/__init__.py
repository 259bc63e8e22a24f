"""Small programs to start from: what a grasp planner may do with the answers."""
