//! The command line of the local stack.

fn main() {}
