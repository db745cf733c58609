"""Speed and memory of qnetsim beside bare SimPy doing the same work in the same run."""
